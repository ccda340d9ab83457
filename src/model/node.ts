/** A host of a cluster, as it is stored on that host, and as it tells the others. */

export interface Membership {
	/** Of the cluster's store. All that the host claims goes with it. */
	readonly lease: string
	/** Those with which it may still be listed, where joining broke off. */
	readonly former: readonly string[]
	/** When the cluster last confirmed it: seconds since that boot of the host. */
	readonly boot: string
	readonly contact: number
}

export interface Node {
	readonly name: string
	/** In the underlay. */
	readonly address: string
	/** Of WireGuard, in base64; absent where it has none. */
	readonly publicKey?: string
}
