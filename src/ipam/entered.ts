/** The networks of the cluster that this host has, on its own record. Reads the store and changes nothing. */
import { invalid } from '../errors.ts'
import { parseCidr, plainAddress } from '../model/address.ts'
import type { ClusterNetwork, EnteredNetwork } from '../model/network.ts'
import type { Pool } from '../model/pool.ts'
import type { Change, Store } from '../store/store.ts'

/** Undefined for a pool that is this host's alone. */
export function networkWith(store: Store, poolId: string): EnteredNetwork | undefined {
	return store.list('clusterNetwork', '').find(({ pools }) => pools.includes(poolId))
}

export function poolsOf(store: Store, network: EnteredNetwork): Pool[] {
	return network.pools.flatMap((id) => store.get('pool', '', id) ?? [])
}

/** What entering it writes: its gateway and what is set aside is nobody's lease any more. @throws WeftError `invalid` */
export function entering(store: Store, network: ClusterNetwork): Change[] {
	const pools = network.subnets.map(({ pool }) => poolFor(store, network, pool))
	const leases = pools.flatMap(({ id }) => store.list('lease', id))
	const reserved = new Set(reservedIn(network))
	const value = { ...network, pools: pools.map(({ id }) => id) }
	return [
		{ kind: 'clusterNetwork', group: '', id: network.id, value },
		...leases
			.filter(({ address }) => reserved.has(address))
			.map(({ poolId, address }): Change => ({ kind: 'lease', group: poolId, id: address })),
	]
}

/** What this host made for it just before. */
function poolFor(store: Store, network: ClusterNetwork, subnet: string): Pool {
	const pool = store.list('pool', '').find((each) => each.pool === subnet)
	if (pool === undefined) {
		throw invalid(`the subnet ${subnet} is not of weft's IPAM: a network of several hosts needs --ipam-driver weft`)
	}
	const { family, prefix } = parseCidr(pool.range ?? subnet)
	const block = network.blocks[family]
	if (pool.range !== undefined && prefix > block) {
		throw invalid(`the range ${pool.range} is smaller than a block of addresses, /${block}`)
	}
	return pool
}

/** Gateways and what is set aside, without length. */
export function reservedIn({ subnets }: ClusterNetwork): string[] {
	return subnets.flatMap(({ gateway, reserved }) => {
		return [...(gateway === undefined ? [] : [gateway]), ...Object.values(reserved)].map(plainAddress)
	})
}

/** All that goes with such a pool, but for itself; the network goes with its last one. Nothing for a pool that is this host's alone. */
export function leaving(store: Store, poolId: string): Change[] {
	const network = networkWith(store, poolId)
	if (network === undefined) return []
	const pools = network.pools.filter((each) => each !== poolId)
	const ids = {
		block: store.list('block', poolId).map(({ block }) => block),
		loan: store.list('loan', poolId).map(({ address }) => address),
		borrowed: store.list('borrowed', poolId).map(({ address }) => address),
		lease: store.list('lease', poolId).map(({ address }) => address),
	}
	const kinds = Object.entries(ids) as [keyof typeof ids, string[]][]
	return [
		...kinds.flatMap(([kind, all]) => all.map((id): Change => ({ kind, group: poolId, id }))),
		{
			kind: 'clusterNetwork',
			group: '',
			id: network.id,
			...(pools.length === 0 ? {} : { value: { ...network, pools } }),
		},
	]
}
