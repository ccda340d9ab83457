/** What `ipam.ts` asks of a cluster for a pool that hosts share; nothing of it is loaded without `WEFT_CLUSTER`. */

export interface SharedVerbs {
	/** The address alone. @throws WeftError `exhausted`, `in-use`, `invalid`, `unreachable` */
	requestAddress(poolId: string, address?: string): Promise<string>
	/** Succeeds for an address that nobody has, and without the cluster. */
	releaseAddress(poolId: string, address: string): Promise<void>
	/** The pool and all of it is gone from the record. Never fails. */
	released(poolId: string): Promise<void>
}
