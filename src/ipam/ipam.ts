/**
 * The verbs of address management. A decision is made at once in memory, so that parallel requests cannot get the same
 * address, and answered only when it is durable; commits are written in the order of the decisions.
 */
import { invalid, WeftError } from '../errors.ts'
import {
	type Cidr,
	formatCidr,
	formatIp,
	type Ip,
	overlaps,
	parseCidr,
	parseIp,
	type Span,
	tryParseIp,
} from '../model/address.ts'
import { isSwarmId, type Network } from '../model/network.ts'
import { GLOBAL_SPACE, type Lease, type Pool } from '../model/pool.ts'
import { KeyedMutex } from '../mutex.ts'
import type { Change, Store } from '../store/store.ts'
import { leaving, networkWith } from './entered.ts'
import { checkGivable, choosable, nextFree } from './leases.ts'
import { choosePool, type PoolBase, parsePool, parseRange } from './pools.ts'
import type { SharedVerbs } from './shared-verbs.ts'
import type { AddressRequest, IpamVerbs, PoolAnswer, PoolRequest, Surroundings } from './verbs.ts'

/** A pool with what it takes to decide: everything here follows from the stored records. */
interface OpenPool {
	readonly record: Pool
	readonly cidr: Cidr
	readonly span: Span
	readonly used: Set<bigint>
	/** Releases on their way: whoever releases the same address again meanwhile waits for the same answer. */
	readonly leaving: Map<bigint, Promise<void>>
	cursor: bigint | undefined
	/** The cursor as it is stored. */
	kept: bigint | undefined
}

export class Ipam implements IpamVerbs {
	readonly #store: Store
	readonly #bases: readonly PoolBase[]
	readonly #around: Surroundings
	/** Absent without `WEFT_CLUSTER`. */
	readonly #shared: SharedVerbs | undefined
	readonly #pools = new Map<string, OpenPool>()
	readonly #mutex = new KeyedMutex()

	constructor(store: Store, bases: readonly PoolBase[], around: Surroundings, shared?: SharedVerbs) {
		this.#store = store
		this.#bases = bases
		this.#around = around
		this.#shared = shared
	}

	/** Reads what is stored; to be called once, before the first verb. */
	load(): void {
		for (const record of this.#store.list('pool', '')) {
			const pool = open(record)
			for (const lease of this.#store.list('lease', record.id)) pool.used.add(parseIp(lease.address).value)
			this.#pools.set(record.id, pool)
		}
	}

	requestPool(request: PoolRequest): Promise<PoolAnswer> {
		return this.#mutex.run('pools', async () => {
			checkSpace(request.space)
			const cidr = request.pool === undefined ? await this.#choose(request) : parsePool(request.pool, request.family)
			const range = request.range === undefined ? undefined : formatCidr(parseRange(request.range, cidr))
			const pool = formatCidr(cidr)
			const id = [request.space, pool, ...(range === undefined ? [] : [range])].join('/')
			const held = this.#pools.get(id)
			if (held !== undefined && this.#isSwarms(held)) return { id, pool }
			const record: Pool = {
				id,
				space: request.space,
				pool,
				...(range === undefined ? {} : { range }),
				...(request.pool === undefined ? {} : { named: true }),
			}
			this.#refuseOverlap(record, cidr)
			await this.#store.commit([{ kind: 'pool', group: '', id, value: record }])
			this.#pools.set(id, open(record))
			return { id, pool }
		})
	}

	async releasePool(poolId: string): Promise<void> {
		const network = networkWith(this.#store, poolId)
		await this.#mutex.run('pools', () => this.#releasePool(poolId))
		if (network !== undefined) await this.#shared?.released(poolId)
	}

	async #releasePool(poolId: string): Promise<void> {
		const pool = this.#pools.get(poolId)
		if (pool === undefined) return
		// Gone at once for new requests; `used` also has the addresses whose commit is still on its way before this one.
		this.#pools.delete(poolId)
		const addresses = Array.from(pool.used, (value) => formatIp({ family: pool.cidr.family, value }))
		const leases = addresses.map((id): Change => ({ kind: 'lease', group: poolId, id }))
		const ofCluster = leaving(this.#store, poolId)
		try {
			await this.#store.commit([
				...leases,
				...ofCluster,
				{ kind: 'pool', group: '', id: poolId },
				...this.#unclaimed(poolId),
			])
		} catch (error) {
			this.#pools.set(poolId, pool)
			throw error
		}
	}

	/** The next network with this pool is another one than those that have had it. */
	#unclaimed(poolId: string): Change[] {
		const sightings = this.#store.list('sighting', '').filter(({ pools }) => pools.includes(poolId))
		return sightings.map((sighting): Change => {
			const record = { kind: 'sighting', group: '', id: sighting.networkId } as const
			const pools = sighting.pools.filter((each) => each !== poolId)
			const isOver = pools.length === 0 && this.#store.get('network', '', sighting.networkId) === undefined
			return isOver ? record : { ...record, value: { ...sighting, pools } }
		})
	}

	async requestAddress(request: AddressRequest): Promise<string> {
		const { poolId, kind } = request
		const pool = this.#pools.get(poolId)
		if (pool === undefined) throw noPool(poolId)
		const network = networkWith(this.#store, poolId)
		if (network !== undefined) return await this.#requestShared(pool, network.id, request.address)
		const asked = request.address === undefined ? undefined : this.#asked(pool, request.address)
		const isNew = asked === undefined || !pool.used.has(asked)
		// What weft chose is on no link of this host but the network's own, and a gateway may well be the host.
		const isOnLan = pool.record.named === true && kind === 'endpoint'
		const chosen = asked ?? (isOnLan ? await this.#nextOfOthers(pool) : next(pool))
		// Released meanwhile: nothing of it is to come back with this commit.
		if (this.#pools.get(poolId) !== pool) throw noPool(poolId)
		pool.used.add(chosen)
		const address = formatIp({ family: pool.cidr.family, value: chosen })
		const lease: Lease = { poolId, address, kind }
		const changes: Change[] = [{ kind: 'lease', group: poolId, id: address, value: lease }]
		if (asked === undefined) {
			changes.push({ kind: 'pool', group: '', id: poolId, value: { ...pool.record, cursor: address } })
		}
		try {
			await this.#store.commit(changes)
			if (asked === undefined) pool.kept = chosen
		} catch (error) {
			if (isNew) pool.used.delete(chosen)
			// Unless a later decision has moved it on, whose own commit tells.
			if (pool.cursor === chosen) pool.cursor = pool.kept
			throw error
		}
		return `${address}/${pool.cidr.prefix}`
	}

	async #requestShared({ record, cidr }: OpenPool, networkId: string, address?: string): Promise<string> {
		if (this.#shared === undefined) {
			const why = `the subnet ${record.pool} is shared by hosts of a cluster, of which this one knows nothing`
			throw new WeftError('unreachable', `${why}; set WEFT_CLUSTER as it was when it got network ${networkId}`)
		}
		return `${await this.#shared.requestAddress(record.id, address)}/${cidr.prefix}`
	}

	/** The next one that this host does not have: both would answer for it. Taken before it is looked at, so that nobody else gets it. */
	async #nextOfOthers(pool: OpenPool): Promise<bigint> {
		const passed: bigint[] = []
		try {
			for (;;) {
				const value = next(pool)
				passed.push(value)
				if ((await this.#around.linkWith({ family: pool.cidr.family, value })) !== undefined) continue
				passed.pop()
				return value
			}
		} finally {
			for (const value of passed) pool.used.delete(value)
			if (passed.some((value) => value === pool.cursor)) pool.cursor = pool.kept
		}
	}

	async releaseAddress(poolId: string, address: string): Promise<void> {
		const pool = this.#pools.get(poolId)
		if (networkWith(this.#store, poolId) !== undefined && this.#shared !== undefined) {
			await this.#shared.releaseAddress(poolId, address)
			return
		}
		const ip = tryParseIp(address)
		// The same number in the other family is another address.
		if (pool === undefined || ip?.family !== pool.cidr.family || !pool.used.has(ip.value)) return
		const leaving = pool.leaving.get(ip.value) ?? this.#release(pool, ip)
		pool.leaving.set(ip.value, leaving)
		await leaving
	}

	async #release(pool: OpenPool, ip: Ip): Promise<void> {
		try {
			await this.#store.commit([{ kind: 'lease', group: pool.record.id, id: formatIp(ip) }])
			pool.used.delete(ip.value)
		} finally {
			pool.leaving.delete(ip.value)
		}
	}

	async #choose(request: PoolRequest): Promise<Cidr> {
		const given = Array.from(this.#pools.values(), (pool) => pool.cidr)
		const chosen = choosePool(this.#bases, request.family, [...given, ...(await this.#around.occupied())])
		if (chosen !== undefined) return chosen
		const bases = this.#bases.filter(({ base }) => base.family === request.family)
		const names = bases.map(({ base, length }) => `${formatCidr(base)}:${length}`).join(',')
		throw new WeftError(
			'exhausted',
			`no free IPv${request.family} subnet is left in WEFT_POOLS (${names || 'none of this family'}); name one with --subnet`,
		)
	}

	#asked(pool: OpenPool, text: string): bigint {
		const ip = parseIp(text)
		const isAgain = pool.used.has(ip.value) && !pool.leaving.has(ip.value) && this.#isSwarms(pool)
		checkGivable(pool.cidr, isAgain ? new Set() : pool.used, ip)
		return ip.value
	}

	/** What is asked for again by name: the manager asks for all that it has when it starts, and a node has forgotten what it had. */
	#isSwarms({ record: { space, pool } }: OpenPool): boolean {
		const isIn = ({ ipv4, ipv6 }: Network) => [...ipv4, ...ipv6].some((subnet) => subnet.pool === pool)
		return space === GLOBAL_SPACE || this.#store.list('network', '').some((each) => isSwarmId(each.id) && isIn(each))
	}

	#refuseOverlap(record: Pool, cidr: Cidr): void {
		const others = Array.from(this.#pools.values()).filter((pool) => overlaps(pool.cidr, cidr))
		const other = others.find((pool) => !areOneOfSwarms(pool.record, record))
		if (other === undefined) return
		const names = `${record.pool} overlaps with ${other.record.pool}`
		throw new WeftError('exists', `the subnet ${names}, which another network has`)
	}
}

/** Swarm's manager has the pool in one space, and a node that has a part of the network in the other. */
function areOneOfSwarms(a: Pool, b: Pool): boolean {
	return a.pool === b.pool && a.space !== b.space && [a.space, b.space].includes(GLOBAL_SPACE)
}

/** Docker sends back one of the two spaces that it was told; it becomes part of ids, which `/` divides. */
function checkSpace(space: string): void {
	if (/^[\w.-]{1,64}$/.test(space)) return
	throw invalid(
		`${JSON.stringify(space)} is not an address space: 1 to 64 letters, digits, dots, dashes and underscores`,
	)
}

function open(record: Pool): OpenPool {
	const cidr = parseCidr(record.pool)
	const range = record.range === undefined ? undefined : parseCidr(record.range)
	const cursor = record.cursor === undefined ? undefined : parseIp(record.cursor).value
	return { record, cidr, span: choosable(cidr, range), used: new Set(), leaving: new Map(), cursor, kept: cursor }
}

/** Which is used from then on. */
function next(pool: OpenPool): bigint {
	const value = nextFree(pool.span, pool.used, pool.cursor)
	if (value !== undefined) {
		pool.used.add(value)
		pool.cursor = value
		return value
	}
	const where = pool.record.range === undefined ? `subnet ${pool.record.pool}` : `range ${pool.record.range}`
	throw new WeftError('exhausted', `no address is left in the ${where}`)
}

function noPool(id: string): WeftError {
	return new WeftError('not-found', `there is no address pool "${id}"`)
}
