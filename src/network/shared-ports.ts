/**
 * Follows what containers of networks with an owner listen on, and has it on the owner: this host, or a container. A container's namespace is
 * looked for once its link has left the host; then it is looked all the time whether sockets have begun or ended there, and at its sockets once some have.
 */
import { messageOf } from '../errors.ts'
import type { Listener, OwnerKernel, Sandbox } from '../kernel/verbs.ts'
import { type Endpoint, isShared, ownerName, type SharedNetwork } from '../model/network.ts'
import { isHeld } from './endpoints.ts'
import { type Followed, Follower } from './follower.ts'
import { publishFound, type RefusedPort } from './found-ports.ts'
import { type Host, ownerOf, settledNetworks } from './host.ts'
import { listeningOf, MOST_PORTS, numbersOf } from './listening.ts'
import { LoopbackSharing } from './loopback-sharing.ts'

/** Milliseconds between two looks at the counts: a socket is to be on the owner within 250. */
const PERIOD = 180
/** For so long after sockets may have come to the host: a program listens soon after it has made one. */
const STIRRED = 400
/** Between two looks at the counts where none can have come. */
const CALM = 900
/** Milliseconds between two looks for a container that is starting, for so long after it has joined. */
const STARTING = 50
const START = 10_000
/** Milliseconds for which a port of UDP has to be there whose number the kernel may have chosen: a client's ends soon. */
const SETTLE = 40
/** Milliseconds after which a port is tried again that somebody else has. */
const RETRY = 1000
/** Milliseconds after which sockets are looked at although none has begun or ended. */
const LONGEST = 300_000
/** Milliseconds between two searches for a namespace, which double up to the longest. */
const LONGEST_SEARCH = 5000

/** What of a container is not on its owner. */
export interface Refusals {
	readonly refused: readonly RefusedPort[]
	/** How many ports there are beyond the most that a container may have. */
	readonly beyond: number
}

export class SharedPorts {
	readonly #host: Host
	readonly #followers = new Map<string, Follower>()
	readonly #loopbacks: LoopbackSharing
	#timer: NodeJS.Timeout | undefined
	#wakesAt = Number.POSITIVE_INFINITY
	#stirredAt = Number.NEGATIVE_INFINITY
	#countedAt = Number.NEGATIVE_INFINITY
	#searching: Promise<void> | undefined
	/** What all looks, or the search, failed with the last time. */
	#trouble: string | undefined
	#closed = false

	constructor(host: Host) {
		this.#host = host
		this.#loopbacks = new LoopbackSharing(host, () => [...this.#followers.values()])
	}

	/** Follows all containers that there are. */
	followAll(): void {
		for (const network of settledNetworks(this.#host).filter(isShared)) {
			for (const endpoint of this.#host.store.list('endpoint', network.id)) this.#follow(network, endpoint)
		}
	}

	/** A container has joined, or is about to. */
	joined(networkId: string, endpointId: string): void {
		const network = this.#host.store.get('network', '', networkId)
		const endpoint = this.#host.store.get('endpoint', networkId, endpointId)
		if (network !== undefined && endpoint !== undefined && isShared(network)) this.#follow(network, endpoint)
	}

	/** The owner of a network is another one, or none, from now on. */
	ownerChanged(network: SharedNetwork): void {
		this.#loopbacks.forgetOwners()
		for (const follower of this.#followers.values()) {
			if (follower.endpoint.networkId === network.id) void this.#lookAnew(follower, ownerOf(this.#host, network))
		}
	}

	/** What it listens on is on its owner no more. */
	left(endpointId: string): void {
		const follower = this.#followers.get(endpointId)
		if (follower === undefined) return
		this.#followers.delete(endpointId)
		void this.#letGo(follower, true)
	}

	of(endpointId: string): Refusals {
		return this.#followers.get(endpointId) ?? { refused: [], beyond: 0 }
	}

	/** Waits for the looks under way; there will be no others. */
	async close(): Promise<void> {
		this.#closed = true
		clearTimeout(this.#timer)
		await this.#searching
		const followers = [...this.#followers.values()]
		this.#followers.clear()
		await Promise.all([this.#loopbacks.close(), ...followers.map((each) => this.#letGo(each))])
	}

	#follow(network: SharedNetwork, { networkId, id, link }: Endpoint): void {
		const before = this.#followers.get(id)
		if (before !== undefined) void this.#letGo(before)
		this.#followers.set(id, new Follower({ networkId, id, link }, ownerName(network), STARTING))
		this.#wake(0)
	}

	/** `parted`: the container may go on, without the network. */
	async #letGo(follower: Follower, parted = false): Promise<void> {
		const { sandbox, endpoint } = follower
		follower.left = true
		await follower.looking
		const warn = (error: unknown) =>
			this.#host.warn(
				error,
				`the loopback of endpoint ${endpoint.id} still leads to ${follower.owner}: ${messageOf(error)}`,
			)
		if (parted) await sandbox?.unshare().catch(warn)
		await sandbox?.close()
	}

	/** Looks again after so many milliseconds, if not before. */
	#wake(wait: number): void {
		const at = performance.now() + wait
		if (this.#closed || this.#wakesAt <= at) return
		clearTimeout(this.#timer)
		this.#wakesAt = at
		this.#timer = setTimeout(() => this.#tick(), wait)
		this.#timer.unref()
	}

	#tick(): void {
		this.#wakesAt = Number.POSITIVE_INFINITY
		const now = performance.now()
		try {
			this.#lookAround(now)
		} catch (error) {
			this.#failed(error)
		}
		const isStarting = ({ sandbox, since }: Follower) => sandbox === undefined && now - since < START
		if (this.#followers.size > 0) this.#wake([...this.#followers.values()].some(isStarting) ? STARTING : PERIOD)
	}

	#lookAround(now: number): void {
		const counts = this.#countsDue(now)
		if (counts) this.#loopbacks.look(now)
		const lost: Follower[] = []
		for (const follower of this.#followers.values()) {
			const { sandbox, looking, due } = follower
			if (sandbox === undefined) lost.push(follower)
			else if (looking === undefined && (due <= now || (counts && sandbox.stirred()))) this.#look(follower, sandbox)
		}
		const due = lost.filter((each) => each.searchDue <= now && this.#isAway(each.endpoint))
		if (due.length > 0) this.#searching ??= this.#search(due)
	}

	/** The same goes on for long: once, until it is something else. */
	#failed(error: unknown): void {
		const trouble = messageOf(error)
		if (trouble !== this.#trouble) this.#host.warn(error, `containers are not looked into: ${trouble}`)
		this.#trouble = trouble
	}

	#countsDue(now: number): boolean {
		if (this.#host.kernel.stirred()) this.#stirredAt = now
		if (now - this.#stirredAt > STIRRED && now - this.#countedAt < CALM) return false
		this.#countedAt = now
		return true
	}

	#isAway({ networkId, id }: Followed): boolean {
		const network = this.#host.store.get('network', '', networkId)
		const endpoint = this.#host.store.get('endpoint', networkId, id)
		if (endpoint === undefined) this.left(id)
		return network !== undefined && endpoint !== undefined && isHeld(this.#host, network, endpoint)
	}

	async #search(lost: readonly Follower[]): Promise<void> {
		for (const follower of lost) {
			follower.searchDue = performance.now() + follower.searchPause
			follower.searchPause = Math.min(LONGEST_SEARCH, follower.searchPause * 2)
		}
		try {
			const found = await this.#host.kernel.openSandboxes(lost.map(({ endpoint }) => endpoint.link))
			for (const follower of lost) {
				const sandbox = found.get(follower.endpoint.link)
				if (follower.left) await sandbox?.close()
				else follower.sandbox = sandbox
			}
			this.#trouble = undefined
		} catch (error) {
			this.#failed(error)
		}
		this.#searching = undefined
		this.#wake(0)
	}

	#look(follower: Follower, sandbox: Sandbox): void {
		const { endpoint } = follower
		const look = async (): Promise<void> => {
			const listeners = await sandbox.listeners()
			const wait = follower.left ? LONGEST : await this.#match(follower, sandbox.link, listeners)
			follower.due = performance.now() + Math.min(wait, await this.#loopbacks.share(follower))
			follower.trouble = undefined
			this.#wake(follower.due - performance.now())
		}
		follower.looking = look()
			.catch((error: unknown) => {
				const trouble = messageOf(error)
				const what = `ports of endpoint ${endpoint.id} may not be on ${follower.owner}: ${trouble}`
				if (trouble !== follower.trouble) this.#host.warn(error, what)
				follower.trouble = trouble
				follower.due = performance.now() + LONGEST_SEARCH
			})
			.finally(() => {
				follower.looking = undefined
			})
	}

	/** Answers after how many milliseconds the next look is due. */
	async #match(follower: Follower, link: number, listeners: readonly Listener[]): Promise<number> {
		const { networkId, id } = follower.endpoint
		const network = this.#host.store.get('network', '', networkId)
		const endpoint = this.#host.store.get('endpoint', networkId, id)
		if (network === undefined || endpoint === undefined || !isShared(network)) {
			this.left(id)
			return LONGEST
		}
		const settled = follower.settling.sift(listeners, this.#host.facts.ephemeralPorts(), numbersOf(endpoint))
		follower.listeners = settled
		// Its own ports go before the owner's from now on, however long it takes to publish them.
		void this.#loopbacks.share(follower)
		const { ports, beyond } = listeningOf(network, endpoint, settled, link)
		const refused = await publishFound(this.#host, endpoint, ports, follower.refused)
		this.#tell(follower, refused, beyond)
		follower.refused = refused
		follower.beyond = beyond
		if (settled.length < listeners.length) return SETTLE
		return refused.length > 0 ? RETRY : LONGEST
	}

	/** With the owner as it is by now, also where the last look saw nothing else. */
	async #lookAnew(follower: Follower, owner: OwnerKernel | undefined): Promise<void> {
		await follower.looking
		follower.refused = []
		follower.beyond = 0
		follower.due = 0
		if (owner === undefined) await follower.sandbox?.unshare().catch(() => undefined)
		this.#wake(0)
	}

	#tell(follower: Follower, refused: readonly RefusedPort[], beyond: number): void {
		const { endpoint, owner, refused: before, beyond: was } = follower
		const name = `endpoint ${endpoint.id.slice(0, 12)}`
		const known = new Set(before)
		for (const each of refused)
			if (!known.has(each)) this.#host.inform(`${name} listens on a port that is not on ${owner}: ${each.why}`)
		if (beyond > 0 && was === 0) {
			this.#host.inform(`${name} listens on ${MOST_PORTS + beyond} ports, of which ${MOST_PORTS} are on ${owner}`)
		}
	}
}
