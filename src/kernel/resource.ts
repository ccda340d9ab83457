/**
 * The vocabulary between planners and the kernel: what must exist on this host, as plain data. A planner lists
 * resources in the order in which they must come into being; they go in reverse. Nothing here has an effect.
 */
import type { Family } from '../model/address.ts'
import type { Protocol, PublishedPort, Vlan } from '../model/network.ts'
import type { IpvlanFlag, IpvlanMode, MacvlanMode } from '../model/options.ts'

/**
 * What ::1 is called on the way to a container and back: an address of every bridge with IPv6. The same checksum as ::1
 * has, so that packets need not be put right where kernels get that wrong (UDP whose checksum was looked at already).
 */
export const LOOPBACK6_ALIAS = 'fe80::180'

/** A Linux bridge. One that is there already is left as it is, but up and, unless it is a kept one, with this MTU. */
export interface BridgeLink {
	readonly kind: 'bridge'
	readonly name: string
	/** Bytes. */
	readonly mtu: number
	readonly mac: string
	/** Somebody else's: made where it is missing, never taken away. */
	readonly kept?: true
}

/** A veth pair whose host end is a port of `master`, or of nothing. Docker moves `peer` into the container. */
export interface VethLink {
	readonly kind: 'veth'
	readonly name: string
	readonly peer: string
	readonly peerMac: string
	readonly master?: string
	/** Bytes, on both ends. */
	readonly mtu: number
}

/**
 * A macvlan that takes all that comes to a link of the host, in the namespace of a container and by the name that the link has
 * on the host; up, and a port of `master`. It goes with the link.
 */
export interface PassthruLink {
	readonly kind: 'passthru'
	readonly name: string
	readonly master: string
}

/** How a link shares its parent with others: by a MAC address of its own, or by its addresses under that of the parent. */
export type Sort =
	| { readonly kind: 'macvlan'; readonly mode: MacvlanMode; readonly mac: string }
	| { readonly kind: 'ipvlan'; readonly mode: IpvlanMode; readonly flag: IpvlanFlag }

/** A link on `parent` that Docker moves into the container; on the host it is down, and never heard. */
export interface LanLink {
	readonly kind: 'lan'
	readonly name: string
	readonly parent: string
	readonly sort: Sort
	/** Bytes; absent: the parent's, which it follows when that gets smaller. */
	readonly mtu?: number
}

/** A link on `parent` that stays on the host, down at first, with the parent's MTU. */
export interface ShimLink {
	readonly kind: 'shim'
	readonly name: string
	readonly parent: string
	readonly sort: Sort
}

/** That a link is up, after what has to be so before it hears anybody. */
export interface LinkUp {
	readonly kind: 'up'
	readonly link: string
}

/** Up. One that is there is left as it is, but for the MTU, which is the parent's. */
export interface VlanLink extends Vlan {
	readonly kind: 'vlan'
}

/** A link that leads nowhere, up, to be the parent of others. */
export interface DummyLink {
	readonly kind: 'dummy'
	readonly name: string
}

/** A VXLAN device, up. One that is there with other attributes is made anew. */
export interface VxlanLink {
	readonly kind: 'vxlan'
	readonly name: string
	/** VXLAN network identifier. */
	readonly id: number
	/** UDP port, of both sides. */
	readonly port: number
	/** Address of this host in the underlay, which packets leave with. */
	readonly local: string
	readonly mac: string
	/** Bytes. */
	readonly mtu: number
}

/** A WireGuard device, up. One that is there with other attributes is made anew. */
export interface WireguardLink {
	readonly kind: 'wireguard'
	readonly name: string
	/** UDP port that it is reached at. */
	readonly port: number
	/** The kernel gets the private key that belongs to it, in base64. */
	readonly publicKey: string
	/** Bytes. */
	readonly mtu: number
}

/** Who is spoken to by a WireGuard device, and the address and UDP port that it has in the underlay. */
export interface WireguardPeer {
	readonly kind: 'peer'
	readonly link: string
	readonly publicKey: string
	readonly remote: string
	readonly port: number
}

/** What goes to that peer of a WireGuard device, and may come from it; no other peer has it. */
export interface AllowedNetwork {
	readonly kind: 'allowed'
	readonly link: string
	readonly publicKey: string
	readonly destination: string
}

/** An address of this host on `link`, `cidr` with the address itself, such as 10.0.0.1/24. */
export interface Address {
	readonly kind: 'address'
	readonly link: string
	readonly cidr: string
	/** Somebody else's: added where it is missing, never taken away. */
	readonly kept?: true
}

/** A route; without `via` the destination is on the link. */
export interface Route {
	readonly kind: 'route'
	readonly destination: string
	readonly link: string
	readonly via?: string
	/** `via` is a neighbour on the link although no address of the link says so. */
	readonly onlink?: true
	/** The address of this host that packets leave with, unless they have one. */
	readonly source?: string
	/** Absent: the main one. By another one nobody goes there but on this link: while that is gone, packets are refused. */
	readonly table?: number
}

/** Packets with this bit of the mark are led by that table. */
export interface MarkRule {
	readonly kind: 'rule'
	readonly family: Family
	readonly mark: number
	readonly table: number
}

/** A permanent neighbour (ARP or NDP) entry. */
export interface Neighbour {
	readonly kind: 'neighbour'
	readonly link: string
	readonly ip: string
	/** Absent: the link's own, which it shares with the neighbour. */
	readonly mac?: string
}

/** On `link` this host answers whoever asks for `ip`, an IPv6 address that it has on another one. */
export interface ProxyEntry {
	readonly kind: 'proxy'
	readonly link: string
	readonly ip: string
}

/** A permanent forwarding entry of a VXLAN device: frames to `mac` go to the underlay address `remote`. */
export interface ForwardingEntry {
	readonly kind: 'forwarding'
	readonly link: string
	readonly mac: string
	readonly remote: string
}

/** Lets the bridge send a frame back to the port that it came from, as when a container calls its own published port. */
export interface Hairpin {
	readonly kind: 'hairpin'
	/** A port of a bridge. */
	readonly link: string
}

/** A kernel setting under /proc/sys, `key` with slashes: `net/ipv4/ip_forward`. */
export interface Sysctl {
	readonly kind: 'sysctl'
	readonly key: string
	readonly value: string
	/** What it is set to when it is taken away; absent: it stays, since nobody knows who relies on it by then. */
	readonly undone?: string
}

/** One element of a set or map of weft's tables; inet-table.ts and bridge-table.ts have which there are. */
export interface Element {
	readonly kind: 'element'
	readonly set: string
	readonly key: readonly string[]
	/** What a map's key leads to; absent for a set. */
	readonly value?: readonly string[]
}

export function element(set: string, key: readonly string[], value?: readonly string[]): Element {
	return value === undefined ? { kind: 'element', set, key } : { kind: 'element', set, key, value }
}

/** A port of this host that is held, so that nobody else can listen on it. `address` may be 0.0.0.0 or ::. */
export interface HostPort {
	readonly kind: 'port'
	readonly protocol: Protocol
	readonly address: string
	readonly port: number
	/** Whose it is: an endpoint's id. A second owner is refused. */
	readonly owner: string
}

/** Ports that lead to containers no longer, and those that do now: no resource, but what became of some. */
export interface PortChange {
	readonly closed: readonly PublishedPort[]
	readonly opened: readonly PublishedPort[]
}

export type Resource =
	| BridgeLink
	| VethLink
	| PassthruLink
	| LanLink
	| VlanLink
	| ShimLink
	| LinkUp
	| DummyLink
	| VxlanLink
	| WireguardLink
	| WireguardPeer
	| AllowedNetwork
	| Address
	| Route
	| MarkRule
	| Neighbour
	| ProxyEntry
	| ForwardingEntry
	| Hairpin
	| Sysctl
	| Element
	| HostPort

export type Link = Extract<Resource, { readonly name: string }>

export function isLink(resource: Resource): resource is Link {
	return 'name' in resource
}

/** What makes two resources the same thing, whatever their attributes: its kind and its name in the kernel. */
export function identity(resource: Resource): string {
	if (isLink(resource)) return `link ${resource.name}`
	switch (resource.kind) {
		case 'up':
			return `up ${resource.link}`
		case 'peer':
			return `peer ${resource.link} ${resource.publicKey}`
		case 'allowed':
			return `allowed ${resource.link} ${resource.destination}`
		case 'address':
			return `address ${resource.link} ${resource.cidr}`
		case 'route':
			return `route ${resource.destination} ${resource.link}${resource.table === undefined ? '' : ` ${resource.table}`}`
		case 'rule':
			return `rule IPv${resource.family} 0x${resource.mark.toString(16)}`
		case 'neighbour':
			return `neighbour ${resource.link} ${resource.ip}`
		case 'proxy':
			return `proxy ${resource.link} ${resource.ip}`
		case 'forwarding':
			return `forwarding ${resource.link} ${resource.mac}`
		case 'hairpin':
			return `hairpin ${resource.link}`
		case 'sysctl':
			return `sysctl ${resource.key}`
		case 'element':
			return `element ${resource.set} ${resource.key.join(' . ')}`
		case 'port':
			return `port ${resource.protocol} ${resource.address} ${resource.port}`
	}
}

/** A container's own: in its sandbox, where it cannot be looked at, and gone with it. */
export function isContainers(resource: Resource): boolean {
	return resource.kind === 'lan'
}
