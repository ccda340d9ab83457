/**
 * What a mode is: pure functions from stored records to the kernel's resources, in the order in which they must come
 * into being. Create ensures a list, delete removes it in reverse, restart ensures it again.
 */
import type { Resource } from '../kernel/resource.ts'
import type { Endpoint, Network } from '../model/network.ts'
import type { NetworkOptions, PerFamily } from '../model/options.ts'

/** How a container reaches the world: plain addresses of the gateways. */
export interface Attachment {
	readonly gateway?: string
	readonly gatewayIpv6?: string
	/** True: dockerd must not add an interface on docker_gwbridge. */
	readonly noGatewayService: boolean
}

export interface Mode {
	/** @throws WeftError `invalid` for a network that this mode cannot serve. */
	validate(network: Network): void
	/** The families in which no address is to be set aside for a gateway that nobody asked for. */
	skipsGateway(options: NetworkOptions, internal: boolean): PerFamily<boolean>
	/** Exists while the network does. */
	network(network: Network): Resource[]
	/** Exists between Join and Leave. */
	attached(network: Network, endpoint: Endpoint): Resource[]
	/** Exists while the endpoint's ports are published. */
	published(network: Network, endpoint: Endpoint): Resource[]
	attachment(network: Network, endpoint: Endpoint): Attachment
}
