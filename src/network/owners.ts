/**
 * Follows the containers that own networks of mode container: whether they run, and in which namespace. There all is as mode
 * host has it on the host. Docker is asked beside everything else, but for the creation of a network: see README.md.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { invalid, messageOf, within } from '../errors.ts'
import { Keeper, type KeeperLog, PartlyRepaired } from '../keeper.ts'
import { isOwned, type OwnedNetwork } from '../model/network.ts'
import { Following } from './following.ts'
import { forgetPortsOf } from './found-ports.ts'
import { endpointKey, type Host, settledNetworks } from './host.ts'
import { parseOptions } from './options.ts'
import { Owner } from './owner.ts'
import { type Standing, standingOf } from './owner-choice.ts'
import { type ContainerView, type Findings, type Found, searchOwners } from './owner-search.ts'
import { few } from './repairs.ts'
import type { SharedPorts } from './shared-ports.ts'
import type { NetworkRequest } from './verbs.ts'

/** Milliseconds for which a call waits for Docker before it refuses: see README.md. */
const PATIENCE = 2000
/** For all that is done to owners, one after the other. Whoever has it does not wait for Docker. No id is so. */
const OWNERS = 'owners'

const UNKNOWN: Standing = { state: 'unknown', why: 'Docker has not told of it yet' }

export class Owners {
	readonly #host: Host
	readonly #view: ContainerView
	readonly #sharedPorts: Pick<SharedPorts, 'ownerChanged'>
	readonly #looks: Keeper
	readonly #repairs: Keeper
	readonly #following: Following
	/** By the id of the container. */
	readonly #owners = new Map<string, Owner>()
	/** By the id of the network. */
	readonly #standings = new Map<string, Standing>()
	/** Ids of networks of which an earlier process of weft's left nothing with a container that does not own them by now. */
	readonly #known = new Set<string>()
	#isClosed = false
	#trouble: string | undefined

	/** Nothing is done before `restored`. `log` is of what others took away in the namespaces of owners. */
	constructor(
		host: Host,
		view: ContainerView,
		sharedPorts: Pick<SharedPorts, 'ownerChanged'>,
		restored: Promise<void>,
		log: KeeperLog,
	) {
		this.#host = host
		this.#view = view
		this.#sharedPorts = sharedPorts
		const look = async (): Promise<readonly string[]> => {
			await restored
			// Docker is off, and is not to be started by a question: see docker/README.md.
			if (this.#following.isOpen()) await this.#look()
			return []
		}
		const failed = (error: unknown) => this.#failed(error)
		this.#looks = new Keeper(look, { repaired: () => undefined, failed }, 0)
		this.#repairs = new Keeper(() => this.#repair(), log)
		this.#following = new Following(view, () => this.#looks.tell(''), failed)
	}

	/** How the owner of a network stands, as Docker last told. */
	of(networkId: string): Standing {
		return this.#standings.get(networkId) ?? UNKNOWN
	}

	/** There may be another network or Docker. While there are networks, what happens to containers is followed. */
	look(): void {
		if (this.#isClosed) return
		if (this.#isIdle()) return void this.#following.close()
		this.#looks.tell('')
		this.#following.open()
	}

	/** Nobody knows yet whether Docker is there: it is asked when dockerd is seen, and looked for when it tells. */
	begin(): void {
		if (!this.#isClosed && !this.#isIdle()) void this.#following.resume()
	}

	/** Docker calls, and so is there again, if it was not. */
	called(): void {
		if (!this.#following.isOpen()) this.look()
	}

	/** Looks at what is with owners, also where nobody has told of anything. Docker is not asked by the clock. */
	lookAround(): void {
		if (this.#isIdle()) void this.#following.close()
		else this.#repairs.tell('it was found so in a look at everything')
	}

	/** @throws WeftError `invalid` for an owner that is not there, or shares the network of somebody else */
	async check({ id, options: raw }: NetworkRequest): Promise<void> {
		const options = parseOptions(raw)
		if (options.mode !== 'container' || this.#host.store.get('network', '', id) !== undefined) return
		const containers = await this.#view.list(PATIENCE).catch((error: unknown) => {
			this.#host.warn(error, `whether there is a container ${options.container} is not known: ${messageOf(error)}`)
		})
		if (containers === undefined) return
		refuseUnfit(standingOf(options.container, containers, this.#host.store.list('network', '')), options.container)
	}

	/** @throws WeftError `invalid` where the owner of the network is known not to be one, also by the last news */
	async mustServe(networkId: string): Promise<void> {
		const network = this.#host.store.get('network', '', networkId)
		if (network === undefined || !isOwned(network) || isFit(this.of(networkId))) return
		if (await this.#looked()) refuseUnfit(this.of(networkId), network.options.container)
	}

	/** A container has joined. */
	joined(networkId: string, endpointId: string): void {
		const owner = this.#ownerOf(networkId)
		if (owner === undefined) return
		const work = () => this.#host.mutex.run(endpointKey(endpointId), () => owner.attach(networkId, endpointId))
		void work().catch((error: unknown) => {
			this.#host.warn(error, `endpoint ${endpointId} is not with the owner of its network: ${messageOf(error)}`)
			this.#looks.tell('')
		})
	}

	/** A network is about to go: nothing of it is left with its owner, if Docker tells in time who that is. */
	async dismiss(networkId: string): Promise<void> {
		const network = this.#host.store.get('network', '', networkId)
		if (network !== undefined && isOwned(network) && !this.#standings.has(networkId)) await this.#looked()
		this.#standings.delete(networkId)
		this.#known.delete(networkId)
		if (this.#ownerOf(networkId) === undefined) return
		await this.#host.mutex.run(OWNERS, async () => {
			const owner = this.#ownerOf(networkId)
			await owner?.takeFrom(networkId)
			if (owner?.isIdle() === true) await this.#end(owner)
		})
	}

	/** Waits for the look under way; there will be no other. What was made stays. */
	async close(): Promise<void> {
		this.#isClosed = true
		await this.#following.close()
		await Promise.all([this.#looks.close(), this.#repairs.close()])
		await Promise.all(Array.from(this.#owners.values(), (each) => each.close()))
		this.#owners.clear()
	}

	/** Waits for the look that is due. False where Docker lets it wait for too long. */
	async #looked(): Promise<boolean> {
		const late = sleep(PATIENCE, false, { ref: false })
		return Promise.race([this.#looks.due().then(() => true), late])
	}

	#isIdle(): boolean {
		return this.#owned().length === 0 && this.#owners.size === 0
	}

	#owned(): OwnedNetwork[] {
		return settledNetworks(this.#host).filter(isOwned)
	}

	#ownerOf(networkId: string): Owner | undefined {
		return [...this.#owners.values()].find((each) => each.owns(networkId))
	}

	/** The same may go on for long: once, until a look without it. */
	#failed(error: unknown): void {
		const trouble = messageOf(error)
		const what =
			error instanceof PartlyRepaired ? 'not all owners have their networks' : 'owners of networks are not followed'
		if (trouble !== this.#trouble) this.#host.warn(error, `${what}: ${trouble}`)
		this.#trouble = trouble
	}

	/** Docker is asked before the lock is taken: removals wait for that. */
	async #look(): Promise<void> {
		const networks = this.#owned()
		const containers = networks.length === 0 ? [] : await this.#view.list()
		const standings = new Map(
			networks.map(({ id, options }) => [id, standingOf(options.container, containers, networksOf(this.#host))]),
		)
		const running = new Set(containers.filter((each) => each.running).map(({ id }) => id))
		const former = networks.flatMap(({ id, owner }) => (owner === undefined || this.#known.has(id) ? [] : owner))
		const ids = new Set([...[...standings.values()].flatMap(runningId), ...former.filter((id) => running.has(id))])
		const findings = await searchOwners(this.#view, ids, (id) => this.#owners.get(id)?.pid)
		try {
			await this.#host.mutex.run(OWNERS, () => this.#settle(standings, findings))
		} finally {
			for (const { kernel } of findings.found.values()) await kernel?.close()
		}
		if (this.#isIdle()) void this.#following.close()
		if (findings.errors.length > 0) throw new PartlyRepaired([], findings.errors)
		this.#trouble = undefined
	}

	/** As it was found, for the networks that there are still. Takes the kernels that it needs out of `found`. */
	async #settle(standings: ReadonlyMap<string, Standing>, { found, unknown, errors }: Findings): Promise<void> {
		const networks = this.#owned().filter(({ id }) => standings.has(id))
		for (const network of networks) this.#tell(network, standings.get(network.id) ?? UNKNOWN)
		const wantedOf = (owner: string) => networks.filter(({ id }) => runningId(standings.get(id)).includes(owner))
		// Whoever has a network no more gives it back before another one gets it.
		for (const owner of [...this.#owners.values()]) {
			const wanted = wantedOf(owner.id)
			const stays = wanted.length > 0 && found.get(owner.id)?.pid === owner.pid
			await (stays ? owner.keep(wanted) : this.#end(owner)).catch((error: unknown) => errors.push(error))
		}
		const isElsewhere = ({ id, owner = '' }: OwnedNetwork) => {
			return !this.#known.has(id) && (found.has(owner) || unknown.has(owner))
		}
		for (const [id, each] of found) {
			const wanted = wantedOf(id)
			const left = networks.filter((each) => each.owner === id && isElsewhere(each) && !wanted.includes(each))
			const kept = wanted.filter((each) => each.owner === id || !isElsewhere(each))
			await this.#open(id, each, kept, left).catch((error: unknown) => {
				unknown.add(id)
				errors.push(error)
			})
		}
		for (const { id, owner } of networks) if (owner === undefined || !unknown.has(owner)) this.#known.add(id)
		for (const id of found.keys()) {
			const wanted = wantedOf(id).filter((each) => this.#known.has(each.id))
			await this.#serve(id, wanted).catch((error: unknown) => errors.push(error))
		}
		const isNowhere = ({ id, owner = '' }: OwnedNetwork) => {
			return runningId(standings.get(id)).length === 0 && !unknown.has(owner) && this.#ownerOf(id) === undefined
		}
		// Of an owner that ended while weft was away nobody else does it.
		await forgetPortsOf(this.#host, networks.filter(isNowhere)).catch((error: unknown) => errors.push(error))
	}

	/** Once for each change. */
	#tell(network: OwnedNetwork, standing: Standing): void {
		const before = this.#standings.get(network.id)
		this.#standings.set(network.id, standing)
		if (before?.why === standing.why || (before === undefined && standing.state === 'running')) return
		this.#host.inform(`network ${network.id.slice(0, 12)} of mode container: ${standing.why}`)
	}

	/** Unless it is. `kept` are networks that it may have already; `left` are others' that it had when weft was here last. */
	async #open(id: string, found: Found, kept: readonly OwnedNetwork[], left: readonly OwnedNetwork[]): Promise<void> {
		const { pid, kernel } = found
		// It was let go of since it was found: of the network that went then, another look is told.
		if (kernel === undefined) return
		const owner = new Owner(this.#host, { id, pid }, kernel, (network) => this.#sharedPorts.ownerChanged(network))
		await owner.clear(left)
		kernel.watch((cause) => this.#repairs.tell(`with container ${id.slice(0, 12)}, ${cause}`))
		delete found.kernel
		this.#owners.set(id, owner)
		await owner.open(kept)
	}

	async #serve(id: string, networks: readonly OwnedNetwork[]): Promise<void> {
		const owner = this.#owners.get(id)
		if (owner === undefined) return
		await owner.give(networks)
		if (owner.isIdle()) await this.#end(owner)
	}

	#repair(): Promise<string[]> {
		return this.#host.mutex.run(OWNERS, async () => {
			const [done, errors]: [string[], unknown[]] = [[], []]
			for (const owner of this.#owners.values()) {
				const name = `container ${owner.id.slice(0, 12)}`
				const found = await owner.repair().catch((error: unknown) => {
					errors.push(within(name, error))
					return error instanceof PartlyRepaired ? error.done : []
				})
				if (found.length > 0) done.push(`put right what is with ${name}, of which ${few(found)}`)
			}
			if (errors.length > 0) throw new PartlyRepaired(done, errors)
			return done
		})
	}

	async #end(owner: Owner): Promise<void> {
		this.#owners.delete(owner.id)
		await owner.end()
	}
}

function networksOf({ store }: Host) {
	return store.list('network', '')
}

/** None or one. */
function runningId(standing: Standing | undefined): string[] {
	return standing?.state === 'running' ? [standing.id] : []
}

function isFit({ state }: Standing): boolean {
	return state !== 'missing' && state !== 'unfit'
}

function refuseUnfit(standing: Standing, container: string): void {
	if (isFit(standing)) return
	throw invalid(`container=${JSON.stringify(container)} cannot share its network: ${standing.why}`)
}
