/** What Docker tells of its networks, held against what weft has on record of them. */
import { formatCidr, networkOf, parseCidr } from '../model/address.ts'
import type { Network, Sighting } from '../model/network.ts'
import { GLOBAL_SPACE, type Pool } from '../model/pool.ts'
import { dropSighting, type Host, putSighting, SIGHTINGS, settledNetworks } from './host.ts'

/** As `docker/networks.ts` reads them. */
export interface ListedNetwork {
	readonly id: string
	readonly driver: string
	readonly ipamDriver: string
	readonly isSwarms: boolean
	readonly subnets: readonly string[]
	readonly reserved: readonly string[]
}

export class Listing {
	readonly networks: readonly ListedNetwork[]
	readonly #host: Host
	readonly #engine: string
	readonly #ids: ReadonlySet<string>
	/** What Docker calls weft: a managed plugin has the name that it was installed by. */
	readonly #names: ReadonlySet<string>
	/** Ids of pools. */
	readonly #inUse: ReadonlySet<string>

	constructor(host: Host, engine: string, networks: readonly ListedNetwork[]) {
		this.networks = networks
		this.#host = host
		this.#engine = engine
		this.#ids = new Set(networks.map(({ id }) => id))
		const wefts = networks.filter(({ id }) => host.store.get('network', '', id) !== undefined)
		this.#names = new Set(['weft', 'weft:latest', ...wefts.map(({ driver }) => driver)])
		this.#inUse = new Set(networks.flatMap((each) => this.poolsOf(each).map(({ id }) => id)))
	}

	/** The pools of weft's IPAM that a network has. */
	poolsOf({ ipamDriver, subnets }: ListedNetwork): readonly Pool[] {
		if (!this.#names.has(ipamDriver)) return []
		const pools = subnets.map(canonical)
		return this.#host.store.list('pool', '').filter(({ pool }) => pools.includes(pool))
	}

	/** Only what an engine is known to have had can be missed there: there may be another one on this host. */
	remember(): Promise<void> {
		return this.#host.mutex.run(SIGHTINGS, () => this.#remember())
	}

	async #remember(): Promise<void> {
		const { store } = this.#host
		const seen = this.networks.flatMap((network): Sighting[] => {
			const pools = this.poolsOf(network).map(({ id }) => id)
			const isWefts = store.get('network', '', network.id) !== undefined || pools.length > 0
			return isWefts && !network.isSwarms ? [{ networkId: network.id, engine: this.#engine, pools }] : []
		})
		const fresh = seen.filter((each) => !isSame(each, store.get('sighting', '', each.networkId)))
		const over = store.list('sighting', '').filter(({ networkId, pools }) => {
			const isThere = this.#ids.has(networkId) || store.get('network', '', networkId) !== undefined
			return !isThere && pools.every((each) => this.#inUse.has(each))
		})
		await store.commit([...fresh.map(putSighting), ...over.map(({ networkId }) => dropSighting(networkId))])
	}

	/** Networks that are not there, and that nobody else can have. */
	gone(): readonly Sighting[] {
		return this.#unlisted().filter((each) => each.engine === this.#engine || this.#isUnknown(each))
	}

	/** Networks that are not there, though nothing proves that nobody has them. */
	doubtful(): readonly Network[] {
		const gone = new Set(this.gone().map(({ networkId }) => networkId))
		return settledNetworks(this.#host).filter(({ id }) => !this.#ids.has(id) && !gone.has(id))
	}

	/** Pools of networks that are gone, and those that no network came to have. */
	freePools(): readonly Pool[] {
		const left = new Set(this.gone().flatMap(({ pools }) => pools))
		const pools = this.#host.store.list('pool', '').filter(({ id }) => !this.#inUse.has(id))
		const isAlone = !this.#isAnotherEngine()
		return pools.filter((each) => left.has(each.id) || (isAlone && this.#isUnclaimed(each)))
	}

	#unlisted(): Sighting[] {
		return this.#host.store.list('sighting', '').filter(({ networkId }) => !this.#ids.has(networkId))
	}

	/** Nobody has had the answer to its creation, and nobody has used it. */
	#isUnknown({ networkId, engine }: Sighting): boolean {
		return engine === undefined && this.#host.store.list('endpoint', networkId).length === 0
	}

	#isAnotherEngine(): boolean {
		return (
			this.doubtful().length > 0 || this.#unlisted().some(({ engine }) => (engine ?? this.#engine) !== this.#engine)
		)
	}

	/**
	 * Asked for, and then nothing came of it: none but a gateway has an address there, and no network whatever has that subnet.
	 * Of Swarm's networks Docker does not always tell.
	 */
	#isUnclaimed({ id, space, pool }: Pool): boolean {
		const { store } = this.#host
		if (space === GLOBAL_SPACE || store.list('lease', id).some(({ kind }) => kind !== 'gateway')) return false
		const own = store.list('network', '').flatMap(({ ipv4, ipv6 }) => [...ipv4, ...ipv6].map((each) => each.pool))
		const listed = this.networks.flatMap(({ subnets }) => subnets.map(canonical))
		return ![...own, ...listed].includes(pool)
	}
}

/** As weft writes it; Docker keeps what the user wrote. */
function canonical(subnet: string): string {
	return subnet === '' ? '' : formatCidr(networkOf(parseCidr(subnet)))
}

function isSame(a: Sighting, b: Sighting | undefined): boolean {
	return b !== undefined && a.engine === b.engine && a.pools.join() === b.pools.join()
}
