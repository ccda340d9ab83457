/**
 * The networks of the cluster that this host has: enters them, again after its membership was over; gives addresses of their
 * pools; and makes its record and the cluster agree, again and again.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Cluster } from '../cluster/cluster.ts'
import type { Member } from '../cluster/member.ts'
import type { Share } from '../cluster/verbs.ts'
import { isCode, WeftError } from '../errors.ts'
import { contains, parseCidr, parseIp, tryParseIp } from '../model/address.ts'
import type { ClusterNetwork, EnteredNetwork } from '../model/network.ts'
import type { Pool } from '../model/pool.ts'
import type { Store } from '../store/store.ts'
import { BlockPool } from './block-pool.ts'
import { balance } from './blocks.ts'
import { type Claimant, enterNetwork } from './cluster-networks.ts'
import { entering, networkWith, poolsOf, reservedIn } from './entered.ts'
import { LocalBlocks } from './local-blocks.ts'
import { giveBackRemains } from './remains.ts'
import { keysOf } from './shared-keys.ts'
import type { SharedVerbs } from './shared-verbs.ts'
import { Turns } from './turns.ts'

export interface SharedNetworksListener {
	/** `tend` should be called soon. */
	due(): void
	/** Addresses that containers of this host have are another host's by now, or a network is another one's. */
	lost(what: string): void
	/** What `own` answers may be different. */
	changed(): void
}

interface OpenPool {
	readonly network: EnteredNetwork
	readonly local: LocalBlocks
	readonly pool: BlockPool
}

export class SharedNetworks implements SharedVerbs {
	readonly #cluster: Cluster
	readonly #member: Member
	readonly #store: Store
	readonly #listener: SharedNetworksListener
	readonly #pools = new Map<string, OpenPool>()
	/** The membership with which this host has a network in the cluster, by the network's id. */
	readonly #entered = new Map<string, string>()
	/** Why it has it no more. */
	readonly #refusals = new Map<string, WeftError>()
	/** Ids of pools that are to be looked after. */
	readonly #due = new Set<string>()
	readonly #turns = new Turns()
	/** Whether nothing may be left in the cluster that is not on record here. */
	#isTidy = false

	constructor(cluster: Cluster, member: Member, store: Store, listener: SharedNetworksListener) {
		this.#cluster = cluster
		this.#member = member
		this.#store = store
		this.#listener = listener
	}

	/** As `ClusterVerbs.enter` says. */
	async enter(network: ClusterNetwork): Promise<void> {
		await this.#turns.take(async () => {
			const before = this.#store.get('clusterNetwork', '', network.id)
			if (before !== undefined) return mustBeSame(before, network)
			const changes = entering(this.#store, network)
			const claimant = await this.#claimant()
			this.#isTidy = false
			await this.#claim(claimant, network)
			await this.#store.commit(changes)
			this.#entered.set(network.id, claimant.membership)
		})
	}

	/** As `ClusterVerbs.own` says. */
	own(networkId: string): Share {
		const network = this.#store.get('clusterNetwork', '', networkId)
		const { membership } = this.#member
		const pools = network?.pools ?? []
		const blocks = pools.flatMap((id) => this.#store.list('block', id))
		const borrowed = pools.flatMap((id) => this.#store.list('borrowed', id))
		return {
			blocks: blocks.filter((each) => each.membership === membership).map(({ block }) => block),
			addresses: borrowed.filter((each) => each.membership === membership).map(({ address }) => address),
		}
	}

	async requestAddress(poolId: string, address?: string): Promise<string> {
		const open = this.#open(poolId)
		// Docker starts containers before the first heartbeat of a boot.
		await this.#claimant()
		const blocks = open.local.blocks().length
		const given = await open.pool.requestAddress(address)
		if (address !== undefined || open.local.blocks().length !== blocks) this.#listener.changed()
		this.#lookAfter(poolId, open)
		return given
	}

	async releaseAddress(poolId: string, address: string): Promise<void> {
		const open = this.#open(poolId)
		const isBorrowed = this.#store.get('borrowed', poolId, address) !== undefined
		await open.pool.releaseAddress(address)
		if (isBorrowed) this.#tell(poolId)
		this.#lookAfter(poolId, open)
	}

	/** The cluster is told later, where it does not answer. */
	async released(poolId: string): Promise<void> {
		this.#pools.get(poolId)?.local.close()
		this.#pools.delete(poolId)
		this.#due.delete(poolId)
		this.#isTidy = false
		if (this.#member.isReached) await this.#agree().catch(() => undefined)
		this.#listener.due()
	}

	/** Something of the cluster is different. */
	changed(keys: readonly string[]): void {
		for (const network of this.#store.list('clusterNetwork', '')) {
			for (const { id, pool } of poolsOf(this.#store, network)) {
				if (keys.some((key) => this.#concerns(id, pool, key))) this.#tell(id)
			}
		}
	}

	/** Everything is to be looked after once more. */
	lookAround(): void {
		this.#isTidy = false
		for (const { pools } of this.#store.list('clusterNetwork', '')) for (const id of pools) this.#due.add(id)
		this.#listener.due()
	}

	/** Makes this host's record and the cluster agree, where they may not. To be called by one at a time. */
	async tend(): Promise<void> {
		await this.#agree()
		const errors: unknown[] = []
		const due = [...this.#due]
		for (const poolId of due) {
			// It may have been released since.
			if (!this.#due.delete(poolId) || networkWith(this.#store, poolId) === undefined) continue
			const { network, pool } = this.#open(poolId)
			if (this.#entered.get(network.id) !== this.#member.membership) continue
			try {
				for (const address of await pool.tend()) this.#listener.lost(`the address ${address} of network ${network.id}`)
			} catch (error) {
				this.#due.add(poolId)
				errors.push(error)
			}
		}
		if (due.length > 0) this.#listener.changed()
		if (errors.length > 0) throw new AggregateError(errors)
	}

	#tell(poolId: string): void {
		this.#due.add(poolId)
		this.#listener.due()
	}

	/** What is left is enough, and what is too much is given back. */
	#lookAfter(poolId: string, { local }: OpenPool): void {
		const { membership } = this.#member
		if (membership !== undefined && balance(local.use(membership)) !== undefined) this.#tell(poolId)
	}

	/** What others do in blocks of theirs is not this host's business. */
	#concerns(poolId: string, pool: string, key: string): boolean {
		const keys = keysOf(pool)
		if (key.startsWith(keys.blocks))
			return this.#store.get('block', poolId, key.slice(keys.blocks.length)) !== undefined
		const prefix = [keys.addresses, keys.wanted].find((each) => key.startsWith(each))
		if (prefix === undefined) return false
		const address = key.slice(prefix.length)
		if (this.#store.get('borrowed', poolId, address) !== undefined) return true
		return this.#store.list('block', poolId).some(({ block }) => isIn(block, address))
	}

	/** What this host has on record of networks it has in the cluster too, and nothing else. */
	async #agree(): Promise<void> {
		await this.#turns.take(async () => {
			const claimant = await this.#claimant()
			const networks = this.#store.list('clusterNetwork', '')
			for (const each of networks) await this.#enterAgain(claimant, each)
			if (this.#isTidy) return
			const pools = new Set(networks.flatMap((each) => poolsOf(this.#store, each)).map(({ pool }) => pool))
			await giveBackRemains(this.#cluster, claimant, { pools, networks: new Set(networks.map(({ id }) => id)) })
			this.#isTidy = true
		})
	}

	async #enterAgain(claimant: Claimant, { pools, ...network }: EnteredNetwork): Promise<void> {
		if (this.#entered.get(network.id) === claimant.membership) return
		try {
			await this.#claim(claimant, network)
			this.#entered.set(network.id, claimant.membership)
			this.#refusals.delete(network.id)
			for (const id of pools) this.#due.add(id)
		} catch (error) {
			if (!isCode(error, 'exists')) throw error
			if (!this.#refusals.has(network.id)) this.#listener.lost(`the network ${network.id}: ${error.message}`)
			this.#refusals.set(network.id, error)
		}
	}

	async #claim(claimant: Claimant, network: ClusterNetwork): Promise<void> {
		try {
			await enterNetwork(this.#cluster, claimant, network)
		} catch (error) {
			if (!isCode(error, 'not-found')) throw error
			this.#member.isOver(claimant.membership)
			throw this.#member.refusal()
		}
	}

	async #admit(networkId: string): Promise<void> {
		if (this.#entered.get(networkId) !== this.#member.membership) await this.#agree()
		if (this.#entered.get(networkId) !== this.#member.membership) {
			throw this.#refusals.get(networkId) ?? this.#member.refusal()
		}
	}

	/** @throws WeftError where this host is no member, and cannot become one now */
	async #claimant(): Promise<Claimant> {
		if (this.#member.membership === undefined) await this.#member.heartbeat()
		const { membership, node } = this.#member
		if (membership === undefined) throw this.#member.refusal()
		return { node: node.name, membership }
	}

	#open(poolId: string): OpenPool {
		const known = this.#pools.get(poolId)
		if (known !== undefined) return known
		const network = networkWith(this.#store, poolId)
		const record = this.#store.get('pool', '', poolId)
		if (network === undefined || record === undefined) {
			throw new WeftError('not-found', `there is no address pool "${poolId}"`)
		}
		const open = this.#opened(network, record)
		this.#pools.set(poolId, open)
		return open
	}

	#opened(network: EnteredNetwork, { id, pool, range }: Pool): OpenPool {
		const cidr = parseCidr(pool)
		const reserved = reservedIn(network).map(parseIp)
		const local = new LocalBlocks(
			this.#store,
			id,
			cidr,
			reserved.filter((ip) => contains(cidr, ip)),
		)
		const shared = {
			cluster: this.#cluster,
			member: this.#member,
			local,
			keys: keysOf(pool),
			length: network.blocks[cidr.family],
			...(range === undefined ? {} : { range: parseCidr(range) }),
			admit: () => this.#admit(network.id),
		}
		return { network, local, pool: new BlockPool(shared) }
	}
}

function isIn(block: string, address: string): boolean {
	const ip = tryParseIp(address)
	return ip !== undefined && contains(parseCidr(block), ip)
}

function mustBeSame({ pools: _pools, ...before }: EnteredNetwork, network: ClusterNetwork): void {
	if (isDeepStrictEqual(before, network)) return
	throw new WeftError('exists', `this host has the network ${network.id} of the cluster already, with other settings`)
}
