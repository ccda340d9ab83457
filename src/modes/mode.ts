/**
 * What a mode is: pure functions from stored records to the kernel's resources, in the order in which they must come
 * into being. Create ensures a list, delete removes it in reverse, restart ensures it again.
 */
import type { Resource } from '../kernel/resource.ts'
import type { Endpoint, Network } from '../model/network.ts'
import type { PerFamily } from '../model/options.ts'

/** A route of a container: a network, and the plain address of a neighbour. */
export interface NextHop {
	readonly destination: string
	readonly via: string
}

/** How a container reaches the world: plain addresses of the gateways. */
export interface Attachment {
	readonly gateway?: string
	readonly gatewayIpv6?: string
	/** What is reached by the link itself, and not because of the container's address. */
	readonly onLink?: readonly string[]
	/** What is reached otherwise than by the gateways and the link. */
	readonly routes?: readonly NextHop[]
	/** True: dockerd must not add an interface on docker_gwbridge. */
	readonly noGatewayService: boolean
}

/** The link that Docker moves into the container. */
export interface ContainerLink {
	readonly name: string
	/** Of its name inside the container. */
	readonly prefix: string
	/** What is on this host for as long as the container has the link; absent where nothing is. */
	readonly hostEnd?: string
}

export interface Mode<N extends Network = Network> {
	/** Whether a container's link has a MAC address of its own, which may be chosen. */
	readonly ownMac: boolean
	/** @throws WeftError `invalid` for a network that this mode cannot serve. */
	validate(network: N): void
	/** The families in which no address is to be set aside for a gateway that nobody asked for. */
	skipsGateway(options: N['options'], internal: boolean): PerFamily<boolean>
	/** Exists while the network does. */
	network(network: N): Resource[]
	/** Exists between Join and Leave. */
	attached(network: N, endpoint: Endpoint): Resource[]
	/** Exists while the endpoint's ports are published. */
	published(network: N, endpoint: Endpoint): Resource[]
	/** Undefined where containers get none. */
	link(network: N, endpoint: Endpoint): ContainerLink | undefined
	attachment(network: N, endpoint: Endpoint): Attachment
	/** What there is in the namespace of the container that owns the network, of all three; absent where this host does. */
	readonly owned?: Pick<Mode<N>, 'network' | 'attached' | 'published'>
}
