/**
 * The networks that hosts of a cluster have together: each with its pools, none of which overlaps with another network's, and
 * with who has it. The last host to go takes the network with it.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Cluster, Condition, Entry, Write } from '../cluster/cluster.ts'
import { fieldsIn } from '../cluster/values.ts'
import { WeftError } from '../errors.ts'
import { type Cidr, overlaps, parseCidr } from '../model/address.ts'
import type { ClusterNetwork } from '../model/network.ts'
import { keysOf, NETWORKS, OFFERS, ON, POOLS } from './shared-keys.ts'

/** How often others may be faster. */
const ATTEMPTS = 50

/** A host that claims. */
export interface Claimant {
	readonly node: string
	readonly membership: string
}

/**
 * The host has the network from now on, which is made where there is none.
 * @throws WeftError `exists` where its id has other settings, or a pool overlaps; `unreachable`; `not-found`: the membership is over
 */
export async function enterNetwork(cluster: Cluster, claimant: Claimant, network: ClusterNetwork): Promise<void> {
	const on = keyOn(claimant, network.id)
	for (let n = 0; n < ATTEMPTS; n++) {
		const [there, mine] = [await cluster.get(NETWORKS + network.id), await cluster.get(on)]
		if (there !== undefined) checkSame(network, there)
		if (there !== undefined && mine?.lease === claimant.membership) return
		const write = { key: on, value: '', lease: claimant.membership }
		const { conditions, writes } = there === undefined ? await making(cluster, network) : touching(there)
		if ((await cluster.transaction(conditions, [...writes, write])) !== undefined) return
	}
	throw new WeftError('unreachable', `other hosts change network ${network.id} faster than this one; try again`)
}

/** Succeeds where the host has it no more, or not with this membership. */
export async function leaveNetwork(cluster: Cluster, claimant: Claimant, id: string): Promise<void> {
	const on = keyOn(claimant, id)
	for (let n = 0; n < ATTEMPTS; n++) {
		const there = await cluster.get(NETWORKS + id)
		const { entries } = await cluster.range(`${ON}${id}/`)
		const mine = entries.find(({ key }) => key === on)
		if (mine?.lease !== claimant.membership) return
		const isLast = entries.length === 1
		const { conditions, writes } = isLast || there === undefined ? await unmaking(cluster, id, there) : touching(there)
		const mineToo = [...conditions, { key: on, revision: mine.revision }]
		if ((await cluster.transaction(mineToo, [...writes, { key: on }])) !== undefined) return
	}
	throw new WeftError('unreachable', `other hosts change network ${id} faster than this one`)
}

interface Step {
	readonly conditions: readonly Condition[]
	readonly writes: readonly Write[]
}

/** Whoever decides by who has the network, at the same moment, decides again. */
function touching({ key, value, revision }: Entry): Step {
	return { conditions: [{ key, revision }], writes: [{ key, value }] }
}

async function making(cluster: Cluster, network: ClusterNetwork): Promise<Step> {
	const { entries } = await cluster.range(POOLS)
	const last = entries.find(({ key }) => key === POOLS)
	const pools = network.subnets.map(({ pool }) => pool)
	const deserted: Step[] = []
	for (const owner of ownersOf(entries, pools.map(parseCidr))) deserted.push(await deserting(cluster, owner, pools))
	const key = NETWORKS + network.id
	const conditions = [
		{ key, revision: 0 },
		{ key: POOLS, revision: last?.revision ?? 0 },
		...deserted.flatMap((step) => step.conditions),
	]
	const claims = pools.map((pool) => ({ key: keysOf(pool).pool, value: network.id }))
	const writes = [{ key, value: JSON.stringify(network) }, { key: POOLS, value: pools.join() }, ...claims]
	const claimed = new Set(writes.map((write) => write.key))
	const dropped = deserted.flatMap((step) => step.writes).filter((write) => !claimed.has(write.key))
	return { conditions, writes: [...writes, ...dropped] }
}

/** Each network once that has a pool which overlaps with one of these. */
function ownersOf(entries: readonly Entry[], pools: readonly Cidr[]): Entry[] {
	const owners = new Map<string, Entry>()
	for (const entry of entries) {
		const cidr = entry.key === POOLS ? undefined : poolIn(entry)
		if (cidr !== undefined && pools.some((pool) => overlaps(pool, cidr))) owners.set(entry.value, entry)
	}
	return [...owners.values()]
}

/** A network that no host has any more, as its hosts went for good: its pools can be had. @throws WeftError `exists` */
async function deserting(cluster: Cluster, { key, value: owner }: Entry, pools: readonly string[]): Promise<Step> {
	const there = await cluster.get(NETWORKS + owner)
	if ((await cluster.range(`${ON}${owner}/`)).entries.length === 0) return await unmaking(cluster, owner, there)
	const whose = `${key.slice(POOLS.length)}, which the network ${owner} of the cluster has`
	throw new WeftError('exists', `the subnet ${pools.join(' or ')} overlaps with ${whose}; name another with --subnet`)
}

async function unmaking(cluster: Cluster, id: string, there: Entry | undefined): Promise<Step> {
	const key = NETWORKS + id
	const { entries } = await cluster.range(POOLS)
	const pools = entries.filter((entry) => entry.value === id && entry.key !== POOLS)
	const writes = [{ key }, { key: OFFERS + id }, ...pools.map((entry) => ({ key: entry.key }))]
	return { conditions: [{ key, revision: there?.revision ?? 0 }], writes }
}

function keyOn({ node }: Claimant, id: string): string {
	return `${ON}${id}/${node}`
}

/** Undefined for what weft does not write. */
export function poolIn({ key }: Entry): Cidr | undefined {
	try {
		return parseCidr(key.slice(POOLS.length))
	} catch {
		return undefined
	}
}

function checkSame(network: ClusterNetwork, there: Entry): void {
	// As it would be read.
	const [asked, has] = [fieldsIn({ value: JSON.stringify(network) }), fieldsIn(there)]
	const names = [...new Set([...Object.keys(asked), ...Object.keys(has)])]
	const other = names.find((name) => !isDeepStrictEqual(asked[name], has[name]))
	if (other === undefined) return
	const [here, elsewhere] = [asked[other], has[other]].map((each) => JSON.stringify(each))
	throw new WeftError(
		'exists',
		`the network ${network.id} of the cluster has other ${other}: ${elsewhere}, and not ${here}`,
	)
}
