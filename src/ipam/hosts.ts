/** The hosts of a cluster, from all of its keys: which there are, which show themselves, and how much each has. Pure. */
import type { Entry } from '../cluster/cluster.ts'
import { NODES, nodeOf, PRESENT } from '../cluster/nodes.ts'
import type { Node } from '../model/node.ts'
import { ADDRESSES, BLOCKS, holderOf, ON, orNothing } from './shared-keys.ts'

export interface HostOfCluster extends Node {
	readonly isPresent: boolean
	/** Numbers. */
	readonly networks: number
	readonly blocks: number
	readonly addresses: number
}

/** In the order of their names; without what weft does not write. */
export function hostsIn(entries: ReadonlyMap<string, Entry>): HostOfCluster[] {
	const all = [...entries.values()]
	const count = (prefix: string, nodeIn: (entry: Entry) => string | undefined) => {
		const counts = new Map<string, number>()
		for (const entry of all.filter(({ key }) => key.startsWith(prefix))) {
			const node = nodeIn(entry)
			if (node !== undefined) counts.set(node, (counts.get(node) ?? 0) + 1)
		}
		return counts
	}
	const networks = count(ON, ({ key }) => key.slice(ON.length).split('/')[1])
	const [blocks, addresses] = [BLOCKS, ADDRESSES].map((prefix) => count(prefix, (entry) => holderOf(entry)?.node))
	const nodes = all.filter(({ key }) => key.startsWith(NODES)).flatMap((entry) => orNothing(() => nodeOf(entry)) ?? [])
	return nodes
		.map((node) => ({
			...node,
			isPresent: entries.has(PRESENT + node.name),
			networks: networks.get(node.name) ?? 0,
			blocks: blocks?.get(node.name) ?? 0,
			addresses: addresses?.get(node.name) ?? 0,
		}))
		.sort((a, b) => (a.name < b.name ? -1 : 1))
}
