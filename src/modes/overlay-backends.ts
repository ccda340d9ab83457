/** By what the hosts of an overlay network reach each other's containers: each backend as data for the one planner. Pure. */
import { element, type MarkRule, type Resource, type Route } from '../kernel/resource.ts'
import { type Family, parseCidr, parseIp, parseMac, plainAddress, width } from '../model/address.ts'
import { macFor, VXLAN_NAME, WIREGUARD_NAME } from '../model/names.ts'
import type { OverlayNetwork, Remote, Underlay } from '../model/network.ts'
import type { Backend, PerFamily } from '../model/options.ts'
import { TUNNELS, VNI } from '../model/tunnels.ts'
import { setting } from './bridge.ts'

/** Of a link of tunnels only: nobody sends with it or to it. */
const TUNNEL_ADDRESS = '169.254.119.101/32'

type Tunnel = keyof typeof TUNNELS

export interface BackendPlan {
	/** Bytes that it takes of the underlay's MTU, by the underlay's family. */
	readonly overhead: PerFamily<number>
	/** By which answers to what another host itself asks go back to it; absent where that host is reached as it is. */
	readonly tunnel?: Tunnel
	/** The link by which the other hosts' containers are reached. */
	link(underlay: Underlay): string
	/** One for all networks. */
	device(network: OverlayNetwork): Resource[]
	/** To another host, and what leads to its containers. */
	ways(network: OverlayNetwork, remote: Remote): Resource[]
}

const vxlan: BackendPlan = {
	// Outer IP and UDP, VXLAN, and the inner frame's header (RFC 7348).
	overhead: { 4: 20 + 8 + 8 + 14, 6: 40 + 8 + 8 + 14 },
	tunnel: 'vxlan',
	link: () => VXLAN_NAME,
	device: ({ underlay, ipv6 }) => {
		const { node, address: local, port } = underlay
		const own = { id: VNI, port, local, mac: vtepMac(node), mtu: mtuOf(underlay, vxlan) }
		return [
			{ kind: 'vxlan', name: VXLAN_NAME, ...own },
			...heardOf(VXLAN_NAME),
			answersBy('vxlan', underlay),
			element('vxlan_ports', [String(port)]),
			...(ipv6.length > 0 ? [setting(`net/ipv6/conf/${VXLAN_NAME}/accept_ra`, '0')] : []),
		]
	},
	ways: ({ underlay }, { node, address, destinations }) => {
		const mac = vtepMac(node)
		const nextHops = { 4: familyOf(address) === 4 ? address : linkLocal(mac), 6: linkLocal(mac) }
		const to = destinations.map((destination) => ({ destination, family: parseCidr(destination).family }))
		const used = new Set([familyOf(address), ...to.map(({ family }) => family)].map((family) => nextHops[family]))
		return [
			element(`members${familyOf(address)}`, [address]),
			{ kind: 'forwarding', link: VXLAN_NAME, mac, remote: address },
			...Array.from(used, (ip) => ({ kind: 'neighbour', link: VXLAN_NAME, ip, mac }) as const),
			...to.map(({ destination, family }): Route => {
				const via = nextHops[family]
				return { kind: 'route', destination, link: VXLAN_NAME, via, onlink: true, ...source(underlay, family) }
			}),
			{ ...wayBack('vxlan', VXLAN_NAME, address), via: nextHops[familyOf(address)], onlink: true },
		]
	},
}

const hostGw: BackendPlan = {
	overhead: { 4: 0, 6: 0 },
	link: ({ link }) => link,
	device: () => [],
	ways: ({ underlay: { link } }, { address: via, destinations }) => {
		return destinations.map((destination) => ({ kind: 'route', destination, link, via }))
	},
}

const wireguard: BackendPlan = {
	// Outer IP and UDP, WireGuard's header and its authentication tag.
	overhead: { 4: 20 + 8 + 16 + 16, 6: 40 + 8 + 16 + 16 },
	tunnel: 'wireguard',
	link: () => WIREGUARD_NAME,
	device: ({ underlay }) => {
		if (underlay.wireguard === undefined) return []
		const mtu = mtuOf(underlay, wireguard)
		const own = { kind: 'wireguard', name: WIREGUARD_NAME, ...underlay.wireguard, mtu } as const
		return [own, ...heardOf(WIREGUARD_NAME), answersBy('wireguard', underlay)]
	},
	// A host without a key is not reached until it has one.
	ways: ({ underlay }, { address: remote, publicKey, destinations }) => {
		if (underlay.wireguard === undefined || publicKey === undefined) return []
		const peer = { link: WIREGUARD_NAME, publicKey }
		const allowed = [alone(remote), ...destinations]
		return [
			{ kind: 'peer', ...peer, remote, port: underlay.wireguard.port },
			...allowed.map((destination) => ({ kind: 'allowed', ...peer, destination }) as const),
			...destinations.map((destination): Route => {
				const own = source(underlay, parseCidr(destination).family)
				return { kind: 'route', destination, link: WIREGUARD_NAME, ...own }
			}),
			wayBack('wireguard', WIREGUARD_NAME, remote),
		]
	},
}

export const backends: Readonly<Record<Backend, BackendPlan>> = { vxlan, 'host-gw': hostGw, wireguard }

/** Bytes that are left of the underlay's. */
export function mtuOf({ mtu, address }: Underlay, { overhead }: BackendPlan): number {
	return mtu - overhead[familyOf(address)]
}

export function familyOf(address: string): Family {
	return parseIp(address).family
}

/**
 * What another host itself sends comes by the tunnel with its address in the underlay, to which another link leads. Of a link
 * without an address the kernel takes that from nobody.
 */
function heardOf(link: string): Resource[] {
	return [{ kind: 'address', link, cidr: TUNNEL_ADDRESS }, setting(`net/ipv4/conf/${link}/rp_filter`, '2')]
}

/** To other hosts, which have addresses of this one's family. */
function answersBy(tunnel: Tunnel, { address }: Underlay): MarkRule {
	return { kind: 'rule', family: familyOf(address), ...TUNNELS[tunnel] }
}

function wayBack(tunnel: Tunnel, link: string, address: string): Route {
	return { kind: 'route', destination: alone(address), link, table: TUNNELS[tunnel].table }
}

/** An address as a network of one. */
function alone(address: string): string {
	return `${address}/${width(familyOf(address))}`
}

/** Known to all hosts by the node's name, so that nobody has to ask for it. */
function vtepMac(node: string): string {
	return macFor(`vtep ${node}`)
}

/** What this host itself sends to containers is to have an address that the others know. */
function source({ address }: Underlay, family: Family): Pick<Route, 'source'> {
	return familyOf(address) === family ? { source: address } : {}
}

/** The address that a device with this MAC would give itself (RFC 4291, appendix A). */
function linkLocal(mac: string): string {
	const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = parseMac(mac)
	const parts = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f]
	return plainAddress(`fe80::${parts.map((part) => part.toString(16)).join(':')}/128`)
}
