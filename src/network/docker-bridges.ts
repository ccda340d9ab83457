/**
 * Which bridges are Docker's, so that weft's networks are kept apart from them: by Docker's own names, and by what Docker
 * says of the others. It is asked when a container may be on a bridge that nobody knows, and what it said is remembered:
 * its containers start before it answers, and outlive it.
 */
import { Keeper } from '../keeper.ts'
import { type Element, element } from '../kernel/resource.ts'
import { isLinkName, mayBeLinkName } from '../model/names.ts'
import { hasBridge } from '../model/network.ts'
import type { Change } from '../store/store.ts'
import type { Host } from './host.ts'

export interface Link {
	readonly index: number
	readonly name: string
	readonly kind?: string
	readonly masterIndex?: number
}

export interface DockerView {
	/** All links of this host. */
	links(): Promise<readonly Link[]>
	/** The names of bridges that Docker's networks were given. May take for ever, and is not to be waited for. */
	bridgeNames(): Promise<readonly string[]>
	/** Breaks off a question under way. */
	close(): void
}

export interface DockerBridgesLog {
	info(message: string): void
	warn(error: unknown, message: string): void
}

export class DockerBridges {
	readonly #host: Host
	readonly #view: DockerView
	readonly #log: DockerBridgesLog
	readonly #questions: Keeper
	/** Indexes of the bridges with Docker's own names: what joins these needs no question. */
	readonly #named = new Set<number>()
	/** The last of the changes, which are made one after the other. */
	#last: Promise<void>
	/** Nothing was restored, and nothing will be: what there is in the kernel stays as it is. */
	#isOver = false
	#answers = true
	/** Names of bridges of Docker's that no rule can have, of which people have been told. */
	readonly #unnameable = new Set<string>()

	/** Nothing is asked or changed before `restored`, when those that are there have been put in. */
	constructor(host: Host, view: DockerView, restored: Promise<void>, log: DockerBridgesLog) {
		this.#host = host
		this.#view = view
		this.#log = log
		this.#last = restored.catch(() => {
			this.#isOver = true
		})
		const restful = this.#last
		// At once: a container that has joined a bridge is about to start.
		this.#questions = new Keeper(() => restful.then(() => (this.#isOver ? [] : this.#ask())), this.#questionLog(), 0)
	}

	/** The elements for those of these links that are Docker's. */
	apart(links: readonly Link[]): Element[] {
		const found = links.filter((link) => this.#isDockers(link))
		for (const { name, index } of found) if (this.#host.facts.isDockers(name)) this.#named.add(index)
		return found.map(({ name }) => elementOf(name))
	}

	/** A link came or changed. */
	changed(link: Link): void {
		const elements = this.apart([link])
		if (elements.length > 0) this.#next(() => this.#host.kernel.ensure(elements))
		// By a name that is remembered it may be somebody else's by now.
		if (elements.length > 0 ? !this.#named.has(link.index) : this.#joinsUnknown(link)) this.look()
	}

	gone({ index, name, kind }: Link): void {
		this.#named.delete(index)
		if (kind !== 'bridge' || !(this.#host.facts.isDockers(name) || this.#remembers(name))) return
		this.#next(() => this.#host.kernel.remove([elementOf(name)]))
	}

	/** More links changed than could be followed. */
	lost(): void {
		this.#next(async () => this.#host.kernel.ensure(this.apart(await this.#view.links())))
		this.look()
	}

	/** Something happened after which Docker may have an answer, or another one. */
	look(): void {
		this.#questions.tell('')
	}

	/** There will be no other question. */
	async close(): Promise<void> {
		this.#answers = false
		this.#view.close()
		await this.#questions.close()
		await this.#last
	}

	async #ask(): Promise<readonly string[]> {
		if (!this.#hasDoubts(await this.#view.links())) return []
		const names = new Set(await this.#view.bridgeNames())
		this.#answers = true
		// Of now: the answer may have taken its time.
		const [links, waysOut] = [await this.#view.links(), await this.#host.facts.waysOut()]
		// A container of Docker's beside the host's own way out is one of those out there, to be reached as they are.
		for (const { index, name } of links) if (waysOut.includes(index)) names.delete(name)
		const found = links.filter((link) => this.#isUnknown(link) && names.has(link.name))
		for (const { name } of found) if (!isLinkName(name)) this.#tellOfName(name)
		const fresh = found.filter(({ name }) => isLinkName(name))
		const stale = this.#remembered().filter((name) => !names.has(name) || this.#isWefts(name))
		await this.#learn(fresh, stale)
		return []
	}

	/** Once: Docker is asked each time a container joins it. */
	#tellOfName(name: string): void {
		if (this.#unnameable.has(name)) return
		this.#unnameable.add(name)
		const quoted = JSON.stringify(name)
		const why = new Error(`${quoted} is no name for a rule: letters, digits, dots, dashes and underscores are`)
		this.#log.warn(why, `networks are not kept apart from ${quoted}, a bridge of Docker's, because of its name`)
	}

	/** Whether Docker could tell more of any of these than is known. */
	#hasDoubts(links: readonly Link[]): boolean {
		const joined = new Set(links.filter(isForeign).map(({ masterIndex }) => masterIndex))
		return links.some((link) => this.#remembers(link.name) || (this.#isUnknown(link) && joined.has(link.index)))
	}

	async #learn(fresh: readonly Link[], stale: readonly string[]): Promise<void> {
		const record = { kind: 'dockerBridge', group: '' } as const
		const changes: Change[] = [
			...fresh.map(({ name }) => ({ ...record, id: name, value: { name } })),
			...stale.map((name) => ({ ...record, id: name })),
		]
		await this.#host.store.commit(changes)
		for (const { name } of fresh) this.#log.info(`${name} is a bridge of Docker's: networks are kept apart from it`)
		for (const name of stale) this.#log.info(`${name} is no bridge of Docker's any more`)
		this.#next(async () => {
			await this.#host.kernel.remove(stale.map(elementOf))
			await this.#host.kernel.ensure(this.apart(fresh))
		})
		await this.#last
	}

	/** Whether it is a container's link, but not one of weft's, that joins a bridge without one of Docker's own names. */
	#joinsUnknown(link: Link): boolean {
		return isForeign(link) && link.masterIndex !== undefined && !this.#named.has(link.masterIndex)
	}

	#isDockers({ kind, name }: Link): boolean {
		if (kind !== 'bridge') return false
		return this.#host.facts.isDockers(name) || (this.#remembers(name) && !this.#isWefts(name))
	}

	#isUnknown(link: Link): boolean {
		return link.kind === 'bridge' && !this.#isDockers(link) && !this.#isWefts(link.name)
	}

	/** Also one that was there before its network. */
	#isWefts(name: string): boolean {
		return this.#host.store.list('network', '').some((network) => hasBridge(network) && network.bridge === name)
	}

	#remembers(name: string): boolean {
		return this.#host.store.get('dockerBridge', '', name) !== undefined
	}

	#remembered(): string[] {
		return this.#host.store.list('dockerBridge', '').map(({ name }) => name)
	}

	#next(work: () => Promise<void>): void {
		this.#last = this.#last
			.then(() => (this.#isOver ? undefined : work()))
			.catch((error: unknown) => {
				this.#log.warn(error, 'a bridge of Docker is not kept apart')
			})
	}

	/** Docker may be away for long, which is said once. */
	#questionLog() {
		return {
			repaired: () => undefined,
			failed: (error: unknown) => {
				if (this.#answers) this.#log.warn(error, 'bridges of Docker with names of their own may not be kept apart')
				this.#answers = false
			},
		}
	}
}

/** The host's end of a container's link that is not weft's. */
function isForeign({ kind, name }: Link): boolean {
	return kind === 'veth' && !mayBeLinkName(name)
}

function elementOf(bridge: string): Element {
	return element('docker_bridges', [bridge])
}
