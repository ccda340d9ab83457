/**
 * What the hosts of a cluster share: keys with values, changed by compare and swap, and told of. No policy: who may change
 * what, and when, is decided above; and no word of etcd.
 *
 * Every call throws WeftError `unreachable` where no endpoint answers, and `system` where one refuses, as it does a login.
 */

export interface Entry {
	readonly key: string
	readonly value: string
	/** Of its last change. Each change of anything in the cluster has a higher one than those before it. */
	readonly revision: number
	/** The lease that it goes with. */
	readonly lease?: string
}

/** What there was at a revision. */
export interface Snapshot {
	readonly revision: number
	/** In the order of their keys. */
	readonly entries: readonly Entry[]
}

/** Holds where the key's last change was at this revision; 0: where there is no such key. */
export interface Condition {
	readonly key: string
	readonly revision: number
}

/** A value to write, or without one a key to take away. */
export interface Write {
	readonly key: string
	readonly value?: string
	/** The key goes when this lease ends; without, it stays. */
	readonly lease?: string
}

/** What changed after the revision that came before, up to and with this one. */
export interface Changes {
	readonly revision: number
	/** In the order in which it happened; without a value: taken away. */
	readonly entries: readonly (Entry | { readonly key: string })[]
}

export interface Cluster {
	get(key: string): Promise<Entry | undefined>
	/** All whose key starts with this, in one moment. */
	range(prefix: string): Promise<Snapshot>
	/**
	 * Writes all, each key at most once, or nothing: where a condition does not hold. Undefined then, otherwise its revision.
	 * @throws WeftError `unreachable`: it may or may not have been done; `not-found`: a lease is over, nothing was done
	 */
	transaction(conditions: readonly Condition[], writes: readonly Write[]): Promise<number | undefined>
	/**
	 * What changes after this revision in keys that start with `prefix`, without a gap, until `signal` aborts, which ends it.
	 * @throws WeftError `compacted` where what came after the revision is no longer kept; `unreachable` when it breaks off:
	 * it can be gone on with from the last revision that was told
	 */
	watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<Changes>
	/** A lease that ends this many seconds after it was granted, or last kept alive: its name. */
	grant(seconds: number): Promise<string>
	/** False where it is over. */
	keepAlive(lease: string): Promise<boolean>
	/** Ends it, and takes away its keys at once. Succeeds for one that is over. */
	revoke(lease: string): Promise<void>
	/** Breaks off what is under way. */
	close(): Promise<void>
}
