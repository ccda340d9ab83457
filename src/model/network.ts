/** Networks and endpoints as they are stored and passed about. Addresses are canonical text; nothing here has an effect. */
import type {
	BridgeOptions,
	ContainerOptions,
	LanOptions,
	NoneOptions,
	OverlayOptions,
	PerFamily,
	SharedOptions,
} from './options.ts'

/** Those with ports. */
export const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const

export type Protocol = (typeof PROTOCOLS)[number]

/** Docker's own ids are 64 hex digits, those of networks that Swarm's manager made 25 digits to base 36. */
export function isSwarmId(networkId: string): boolean {
	return /^[0-9a-z]{25}$/.test(networkId)
}

/** One address pool of a network. */
export interface Subnet {
	/** The pool without host bits, such as 10.210.0.0/24; 0.0.0.0/0 or ::/0 means that Docker addresses nothing. */
	readonly pool: string
	/** The gateway with the pool's length, such as 10.210.0.1/24. */
	readonly gateway?: string
	/** Addresses set aside by name with `--aux-address`, with the pool's length. */
	readonly reserved: Readonly<Record<string, string>>
}

/** A network that several hosts have, as all of them have it. */
export interface ClusterNetwork {
	/** Its identity in the cluster. */
	readonly id: string
	readonly subnets: readonly Subnet[]
	/** As `-o key=value` gives them, but for the id, defaults filled in. */
	readonly options: Readonly<Record<string, string>>
	readonly internal: boolean
	/** Mask lengths of the blocks that hosts claim. */
	readonly blocks: PerFamily<number>
}

/** One of them that this host has. */
export interface EnteredNetwork extends ClusterNetwork {
	/** Ids of this host's pools of its subnets. */
	readonly pools: readonly string[]
}

/** One that every host of the cluster is to have, as Docker has it where it was made. */
export interface OfferedNetwork extends ClusterNetwork {
	readonly name: string
	/** Names of the drivers of the network and its addresses: of a managed plugin its reference. */
	readonly driver: string
	readonly ipamDriver: string
	/** Parts of its subnets, one of each at most, in which addresses are chosen. */
	readonly ranges: readonly string[]
}

/** One that Docker is to make, as `docker network create` asks for it. */
export interface WantedNetwork {
	readonly name: string
	readonly driver: string
	readonly ipamDriver: string
	readonly internal: boolean
	readonly ipv4: boolean
	readonly ipv6: boolean
	readonly options: Readonly<Record<string, string>>
	/** Gateways and reserved addresses without a length. */
	readonly subnets: readonly (Subnet & { readonly range?: string })[]
}

/** That this host has had such a network: when it is gone here, it is to stay so. */
export interface Replica {
	/** Its identity in the cluster. */
	readonly id: string
}

/** What a bridge had before it became a network's, and keeps when the network goes. */
export interface BridgeState {
	/** With their mask length. */
	readonly addresses: readonly string[]
	/** Whether it let packets to 127.0.0.0/8 pass. */
	readonly routesLocalnet: boolean
}

/** What a network of any mode has. */
interface AnyNetwork {
	/** Docker's id: 64 hex digits, or 25 of base 36 for a Swarm network. */
	readonly id: string
	/** `--internal`: no way in or out. */
	readonly internal: boolean
	readonly ipv4: readonly Subnet[]
	readonly ipv6: readonly Subnet[]
	/** False while it is being made or taken away: what a crash leaves so is taken away at the next start. */
	readonly settled: boolean
}

/** Containers have the loopback alone. */
export interface NoneNetwork extends AnyNetwork {
	readonly options: NoneOptions
}

export interface BridgeNetwork extends AnyNetwork {
	readonly options: BridgeOptions | SharedOptions | OverlayOptions
	/** The device that containers hang on, chosen once: see names.ts. In mode container it is with the owner. */
	readonly bridge: string
	/** Only where the bridge was there before the network: it is not taken away, and what it had neither. */
	readonly adopted?: BridgeState
	/** Bytes: the option's, or what was measured when the network was made. */
	readonly mtu: number
}

/** A link that carries one VLAN of its parent. */
export interface Vlan {
	readonly name: string
	readonly parent: string
	/** 1 to 4094. */
	readonly id: number
}

/** The host's own link on a parent: what sits there hears nothing of the parent itself. */
export interface Shim {
	readonly name: string
	/** Those of the host on the parent by which it speaks to containers; without a length. */
	readonly addresses: readonly string[]
}

/** Containers are hosts of the network that their parent is on. */
export interface LanNetwork extends AnyNetwork {
	readonly options: LanOptions
	/** The link that containers' links sit on: the one that was asked for, or a dummy. */
	readonly parent: string
	/** Those that weft made to have that parent, the lowest first. They go with the last network that has them. */
	readonly vlans: readonly Vlan[]
	/** By which the host and the containers reach each other, where they are to. */
	readonly shim?: Shim
}

export type Network = BridgeNetwork | NoneNetwork | LanNetwork

export function hasParent(network: Network): network is LanNetwork {
	return 'parent' in network
}

export function hasBridge(network: Network): network is BridgeNetwork {
	return 'bridge' in network
}

/** Where what containers listen on is on an owner: this host, or another container. */
export interface SharedNetwork extends BridgeNetwork {
	readonly options: SharedOptions
}

export function isShared(network: Network): network is SharedNetwork {
	return network.options.mode === 'host' || isOwned(network)
}

/** For people. */
export function ownerName({ options }: SharedNetwork): string {
	return options.mode === 'container' ? `container ${options.container}` : 'the host'
}

/** Whose owner is another container. */
export interface OwnedNetwork extends BridgeNetwork {
	readonly options: ContainerOptions
	/** Id of the container that had it last, and may have something of it in its namespace still; absent before there was one. */
	readonly owner?: string
}

export function isOwned(network: Network): network is OwnedNetwork {
	return network.options.mode === 'container'
}

/** How this host reaches the others of its cluster. */
export interface Underlay {
	/** This host's name in the cluster. */
	readonly node: string
	/** Of this host, by which the others reach it. */
	readonly address: string
	/** The link that has it, and its MTU in bytes. */
	readonly link: string
	readonly mtu: number
	/** UDP port of VXLAN, the same on all hosts. */
	readonly port: number
	/** UDP port of WireGuard, the same on all hosts, and this host's key; absent before the host has one. */
	readonly wireguard?: { readonly port: number; readonly publicKey: string }
}

/** Another host, and what of a network is there. */
export interface Remote {
	readonly node: string
	/** In the underlay. */
	readonly address: string
	/** Of WireGuard; only where the network goes by it. */
	readonly publicKey?: string
	/** Blocks of addresses, and single addresses as networks of one. */
	readonly destinations: readonly string[]
}

/** A bridge on each host, and routes to the containers on the others. */
export interface OverlayNetwork extends BridgeNetwork {
	readonly options: OverlayOptions
	/** Its identity in the cluster, the same on all hosts. */
	readonly clusterId: string
	readonly underlay: Underlay
	/** As the cluster last told. */
	readonly remotes: readonly Remote[]
	/** Addresses that this host has out of others' blocks, as networks of one. */
	readonly borrowed: readonly string[]
}

export function isOverlay(network: Network): network is OverlayNetwork {
	return network.options.mode === 'overlay'
}

/** A bridge to which a network of Docker's own gave this name, as Docker said. */
export interface DockerBridge {
	readonly name: string
}

/**
 * How Docker has a network, as far as weft knows. What an engine had and has no more, it has forgotten for good: the id
 * never comes again.
 */
export interface Sighting {
	readonly networkId: string
	/** The engine that has told of it; absent as long as nobody has had the answer to its creation. */
	readonly engine?: string
	/** Ids of the pools of weft's IPAM that it has. */
	readonly pools: readonly string[]
}

/** One `-p`: `hostPort` 0 leaves the choice to weft, `hostPortEnd` above it gives a range to choose from. */
export interface PortRequest {
	readonly protocol: Protocol
	readonly containerPort: number
	/** Empty for the network's default, otherwise an address of this host. */
	readonly hostIp: string
	readonly hostPort: number
	readonly hostPortEnd: number
}

/** A port of this host that leads to a container's port. */
export interface PublishedPort {
	readonly protocol: Protocol
	readonly hostIp: string
	/** 0 on a routed network: there the container's own port is opened, and the host has none for it. */
	readonly hostPort: number
	readonly containerIp: string
	readonly containerPort: number
	/** Because the container listens there, on a network where that is enough, and not because it was asked for. */
	readonly found?: true
}

export interface Endpoint {
	/** Docker's id, a new one at each container start. */
	readonly id: string
	readonly networkId: string
	/** With the pool's length; absent where the network has none of that family. */
	readonly ipv4?: string
	readonly ipv6?: string
	readonly mac: string
	/** What the interface is to be called inside the container; absent: its network's prefix and a number. */
	readonly interfaceName?: string
	/** The link that stays on the host, or goes from it, by the network's mode; chosen once: see names.ts. */
	readonly link: string
	/** Bytes, of a link on a bridge that was there before the network, whose MTU others may change; absent: the network's. */
	readonly mtu?: number
	readonly published: readonly PublishedPort[]
	/**
	 * Its container has left, and nothing of it is to be in the kernel: on networks where the kernel does not tell, since
	 * the link is in the container whole, and the host has more of it.
	 */
	readonly left?: true
}
