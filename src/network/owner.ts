/** A container that owns networks, and what it has of them in its namespace: as mode host has it on the host. */
import { messageOf, within } from '../errors.ts'
import { PartlyRepaired } from '../keeper.ts'
import type { Resource } from '../kernel/resource.ts'
import type { ContainerKernel } from '../kernel/verbs.ts'
import { type Endpoint, isOwned, type OwnedNetwork } from '../model/network.ts'
import { ownerModeOf } from '../modes/index.ts'
import { isAlive, ownedBy } from './endpoints.ts'
import { forgetPorts, forgetPortsOf } from './found-ports.ts'
import { endpointKey, type Host, put } from './host.ts'

/** Calls of one owner go one after the other, but for `attach`. */
export class Owner {
	/** Of the container. */
	readonly id: string
	/** Of its first process. */
	readonly pid: number
	readonly #host: Host
	readonly #kernel: ContainerKernel
	/** Called for a network that has it as its owner from now on, or no more. */
	readonly #changed: (network: OwnedNetwork) => void
	readonly #networks = new Map<string, OwnedNetwork>()

	constructor(
		host: Host,
		container: { readonly id: string; readonly pid: number },
		kernel: ContainerKernel,
		changed: (network: OwnedNetwork) => void,
	) {
		this.#host = host
		this.id = container.id
		this.pid = container.pid
		this.#kernel = kernel
		this.#changed = changed
	}

	owns(networkId: string): boolean {
		return this.#networks.has(networkId)
	}

	/** Of networks that are another's by now: links, of which each can be with one only, and ports. What else there is goes with `open`. */
	async clear(networks: readonly OwnedNetwork[]): Promise<void> {
		const all = networks.flatMap((each) => planOf(each, this.#endpointsOf(each)))
		await this.#kernel.remove(all.filter(({ kind }) => kind !== 'element'))
		await forgetPortsOf(this.#host, networks)
	}

	/** With all at once, so that what was there before this process was is never gone meanwhile. */
	async open(networks: readonly OwnedNetwork[]): Promise<void> {
		const attached = (await this.#enter(networks)).map((network) => ({ network, endpoints: this.#attachedTo(network) }))
		const plan = attached.flatMap(({ network, endpoints }) => planOf(network, endpoints))
		for (const error of await this.#kernel.restore(plan)) {
			this.#host.warn(error, `not restored with container ${this.id.slice(0, 12)}: ${messageOf(error)}`)
		}
		const errors: unknown[] = []
		await this.give(networks).catch((error: unknown) => errors.push(error))
		for (const { network, endpoints } of attached) {
			for (const each of endpoints) await this.#dropLeft(network, each)
		}
		if (errors.length > 0) throw new AggregateError(errors)
	}

	/** No others than these, of those that it has. */
	async keep(networks: readonly OwnedNetwork[]): Promise<void> {
		for (const id of this.#networks.keys()) if (!networks.some((each) => each.id === id)) await this.takeFrom(id)
	}

	/** These too. One that cannot be made does not keep others away. */
	async give(networks: readonly OwnedNetwork[]): Promise<void> {
		const errors: unknown[] = []
		for (const network of await this.#enter(networks.filter(({ id }) => !this.owns(id)))) {
			await this.#give(network).catch((error: unknown) => errors.push(within(phraseOf(network), error)))
		}
		if (errors.length > 0) throw new AggregateError(errors)
	}

	/** As it is on record by then. For whoever holds the endpoint's mutex. */
	async attach(networkId: string, endpointId: string): Promise<void> {
		const network = this.#networks.get(networkId)
		const endpoint = this.#host.store.get('endpoint', networkId, endpointId)
		if (network === undefined || endpoint === undefined || !this.#host.kernel.hasLink(endpoint.link)) return
		await this.#kernel.ensure(ownerModeOf(network).attached(network, endpoint))
	}

	/** Goes on to the end: the container may be gone, and what is left of it with it. Throws then, where a record could not be written. */
	async takeFrom(networkId: string): Promise<void> {
		const network = this.#networks.get(networkId)
		this.#networks.delete(networkId)
		this.#host.owners.delete(networkId)
		if (network === undefined) return
		const errors: unknown[] = []
		for (const { id } of this.#host.store.list('endpoint', networkId)) {
			const work = this.#host.mutex.run(endpointKey(id), () => this.#detach(network, id))
			await work.catch((error: unknown) => errors.push(error))
		}
		await this.#kernel.remove(ownerModeOf(network).network(network)).catch(() => undefined)
		this.#changed(network)
		if (errors.length > 0) throw new AggregateError(errors)
	}

	/** Puts back what somebody took away there; what that was, for people. @throws PartlyRepaired after all else is put back */
	async repair(): Promise<string[]> {
		const found = [...(await this.#kernel.compareTables())]
		if (found.length > 0) await this.#kernel.renewTables()
		const errors: unknown[] = []
		for (const network of this.#networks.values()) {
			const attempt = async (work: Promise<readonly string[]>) => {
				await work.then(
					(done) => found.push(...done),
					(error: unknown) => errors.push(within(phraseOf(network), error)),
				)
			}
			await attempt(this.#kernel.repair(ownerModeOf(network).network(network)))
			for (const { id } of this.#endpointsOf(network)) {
				await attempt(this.#host.mutex.run(endpointKey(id), () => this.#repairEndpoint(network, id)))
			}
		}
		if (errors.length > 0) throw new PartlyRepaired(found, errors)
		return found
	}

	/** Nothing is left there, where another container may go on. */
	async end(): Promise<void> {
		const errors: unknown[] = []
		for (const id of this.#networks.keys()) await this.takeFrom(id).catch((error: unknown) => errors.push(error))
		await this.#kernel.removeTables().catch(() => undefined)
		await this.close()
		if (errors.length > 0) throw new AggregateError(errors)
	}

	/** All stays as it is. */
	close(): Promise<void> {
		return this.#kernel.close()
	}

	/** True when it owns nothing any more. */
	isIdle(): boolean {
		return this.#networks.size === 0
	}

	/** On record before anything is made there, so that a restart knows who may have something. Answers those that there are still. */
	async #enter(networks: readonly OwnedNetwork[]): Promise<OwnedNetwork[]> {
		const { mutex, store } = this.#host
		const entered: OwnedNetwork[] = []
		for (const { id } of networks) {
			await mutex.run(id, async () => {
				const network = store.get('network', '', id)
				if (network?.settled !== true || !isOwned(network)) return
				const owned: OwnedNetwork = { ...network, owner: this.id }
				if (network.owner !== this.id) await store.commit([put(owned)])
				entered.push(owned)
			})
		}
		return entered
	}

	async #give(network: OwnedNetwork): Promise<void> {
		await this.#kernel.ensure(ownerModeOf(network).network(network))
		this.#networks.set(network.id, network)
		this.#host.owners.set(network.id, this.#kernel)
		const errors: unknown[] = []
		for (const { id } of this.#endpointsOf(network)) {
			const work = this.#host.mutex.run(endpointKey(id), () => this.attach(network.id, id))
			await work.catch((error: unknown) => errors.push(error))
		}
		this.#changed(network)
		if (errors.length > 0) throw new AggregateError(errors)
	}

	#endpointsOf({ id }: OwnedNetwork): readonly Endpoint[] {
		return this.#host.store.list('endpoint', id)
	}

	#attachedTo(network: OwnedNetwork): Endpoint[] {
		return this.#endpointsOf(network).filter((each) => isAlive(this.#host, network, each))
	}

	async #repairEndpoint(network: OwnedNetwork, id: string): Promise<readonly string[]> {
		const endpoint = this.#host.store.get('endpoint', network.id, id)
		if (endpoint === undefined || !isAlive(this.#host, network, endpoint)) return []
		return this.#kernel.repair(ownedBy(network, endpoint))
	}

	/** Of one that has left since it was planned, when nobody knew yet that there was something here to be taken away. */
	#dropLeft(network: OwnedNetwork, planned: Endpoint): Promise<void> {
		return this.#host.mutex.run(endpointKey(planned.id), async () => {
			const endpoint = this.#host.store.get('endpoint', network.id, planned.id)
			if (endpoint !== undefined && isAlive(this.#host, network, endpoint)) return
			await this.#kernel.remove(ownedBy(network, planned))
		})
	}

	async #detach(network: OwnedNetwork, endpointId: string): Promise<void> {
		const endpoint = this.#host.store.get('endpoint', network.id, endpointId)
		if (endpoint === undefined) return
		await this.#kernel.remove(ownedBy(network, endpoint)).catch(() => undefined)
		await forgetPorts(this.#host, endpoint)
	}
}

function phraseOf({ id }: OwnedNetwork): string {
	return `network ${id.slice(0, 12)}`
}

/** All that there is with its owner of a network with these endpoints. */
function planOf(network: OwnedNetwork, endpoints: readonly Endpoint[]): Resource[] {
	return [...ownerModeOf(network).network(network), ...endpoints.flatMap((each) => ownedBy(network, each))]
}
