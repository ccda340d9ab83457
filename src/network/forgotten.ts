/**
 * What Docker has forgotten while weft was away: networks, endpoints, pools and addresses whose last call got lost. Docker is
 * asked, beside everything else, and what it has no more is taken away once that is proved; see the README.
 */
import { Keeper, type KeeperLog } from '../keeper.ts'
import { formatCidr, formatIp, parseCidr, tryParseIp } from '../model/address.ts'
import type { Endpoint, Network, Sighting } from '../model/network.ts'
import type { Lease, Pool } from '../model/pool.ts'
import { isHeld, removeEndpoint } from './endpoints.ts'
import { dropSighting, type Host, putSighting, settledNetworks } from './host.ts'
import { deleteNetwork } from './networks.ts'

/** Milliseconds for which Docker is without something until it counts as forgotten: far more than any call takes. */
const PROOF = 240_000
/** Milliseconds after a call until Docker is asked: it lists a network only when it has had weft's answer. */
const SETTLE = 10_000
/** After these there is something to be remembered. */
const CREATIONS: readonly string[] = ['NetworkDriver.CreateNetwork', 'IpamDriver.RequestPool']

/** As `docker/networks.ts` reads them. */
export interface ListedNetwork {
	readonly id: string
	readonly driver: string
	readonly ipamDriver: string
	readonly isSwarms: boolean
	readonly subnets: readonly string[]
	readonly reserved: readonly string[]
}

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
	/** For people, where something was taken away. */
	readonly take: () => Promise<string | undefined>
}

export class Forgotten {
	readonly #host: Host
	readonly #addresses: Addresses
	readonly #view: EngineView
	readonly #keeper: Keeper
	/** Since when a record, which nobody has written since, was without anything at Docker in each look. */
	#since = new Map<object, number>()
	/** Ids of networks of which people have been told that nobody seems to have them. */
	readonly #told = new Set<string>()
	#called = false
	/** Since the start of the daemon, before which calls may have been lost. */
	#hasLooked = false

	/** Nothing is asked before `ready`. */
	constructor(host: Host, addresses: Addresses, view: EngineView, ready: Promise<void>, log: KeeperLog) {
		this.#host = host
		this.#addresses = addresses
		this.#view = view
		this.#keeper = new Keeper(() => ready.then(() => this.look()), log, SETTLE)
	}

	/** dockerd has called: it is there, and may be asked. */
	called(method: string): void {
		this.#called = true
		if (!this.#hasLooked || CREATIONS.includes(method)) this.#schedule()
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
		const listed = await this.#view.networks()
		await this.#remember(engine, listed)
		// A pool after its network: whoever gets it next is not to find another's bridge.
		const suspects = [...this.#gone(engine, listed), ...(await this.#goneMembers(listed))]
		const since = new Map<object, number>()
		const done: string[] = []
		for (const { record, take } of suspects) {
			const first = this.#since.get(record) ?? performance.now()
			const what = performance.now() - first < PROOF ? undefined : await take()
			if (what === undefined) since.set(record, first)
			else done.push(what)
		}
		this.#since = since
		return done
	}

	#schedule(): void {
		this.#keeper.tell('Docker has forgotten it')
	}

	/** Only what an engine is known to have had can be missed there: there may be another one on this host. */
	async #remember(engine: string, listed: readonly ListedNetwork[]): Promise<void> {
		const { store } = this.#host
		const names = this.#namesOf(listed)
		const seen = listed.flatMap((network): Sighting[] => {
			const pools = this.#poolsOf(network, names).map(({ id }) => id)
			const isWefts = store.get('network', '', network.id) !== undefined || pools.length > 0
			return isWefts && !network.isSwarms ? [{ networkId: network.id, engine, pools }] : []
		})
		const fresh = seen.filter((each) => !isSame(each, store.get('sighting', '', each.networkId)))
		const inUse = this.#poolsInUse(listed)
		const ids = new Set(listed.map(({ id }) => id))
		const over = store.list('sighting', '').filter(({ networkId, pools }) => {
			const isThere = ids.has(networkId) || store.get('network', '', networkId) !== undefined
			return !isThere && pools.every((each) => inUse.has(each))
		})
		await store.commit([...fresh.map(putSighting), ...over.map(({ networkId }) => dropSighting(networkId))])
	}

	/** What Docker calls weft: a managed plugin has the name that it was installed by. */
	#namesOf(listed: readonly ListedNetwork[]): ReadonlySet<string> {
		const wefts = listed.filter(({ id }) => this.#host.store.get('network', '', id) !== undefined)
		return new Set(['weft', 'weft:latest', ...wefts.map(({ driver }) => driver)])
	}

	/** The pools of weft's IPAM that a network has. */
	#poolsOf({ ipamDriver, subnets }: ListedNetwork, names: ReadonlySet<string>): readonly Pool[] {
		if (!names.has(ipamDriver)) return []
		const pools = subnets.filter((each) => each !== '').map((each) => formatCidr(parseCidr(each)))
		return this.#host.store.list('pool', '').filter(({ pool }) => pools.includes(pool))
	}

	#poolsInUse(listed: readonly ListedNetwork[]): ReadonlySet<string> {
		const names = this.#namesOf(listed)
		return new Set(listed.flatMap((each) => this.#poolsOf(each, names).map(({ id }) => id)))
	}

	/** Networks that are not there, and their pools. */
	#gone(engine: string, listed: readonly ListedNetwork[]): Suspect[] {
		const { store } = this.#host
		const ids = new Set(listed.map(({ id }) => id))
		const gone = store.list('sighting', '').filter(({ networkId }) => !ids.has(networkId))
		const proved = gone.filter((each) => each.engine === engine || this.#isUnknown(each))
		const inUse = this.#poolsInUse(listed)
		const left = new Set(proved.flatMap(({ pools }) => pools).filter((each) => !inUse.has(each)))
		const pools = store.list('pool', '').filter(({ id }) => left.has(id))
		return [
			...this.#doubtful(ids, proved).map((record) => ({ record, take: () => this.#tell(record) })),
			...proved.map((record) => ({ record, take: () => this.#takeNetwork(record) })),
			...pools.map((record) => ({ record, take: () => this.#takePool(record) })),
		]
	}

	/** Networks that are not there, though nothing proves that nobody has them. */
	#doubtful(ids: ReadonlySet<string>, proved: readonly Sighting[]): readonly Network[] {
		const unlisted = settledNetworks(this.#host).filter(({ id }) => !ids.has(id) && !this.#told.has(id))
		return unlisted.filter(({ id }) => proved.every(({ networkId }) => networkId !== id))
	}

	async #tell({ id }: Network): Promise<undefined> {
		this.#told.add(id)
		this.#host.inform(`Docker does not tell of network ${id.slice(0, 12)}, which stays: another Docker may have it`)
	}

	/** Nobody has had the answer to its creation, and nobody has used it. */
	#isUnknown({ networkId, engine }: Sighting): boolean {
		return engine === undefined && this.#host.store.list('endpoint', networkId).length === 0
	}

	async #takeNetwork(sighting: Sighting): Promise<string | undefined> {
		const { store } = this.#host
		const { networkId } = sighting
		const network = store.get('network', '', networkId)
		const isUsed =
			network !== undefined && store.list('endpoint', networkId).some((each) => isHeld(this.#host, network, each))
		if (network === undefined || isUsed || store.get('sighting', '', networkId) !== sighting) return undefined
		await deleteNetwork(this.#host, networkId)
		return `took away network ${networkId.slice(0, 12)}`
	}

	async #takePool(pool: Pool): Promise<string | undefined> {
		const { store } = this.#host
		const isUsed = store.list('sighting', '').some(({ networkId, pools }) => {
			return pools.includes(pool.id) && store.get('network', '', networkId) !== undefined
		})
		if (isUsed || store.get('pool', '', pool.id) !== pool) return undefined
		await this.#addresses.releasePool(pool.id)
		return `released pool ${pool.pool}`
	}

	/** Of networks that are there. */
	async #goneMembers(listed: readonly ListedNetwork[]): Promise<Suspect[]> {
		const names = this.#namesOf(listed)
		const suspects: Suspect[] = []
		// On Swarm's networks other hosts have addresses.
		for (const each of listed.filter(({ isSwarms }) => !isSwarms)) {
			const network = this.#host.store.get('network', '', each.id)
			const endpoints = network === undefined ? [] : this.#endpointsInDoubt(network)
			const leases = this.#leasesInDoubt(network, each, this.#poolsOf(each, names))
			if (endpoints.length + leases.length === 0) continue
			// One that is gone by now is seen to be in the next look.
			const there = await this.#view.endpoints(each.id).catch(() => undefined)
			if (there === undefined) continue
			const addresses = new Set(there.addresses.map(plain))
			suspects.push(
				...endpoints.filter(({ id }) => !there.ids.includes(id)).map((record) => this.#endpointSuspect(record)),
				...leases.filter(({ address }) => !addresses.has(address)).map((record) => this.#leaseSuspect(record)),
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
		const take = () =>
			this.#host.mutex.run(record.networkId, async () => {
				const network = store.get('network', '', record.networkId)
				const isSame = store.get('endpoint', record.networkId, record.id) === record
				if (network === undefined || !isSame || isHeld(this.#host, network, record)) return undefined
				await removeEndpoint(this.#host, network, record.id)
				return `took away endpoint ${record.id.slice(0, 12)}`
			})
		return { record, take }
	}

	#leaseSuspect(record: Lease): Suspect {
		const take = async () => {
			if (this.#host.store.get('lease', record.poolId, record.address) !== record) return undefined
			await this.#addresses.releaseAddress(record.poolId, record.address)
			return `released address ${record.address}`
		}
		return { record, take }
	}
}

function isSame(a: Sighting, b: Sighting | undefined): boolean {
	return b !== undefined && a.engine === b.engine && a.pools.join() === b.pools.join()
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
