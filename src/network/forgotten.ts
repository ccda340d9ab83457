/**
 * What Docker has forgotten while weft was away: networks, endpoints, pools and addresses whose last call got lost. Docker is
 * asked, beside everything else, and what it has no more is taken away once that is proved; see the README.
 */
import { within } from '../errors.ts'
import { Keeper, type KeeperLog, PartlyRepaired } from '../keeper.ts'
import { formatIp, tryParseIp } from '../model/address.ts'
import type { Endpoint, Network, Sighting } from '../model/network.ts'
import type { Lease, Pool } from '../model/pool.ts'
import { isHeld, isUsed, removeEndpoint } from './endpoints.ts'
import type { Host } from './host.ts'
import { type ListedNetwork, Listing } from './listing.ts'
import type { NetworkVerbs } from './verbs.ts'

/** Milliseconds for which Docker is without something until it counts as forgotten: far more than any call takes. */
const PROOF = 240_000
/** Milliseconds after a call until Docker is asked: it lists a network only when it has had weft's answer. */
const SETTLE = 10_000
/** After these there is something to be remembered. */
const CREATIONS: readonly string[] = ['NetworkDriver.CreateNetwork', 'IpamDriver.RequestPool']

export interface ListedEndpoints {
	readonly ids: readonly string[]
	readonly addresses: readonly string[]
}

/** What Docker is asked. Each may take for ever. */
export interface EngineView {
	engine(): Promise<string>
	networks(): Promise<readonly ListedNetwork[]>
	/** Fails where the network is gone. */
	endpoints(networkId: string): Promise<ListedEndpoints>
}

/** Of weft's IPAM. */
export interface Addresses {
	releasePool(poolId: string): Promise<void>
	releaseAddress(poolId: string, address: string): Promise<void>
}

/** A record that Docker seems to have nothing for any more. */
interface Suspect {
	readonly record: Network | Sighting | Endpoint | Pool | Lease
	/** For people. */
	readonly name: string
	/** What was done, for people, where there was something to take away. */
	readonly take: () => Promise<string | undefined>
}

export class Forgotten {
	readonly #host: Host
	readonly #verbs: Pick<NetworkVerbs, 'deleteNetwork'>
	readonly #addresses: Addresses
	readonly #view: EngineView
	readonly #keeper: Keeper
	/** Since when a record, which nobody has written since, was without anything at Docker in each look. */
	#since = new Map<object, number>()
	/** Ids of networks of which people have been told that nobody seems to have them. */
	readonly #told = new Set<string>()
	#called = false
	/** When the next of them is proved to be forgotten, where Docker is without it still. */
	#due = Number.POSITIVE_INFINITY
	/** Since the start of the daemon, before which calls may have been lost. */
	#hasLooked = false

	/** Nothing is asked before `ready`. */
	constructor(
		host: Host,
		verbs: Pick<NetworkVerbs, 'deleteNetwork'>,
		addresses: Addresses,
		view: EngineView,
		ready: Promise<void>,
		log: KeeperLog,
	) {
		this.#host = host
		this.#verbs = verbs
		this.#addresses = addresses
		this.#view = view
		this.#keeper = new Keeper(() => ready.then(() => this.look()), log, SETTLE)
	}

	/** dockerd has called: it is there, and may be asked. */
	called(method: string): void {
		this.#called = true
		if (!this.#hasLooked || CREATIONS.includes(method) || performance.now() >= this.#due) this.#schedule()
	}

	/** Looks, where dockerd has called since the last time: one that is off must not be started by a question. */
	lookAround(): void {
		if (this.#called) this.#schedule()
	}

	/** Waits for the look under way, whose question somebody else breaks off; there will be no other. */
	close(): Promise<void> {
		return this.#keeper.close()
	}

	/** Asks Docker, remembers what it has, and takes away what it was without for long enough. */
	async look(): Promise<readonly string[]> {
		this.#called = false
		const { store } = this.#host
		const owners = [...store.list('network', ''), ...store.list('pool', ''), ...store.list('sighting', '')]
		if (owners.length === 0) return []
		const engine = await this.#view.engine()
		this.#hasLooked = true
		const listing = new Listing(this.#host, engine, await this.#view.networks())
		await listing.remember()
		this.#tell(listing.doubtful())
		// A pool after its network: whoever gets it next is not to find another's bridge.
		return this.#takeProved([...this.#gone(listing), ...(await this.#goneMembers(listing))])
	}

	async #takeProved(suspects: readonly Suspect[]): Promise<readonly string[]> {
		const since = new Map<object, number>()
		const [done, errors]: [string[], unknown[]] = [[], []]
		this.#due = Number.POSITIVE_INFINITY
		for (const suspect of suspects) {
			const first = this.#since.get(suspect.record) ?? performance.now()
			const isProved = performance.now() - first >= PROOF
			if (!isProved) this.#due = Math.min(this.#due, first + PROOF)
			const what = isProved ? await take(suspect, errors) : undefined
			if (what === undefined) since.set(suspect.record, first)
			else done.push(what)
		}
		this.#since = since
		if (errors.length > 0) throw new PartlyRepaired(done, errors)
		return done
	}

	#schedule(): void {
		this.#keeper.tell('Docker has forgotten it')
	}

	#gone(listing: Listing): Suspect[] {
		return [
			...listing.gone().map((record) => this.#networkSuspect(record)),
			...listing.freePools().map((record) => this.#poolSuspect(listing, record)),
		]
	}

	#tell(doubtful: readonly Network[]): void {
		for (const { id } of doubtful.filter((each) => !this.#told.has(each.id))) {
			this.#told.add(id)
			this.#host.inform(`Docker does not tell of network ${id.slice(0, 12)}, which stays: another Docker may have it`)
		}
	}

	#networkSuspect(record: Sighting): Suspect {
		const { store } = this.#host
		const { networkId } = record
		const name = `network ${networkId.slice(0, 12)}`
		const take = async () => {
			const network = store.get('network', '', networkId)
			if (network === undefined || (await this.#isAnyUsed(network, store.list('endpoint', networkId)))) return undefined
			if (store.get('sighting', '', networkId) !== record) return undefined
			await this.#verbs.deleteNetwork(networkId)
			return `took away ${name}`
		}
		return { record, name, take }
	}

	#poolSuspect(listing: Listing, record: Pool): Suspect {
		const { store } = this.#host
		const name = `pool ${record.pool}`
		const take = async () => {
			const isUsed = store.list('sighting', '').some(({ networkId, pools }) => {
				return pools.includes(record.id) && store.get('network', '', networkId) !== undefined
			})
			if (isUsed || !listing.freePools().includes(record)) return undefined
			await this.#addresses.releasePool(record.id)
			return `released ${name}`
		}
		return { record, name, take }
	}

	/** Of networks that are there. */
	async #goneMembers(listing: Listing): Promise<Suspect[]> {
		const suspects: Suspect[] = []
		// On Swarm's networks other hosts have addresses.
		for (const each of listing.networks.filter(({ isSwarms }) => !isSwarms)) {
			const network = this.#host.store.get('network', '', each.id)
			const endpoints = network === undefined ? [] : this.#endpointsInDoubt(network)
			const leases = this.#leasesInDoubt(network, each, listing.poolsOf(each))
			if (endpoints.length + leases.length === 0) continue
			// One that is gone by now is seen to be in the next look.
			const there = await this.#view.endpoints(each.id).catch(() => undefined)
			if (there === undefined) continue
			const addresses = new Set(there.addresses.map(plain))
			suspects.push(
				...endpoints.filter(({ id }) => !there.ids.includes(id)).map((record) => this.#endpointSuspect(record)),
				...leases.filter(({ address }) => !addresses.has(address)).map((record) => this.#leaseSuspect(record, each.id)),
			)
		}
		return suspects
	}

	#endpointsInDoubt(network: Network): readonly Endpoint[] {
		return this.#host.store.list('endpoint', network.id).filter((each) => !isHeld(this.#host, network, each))
	}

	/** Those for which no container is there, as far as weft can tell. */
	#leasesInDoubt(network: Network | undefined, listed: ListedNetwork, pools: readonly Pool[]): readonly Lease[] {
		const { store } = this.#host
		const endpoints = network === undefined ? [] : store.list('endpoint', network.id)
		const held = endpoints.filter((each) => network !== undefined && isHeld(this.#host, network, each))
		const taken = [...listed.reserved, ...held.flatMap(({ ipv4, ipv6 }) => [ipv4 ?? '', ipv6 ?? ''])]
		const known = new Set([...taken, ...reservedOf(network)].map(plain))
		const leases = pools.flatMap(({ id }) => store.list('lease', id))
		return leases.filter(({ kind, address }) => kind === 'endpoint' && !known.has(address))
	}

	#endpointSuspect(record: Endpoint): Suspect {
		const { store } = this.#host
		const name = `endpoint ${record.id.slice(0, 12)}`
		const take = () =>
			this.#host.mutex.run(record.networkId, async () => {
				const network = store.get('network', '', record.networkId)
				const isSame = store.get('endpoint', record.networkId, record.id) === record
				if (network === undefined || !isSame || (await isUsed(this.#host, network, record))) return undefined
				await removeEndpoint(this.#host, network, record.id)
				return `took away ${name}`
			})
		return { record, name, take }
	}

	#leaseSuspect(record: Lease, networkId: string): Suspect {
		const { store } = this.#host
		const { poolId, address } = record
		const name = `address ${address}`
		const take = async () => {
			const network = store.get('network', '', networkId)
			const owners = store.list('endpoint', networkId).filter(({ ipv4 = '', ipv6 = '' }) => {
				return [ipv4, ipv6].map(plain).includes(address)
			})
			if (network !== undefined && (await this.#isAnyUsed(network, owners))) return undefined
			if (store.get('lease', poolId, address) !== record) return undefined
			await this.#addresses.releaseAddress(poolId, address)
			return `released ${name}`
		}
		return { record, name, take }
	}

	async #isAnyUsed(network: Network, endpoints: readonly Endpoint[]): Promise<boolean> {
		for (const each of endpoints) if (await isUsed(this.#host, network, each)) return true
		return false
	}
}

/** One that cannot be taken away is not to keep the others from it. */
async function take(suspect: Suspect, errors: unknown[]): Promise<string | undefined> {
	try {
		return await suspect.take()
	} catch (error) {
		errors.push(within(suspect.name, error))
		return undefined
	}
}

function reservedOf(network: Network | undefined): string[] {
	if (network === undefined) return []
	return [...network.ipv4, ...network.ipv6].flatMap(({ reserved }) => Object.values(reserved))
}

/** An address without its mask length, as weft writes it; empty for what is none. */
function plain(text: string): string {
	const ip = tryParseIp(text.split('/')[0] ?? '')
	return ip === undefined ? '' : formatIp(ip)
}
