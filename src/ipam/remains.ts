/** Gives back what the cluster has for this host and this host has not on record: after a pool went, or a call that broke off. */
import type { Cluster } from '../cluster/cluster.ts'
import { type Claimant, leaveNetwork } from './cluster-networks.ts'
import { ADDRESSES, BLOCKS, ON, placeIn } from './shared-keys.ts'

/** What is on record here. */
export interface OnRecord {
	readonly pools: ReadonlySet<string>
	/** Ids. */
	readonly networks: ReadonlySet<string>
}

/** Addresses before the pools, and those before their network. Nothing of it may be entered meanwhile. */
export async function giveBackRemains(
	cluster: Cluster,
	claimant: Claimant,
	{ pools, networks }: OnRecord,
): Promise<void> {
	for (const prefix of [BLOCKS, ADDRESSES]) {
		const { entries } = await cluster.range(prefix)
		const mine = entries.filter(({ lease }) => lease === claimant.membership)
		for (const entry of mine.filter((each) => !pools.has(placeIn(prefix, each).pool))) {
			await cluster.transaction([{ key: entry.key, revision: entry.revision }], [{ key: entry.key }])
		}
	}
	const { entries } = await cluster.range(ON)
	const mine = entries.filter(({ lease }) => lease === claimant.membership)
	for (const { key } of mine) {
		const [network = ''] = key.slice(ON.length).split('/')
		if (!networks.has(network)) await leaveNetwork(cluster, claimant, network)
	}
}
