/** A pool that the hosts of a cluster share, as its parts in this folder see it, and how they claim something of it. */
import type { Cluster, Condition, Write } from '../cluster/cluster.ts'
import type { Member } from '../cluster/member.ts'
import { isCode } from '../errors.ts'
import type { Cidr } from '../model/address.ts'
import type { LocalBlocks } from './local-blocks.ts'
import type { SharedKeys } from './shared-keys.ts'

export interface SharedPool {
	readonly cluster: Cluster
	readonly member: Pick<Member, 'node' | 'membership' | 'isOver' | 'refusal'>
	readonly local: LocalBlocks
	readonly keys: SharedKeys
	/** Where blocks are claimed, and not smaller than one; absent: anywhere in the pool. */
	readonly range?: Cidr
	/**
	 * Before anything is claimed: resolves when this host has the network in the cluster, with its present membership.
	 * @throws WeftError `unreachable`; `exists` where the pool is another network's by now
	 */
	readonly admit: () => Promise<void>
	/** Mask length of the blocks. */
	readonly length: number
}

/** @throws WeftError `unreachable` where this host may use nothing of the cluster's */
export function membershipOf({ member }: SharedPool): string {
	const { membership } = member
	if (membership === undefined) throw member.refusal()
	return membership
}

/** A transaction whose writes go with this host's membership. @throws WeftError `unreachable`, also where that is over */
export async function claim(
	{ cluster, member }: SharedPool,
	conditions: readonly Condition[],
	writes: readonly Write[],
): Promise<number | undefined> {
	try {
		return await cluster.transaction(conditions, writes)
	} catch (error) {
		if (!isCode(error, 'not-found')) throw error
		for (const { lease } of writes) if (lease !== undefined) member.isOver(lease)
		throw member.refusal()
	}
}
