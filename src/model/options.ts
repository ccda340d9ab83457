/** The options of a network after validation: every one has its value, defaults filled in. */

/** The modes that can be chosen with `-o mode=`; each has a planner in modes/. */
export type ModeName = 'bridge'

export interface NetworkOptions {
	readonly mode: ModeName
	/** Bytes; absent: measured from the default route's link when the network is made. */
	readonly mtu?: number
	/** Name prefix of interfaces inside the container. */
	readonly interfacePrefix: string
	/** The name asked for with com.docker.network.bridge.name. */
	readonly bridgeName?: string
	/** Source NAT on the way out. */
	readonly masquerade: boolean
	/** Address that `-p` binds where it names none; absent: every address of the host. */
	readonly hostBinding?: string
}
