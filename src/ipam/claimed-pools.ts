/** The pools that the hosts of a cluster share: none overlaps with another one, whichever host claims it. */
import type { Cluster, Entry } from '../cluster/cluster.ts'
import { WeftError } from '../errors.ts'
import { overlaps, parseCidr } from '../model/address.ts'
import { keysOf, POOLS } from './shared-keys.ts'

/** How often others may be faster. */
const ATTEMPTS = 50

/** `network` is its identity in the cluster; a network that has the pool already keeps it. @throws WeftError `exists` */
export async function claimPool(cluster: Cluster, pool: string, network: string): Promise<void> {
	const { pool: key } = keysOf(pool)
	for (let n = 0; n < ATTEMPTS; n++) {
		const { entries } = await cluster.range(POOLS)
		const last = entries.find((entry) => entry.key === POOLS)
		const pools = entries.filter((entry) => entry.key !== POOLS)
		if (pools.some((entry) => entry.key === key && entry.value === network)) return
		const other = pools.find((entry) => overlaps(parseCidr(poolIn(entry)), parseCidr(pool)))
		if (other !== undefined) throw overlapping(pool, other)
		const writes = [
			{ key: POOLS, value: pool },
			{ key, value: network },
		]
		if ((await cluster.transaction([{ key: POOLS, revision: last?.revision ?? 0 }], writes)) !== undefined) return
	}
	throw new WeftError('unreachable', `other hosts are faster at claiming subnets than this one at ${pool}; try again`)
}

/** Succeeds for one that another network has, or nobody. */
export async function releasePool(cluster: Cluster, pool: string, network: string): Promise<void> {
	const entry = await cluster.get(keysOf(pool).pool)
	if (entry?.value !== network) return
	await cluster.transaction([{ key: entry.key, revision: entry.revision }], [{ key: entry.key }])
}

function poolIn({ key }: Entry): string {
	return key.slice(POOLS.length)
}

function overlapping(pool: string, other: Entry): WeftError {
	const whose = `which the network ${other.value} of the cluster has`
	return new WeftError('exists', `the subnet ${pool} overlaps with ${poolIn(other)}, ${whose}; name one with --subnet`)
}
