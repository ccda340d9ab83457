/** The options of a network after validation: every one has its value, defaults filled in. */
import type { Family } from './address.ts'
import type { Protocol } from './network.ts'

/** The modes that can be chosen with `-o mode=`; each has a planner in modes/. */
export type ModeName = NetworkOptions['mode']

/**
 * How containers are reached from beyond their bridge, and how they leave: behind the host's address with only published
 * ports open (`nat`), with all of them open to whoever has a route (`nat-unprotected`), with their own address and only
 * published ports open (`routed`), or not at all, the host included (`isolated`).
 */
export type GatewayMode = 'nat' | 'nat-unprotected' | 'routed' | 'isolated'

/** Whom of those on the same parent a container reaches: all, nobody, all through the switch; or it has the parent alone. */
export type MacvlanMode = 'bridge' | 'private' | 'vepa' | 'passthru'

/** Where packets are routed: in the container, on the host, on the host past its firewall. */
export type IpvlanMode = 'l2' | 'l3' | 'l3s'

/** As a macvlan's modes. */
export type IpvlanFlag = 'bridge' | 'private' | 'vepa'

/** What may differ between IPv4 and IPv6. */
export type PerFamily<T> = { readonly [F in Family]: T }

/** By mode: each has its own. */
export type NetworkOptions = BridgeOptions | SharedOptions | OverlayOptions | NoneOptions | LanOptions

/** Of the modes whose containers sit on a link of this host. */
export type LanOptions = MacvlanOptions | IpvlanOptions

export interface NoneOptions {
	readonly mode: 'none'
}

export interface BridgeOptions extends BridgedOptions {
	readonly mode: 'bridge'
}

/** Of the modes whose containers are on a bridge of somebody's, their owner, where what they listen on is. */
export type SharedOptions = HostOptions | ContainerOptions

interface AnySharedOptions extends BridgedOptions {
	/** What may be on the owner; absent: all. */
	readonly ports?: readonly PortRange[]
	/** What may not be. */
	readonly exclude: readonly PortRange[]
}

/** The owner is this host. */
export interface HostOptions extends AnySharedOptions {
	readonly mode: 'host'
}

/** The owner is another container. */
export interface ContainerOptions extends AnySharedOptions {
	readonly mode: 'container'
	/** Its name, its id, or what its id begins with. */
	readonly container: string
}

/** How packets get to the other hosts: in UDP, as they are to the host as a router on the same segment, or encrypted in UDP. */
export const BACKENDS = ['vxlan', 'host-gw', 'wireguard'] as const

export type Backend = (typeof BACKENDS)[number]

/** Containers are on a bridge, and reach those of the network on the other hosts of the cluster. */
export interface OverlayOptions extends BridgedOptions {
	readonly mode: 'overlay'
	readonly backend: Backend
	/** The network's identity in the cluster; absent: Docker's id. */
	readonly id?: string
	/** Every host of the cluster gets the network, under its name. */
	readonly replicate: boolean
	/** Mask length of the blocks of addresses that a host claims. */
	readonly blocks: PerFamily<number>
}

/** From `first` to `last`, both included, of one protocol or of all. */
export interface PortRange {
	readonly first: number
	readonly last: number
	readonly protocol?: Protocol
}

/** Of the modes whose containers are on a bridge of this host. */
export interface BridgedOptions {
	/** Bytes; absent: measured from the default route's link when the network is made. */
	readonly mtu?: number
	/** Name prefix of interfaces inside the container. */
	readonly interfacePrefix: string
	/** The name asked for with com.docker.network.bridge.name. */
	readonly bridgeName?: string
	readonly gatewayModes: PerFamily<GatewayMode>
	/** Containers of the network reach each other, not only what they publish. */
	readonly icc: boolean
	/** Packets whose source is not the container's own are dropped. */
	readonly antispoof: boolean
	/** Source NAT on the way out, for the families whose gateway mode has NAT. */
	readonly masquerade: boolean
	/** The address that containers leave with, in the place of that of the link by which they leave. */
	readonly sourceAddresses: Partial<PerFamily<string>>
	/** Address that `-p` binds where it names none; absent: every address of the host. */
	readonly hostBinding?: string
	/** Links of the host that reach published ports at the container's own address. */
	readonly trustedInterfaces: readonly string[]
	/** No IPv4 address on the bridge. */
	readonly inhibitIpv4: boolean
}

interface AnyLanOptions {
	/** Bytes; absent: the parent's. */
	readonly mtu?: number
	/** Name prefix of interfaces inside the container. */
	readonly interfacePrefix: string
	/** The link of this host that containers' links sit on; absent: a dummy of the network's own, from which nothing leaves. */
	readonly parent?: string
	/** The host and the containers reach each other. */
	readonly hostAccess: boolean
}

export interface MacvlanOptions extends AnyLanOptions {
	readonly mode: 'macvlan'
	readonly macvlanMode: MacvlanMode
}

export interface IpvlanOptions extends AnyLanOptions {
	readonly mode: 'ipvlan'
	readonly ipvlanMode: IpvlanMode
	readonly ipvlanFlag: IpvlanFlag
}
