/** Has the loopbacks of containers and of their networks' owners lead to each other, as those are that are followed. */
import { messageOf } from '../errors.ts'
import type { OwnerKernel, Service } from '../kernel/verbs.ts'
import { isShared, type Network } from '../model/network.ts'
import type { PerFamily } from '../model/options.ts'
import type { Follower } from './follower.ts'
import { type Host, ownerOf } from './host.ts'
import { sharedLoopbacks } from './loopback.ts'
import { OwnerServices } from './owner-services.ts'

/** Milliseconds between two attempts for a container that is starting, for so long after it has joined. */
const STARTING = 50
const START = 10_000
/** For others, after a failure too. */
const RETRY = 5000

export class LoopbackSharing {
	readonly #host: Host
	readonly #followers: () => readonly Follower[]
	readonly #services = new Map<OwnerKernel, OwnerServices>()

	constructor(host: Host, followers: () => readonly Follower[]) {
		this.#host = host
		this.#followers = followers
	}

	/** Looks at what owners listen on, if it is due at this moment, in milliseconds. */
	look(now: number): void {
		for (const network of this.#networks()) this.#servicesOf(network)?.look(now)
	}

	/** As all is by now. Answers when to try again, in milliseconds, if it has to be. */
	async share(follower: Follower, known?: PerFamily<readonly Service[]>): Promise<number> {
		const { sandbox, listeners, left, endpoint: followed } = follower
		const network = this.#host.store.get('network', '', followed.networkId)
		const endpoint = this.#host.store.get('endpoint', followed.networkId, followed.id)
		if (left || sandbox === undefined || listeners === undefined) return Number.POSITIVE_INFINITY
		if (network === undefined || endpoint === undefined || !isShared(network)) return Number.POSITIVE_INFINITY
		const served = known ?? this.#servicesOf(network)?.served()
		if (served === undefined) return Number.POSITIVE_INFINITY
		try {
			const done = await sandbox.share(sharedLoopbacks(network, endpoint, listeners, served))
			follower.loopbackTrouble = undefined
			if (done) return Number.POSITIVE_INFINITY
			return performance.now() - follower.since < START ? STARTING : RETRY
		} catch (error) {
			const trouble = messageOf(error)
			const what = `the loopback of endpoint ${endpoint.id} may not lead to ${follower.owner}: ${trouble}`
			if (trouble !== follower.loopbackTrouble) this.#host.warn(error, what)
			follower.loopbackTrouble = trouble
			return RETRY
		}
	}

	/** Those that are no network's any more. */
	forgetOwners(): void {
		const owners = new Set(this.#networks().map((each) => ownerOf(this.#host, each)))
		for (const [owner, services] of this.#services) {
			if (owners.has(owner)) continue
			this.#services.delete(owner)
			void services.close()
		}
	}

	/** After the looks under way. */
	async close(): Promise<void> {
		await Promise.all(Array.from(this.#services.values(), (each) => each.close()))
		this.#services.clear()
	}

	/** Of the containers that are followed. */
	#networks(): Network[] {
		const ids = new Set(this.#followers().map(({ endpoint }) => endpoint.networkId))
		return [...ids].flatMap((id) => this.#host.store.get('network', '', id) ?? [])
	}

	/** Undefined while the owner does not run. */
	#servicesOf(network: Network): OwnerServices | undefined {
		const owner = ownerOf(this.#host, network)
		if (owner === undefined) return undefined
		const there = this.#services.get(owner)
		if (there !== undefined) return there
		const services = new OwnerServices(this.#host, owner, () => this.#shareAll(owner, services))
		this.#services.set(owner, services)
		return services
	}

	/** What the owner serves is worked out once for all. */
	#shareAll(owner: OwnerKernel, services: OwnerServices): void {
		const served = services.served()
		const networks = this.#networks().filter((each) => ownerOf(this.#host, each) === owner)
		const ids = new Set(networks.map(({ id }) => id))
		for (const follower of this.#followers()) {
			if (ids.has(follower.endpoint.networkId)) void this.share(follower, served)
		}
	}
}
