/** What Docker's NetworkDriver calls come down to, in weft's words. Implemented in this folder, called by cnm/. */
import type { PortRequest, Subnet } from '../model/network.ts'
import type { PerFamily } from '../model/options.ts'

export interface NetworkRequest {
	readonly id: string
	/** The `-o key=value` pairs as given. */
	readonly options: Readonly<Record<string, string>>
	readonly internal: boolean
	readonly ipv4: readonly Subnet[]
	readonly ipv6: readonly Subnet[]
}

export interface EndpointRequest {
	readonly networkId: string
	readonly id: string
	/** With the pool's length, as Docker's IPAM gave them. */
	readonly ipv4?: string
	readonly ipv6?: string
	/** Only when the user asked for it with `--mac-address`. */
	readonly mac?: string
	/** What the interface is to be called inside the container, where the user asked for a name. */
	readonly interfaceName?: string
	/** Whether the container has `-p`, of whatever network. */
	readonly publishes?: true
}

export interface EndpointAnswer {
	/** Only what the request left open: dockerd refuses an echo. */
	readonly mac?: string
}

export interface RouteAnswer {
	readonly destination: string
	/** Absent for a destination on the link. */
	readonly via?: string
}

export interface JoinAnswer {
	/** The link that dockerd moves into the container; absent for a network without one. */
	readonly link?: string
	/** Name prefix inside the container: `eth` gives eth0, eth1. There with the link. */
	readonly prefix?: string
	/** The whole name, where the user asked for one. */
	readonly name?: string
	readonly gateway?: string
	readonly gatewayIpv6?: string
	readonly routes: readonly RouteAnswer[]
	/** True: dockerd must not add an interface on docker_gwbridge. */
	readonly noGatewayService: boolean
}

/**
 * Every verb may be repeated with the same content and then gives the same answer; what takes away succeeds for the
 * unknown. All throw WeftError with a text for the person who typed the command.
 */
export interface NetworkVerbs {
	/** Whether a network to come needs no gateway's address set aside, in each family. Decided from the options alone. */
	skipsGateway(request: Pick<NetworkRequest, 'options' | 'internal'>): PerFamily<boolean>
	createNetwork(request: NetworkRequest): Promise<void>
	/** Somebody has had the answer of createNetwork. Returns at once, and never fails. */
	networkAnswered(networkId: string): void
	deleteNetwork(networkId: string): Promise<void>
	createEndpoint(request: EndpointRequest): Promise<EndpointAnswer>
	deleteEndpoint(networkId: string, endpointId: string): Promise<void>
	join(networkId: string, endpointId: string): Promise<JoinAnswer>
	leave(networkId: string, endpointId: string): Promise<void>
	/** Replaces what the endpoint had published. */
	publish(networkId: string, endpointId: string, ports: readonly PortRequest[]): Promise<void>
	unpublish(networkId: string, endpointId: string): Promise<void>
}
