/** Pools and leases as they are stored. */

/** The address spaces: two, and never the same, as dockerd skips its check for overlaps with the host's routes in the global one. */
export const LOCAL_SPACE = 'weft-local'
/** Swarm's. */
export const GLOBAL_SPACE = 'weft-global'

export interface Pool {
	/** `SPACE/POOL` or `SPACE/POOL/RANGE`: says by itself what it is and stays the same over restarts. */
	readonly id: string
	readonly space: string
	/** Without host bits. */
	readonly pool: string
	/** Where addresses are chosen when none is asked for; absent: anywhere in the pool. */
	readonly range?: string
	/** Somebody asked for this very subnet, as for one that this host is on already. */
	readonly named?: true
	/** The address given last, from which the search for the next one starts. */
	readonly cursor?: string
}

/** What an address was asked for; aux addresses of `--aux-address` cannot be told from an endpoint's `--ip`. */
export type LeaseKind = 'gateway' | 'endpoint'

export interface Lease {
	readonly poolId: string
	readonly address: string
	readonly kind: LeaseKind
}

/** A part of a pool from which this host alone of a cluster gives addresses. */
export interface Block {
	readonly poolId: string
	readonly block: string
	/** The membership with which it was claimed: with another one it is nobody's until it was claimed again. */
	readonly membership: string
	/** It is being given back: nothing is given from it any more. */
	readonly leaving: boolean
}

/** An address in a block of this host that another one has. */
export interface Loan {
	readonly poolId: string
	readonly address: string
	readonly node: string
}

/** An address outside of this host's blocks that it has all the same. */
export interface Borrowed {
	readonly poolId: string
	readonly address: string
	readonly membership: string
}
