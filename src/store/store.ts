/**
 * The durable state of this host: what kinds of record there are, and how they are read and changed. No policy: who
 * may change what, and when, is decided above.
 */
import type { DockerBridge, Endpoint, EnteredNetwork, Network, Replica, Sighting } from '../model/network.ts'
import type { HostKey, Membership } from '../model/node.ts'
import type { Block, Borrowed, Lease, Loan, Pool } from '../model/pool.ts'

/**
 * The kinds of record. Endpoints are grouped by network, leases, blocks, loans and what is borrowed by pool; the others are
 * all in the group ''.
 */
export interface Records {
	network: Network
	endpoint: Endpoint
	pool: Pool
	lease: Lease
	dockerBridge: DockerBridge
	sighting: Sighting
	membership: Membership
	hostKey: HostKey
	block: Block
	loan: Loan
	borrowed: Borrowed
	clusterNetwork: EnteredNetwork
	replica: Replica
}

export type Kind = keyof Records

/** A record to write, or without `value` to take away. */
export type Change = {
	[K in Kind]: { readonly kind: K; readonly group: string; readonly id: string; readonly value?: Records[K] }
}[Kind]

export interface Store {
	/**
	 * Reads are from memory and show what has been committed: the same object until the record is written again, so that
	 * whoever has kept it can tell.
	 */
	get<K extends Kind>(kind: K, group: string, id: string): Records[K] | undefined
	list<K extends Kind>(kind: K, group: string): readonly Records[K][]
	/**
	 * Writes all changes or none, and returns when they would survive a power cut.
	 * @throws WeftError `system` when the disk refuses; then nothing has changed.
	 */
	commit(changes: readonly Change[]): Promise<void>
	close(): Promise<void>
}
