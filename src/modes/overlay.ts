/**
 * overlay: on each host a bridge as in mode bridge, with the same gateway address everywhere, and a route to each block of
 * addresses that another host has. Hosts forward what containers send as it is, so that each sees the other's address.
 */
import { invalid } from '../errors.ts'
import { type Element, element, type Resource, type Route } from '../kernel/resource.ts'
import { type Family, formatCidr, parseCidr, parseIp, parseMac, plainAddress, width } from '../model/address.ts'
import { macFor, VXLAN_NAME } from '../model/names.ts'
import type { Endpoint, OverlayNetwork, Remote, Subnet, Underlay } from '../model/network.ts'
import type { Backend } from '../model/options.ts'
import { bridge, forwards, setting } from './bridge.ts'
import type { Attachment, Mode, NextHop } from './mode.ts'

/** The VXLAN network identifier of all of weft's networks: what keeps them apart is the address. */
const VNI = 0x776566
/** Of the link only: nobody sends with it or to it. */
const VXLAN_ADDRESS = '169.254.119.101/32'
/** Bytes before the container's packet: outer IP and UDP, VXLAN, and the inner frame's header (RFC 7348). */
const VXLAN_OVERHEAD = { 4: 20 + 8 + 8 + 14, 6: 40 + 8 + 8 + 14 }

/** Bytes that a backend takes of the underlay's MTU. */
export function overhead(backend: Backend, underlay: Family): number {
	return backend === 'vxlan' ? VXLAN_OVERHEAD[underlay] : 0
}

function validate(network: OverlayNetwork): void {
	const { options, underlay, ipv4, ipv6, mtu } = network
	bridge.validate(network)
	for (const { pool, gateway } of [...ipv4, ...ipv6]) {
		if (parseCidr(pool).prefix === 0) throw invalid(`mode overlay needs a subnet of addresses, and ${pool} is all`)
		if (gateway === undefined) throw invalid(`mode overlay needs a gateway in the subnet ${pool}, and there is none`)
	}
	const family = familyOf(underlay.address)
	if (options.backend === 'host-gw' && family === 4 && ipv6.length > 0) {
		throw invalid(
			`backend="host-gw" cannot lead IPv6 to hosts at IPv4 addresses such as ${underlay.address}; vxlan can`,
		)
	}
	const most = underlay.mtu - overhead(options.backend, family)
	if (mtu > most) {
		const left = `the backend ${options.backend} leaves of the ${underlay.mtu} of ${underlay.link}`
		throw invalid(`mtu="${mtu}" is more than the ${most} bytes that ${left}`)
	}
}

function familyOf(address: string): Family {
	return parseIp(address).family
}

function networkPlan(network: OverlayNetwork): Resource[] {
	return [
		...bridge.network(network),
		...device(network),
		...passage(network),
		...network.borrowed.map((destination): Route => ({ kind: 'route', destination, link: network.bridge })),
		...network.remotes.flatMap((remote) => ways(network, remote)),
	]
}

/** The link by which the other hosts' containers are reached. */
export function linkAcross({ options, underlay }: OverlayNetwork): string {
	return options.backend === 'vxlan' ? VXLAN_NAME : underlay.link
}

/** One for all networks. */
function device({ options, underlay, ipv6 }: OverlayNetwork): Resource[] {
	if (options.backend !== 'vxlan') return []
	const { node, address: local, port, mtu } = underlay
	const own = { id: VNI, port, local, mac: vtepMac(node), mtu: mtu - overhead('vxlan', familyOf(local)) }
	return [
		{ kind: 'vxlan', name: VXLAN_NAME, ...own },
		// What another host itself sends comes by here with its address in the underlay, to which another link leads. Of a link
		// without an address the kernel takes that from nobody.
		{ kind: 'address', link: VXLAN_NAME, cidr: VXLAN_ADDRESS },
		setting(`net/ipv4/conf/${VXLAN_NAME}/rp_filter`, '2'),
		...(ipv6.length > 0 ? [setting(`net/ipv6/conf/${VXLAN_NAME}/accept_ra`, '0')] : []),
	]
}

/** Known to all hosts by the node's name, so that nobody has to ask for it. */
function vtepMac(node: string): string {
	return macFor(`vtep ${node}`)
}

/** Between hosts only within the network, in both directions and on both ends. */
function passage(network: OverlayNetwork): Element[] {
	const { bridge: name, options, ipv4, ipv6, remotes } = network
	const link = linkAcross(network)
	const pools = [...ipv4, ...ipv6].map(({ pool }) => ({ pool, family: parseCidr(pool).family }))
	return [
		...pools.map(({ pool, family }) => element(`across${family}`, [link, pool])),
		...(options.icc ? pools.map(({ pool, family }) => element(`shared${family}`, [name, pool])) : []),
		...remotes.map(({ address }) => element(`hosts${familyOf(address)}`, [link, name, address])),
	]
}

function ways({ options, underlay }: OverlayNetwork, { node, address, destinations }: Remote): Resource[] {
	if (options.backend === 'host-gw') {
		return destinations.map((destination) => ({ kind: 'route', destination, link: underlay.link, via: address }))
	}
	const mac = vtepMac(node)
	const nextHops = { 4: familyOf(address) === 4 ? address : linkLocal(mac), 6: linkLocal(mac) }
	const to = destinations.map((destination) => ({ destination, family: parseCidr(destination).family }))
	const used = new Set(to.map(({ family }) => nextHops[family]))
	return [
		...(to.length > 0 ? [{ kind: 'forwarding', link: VXLAN_NAME, mac, remote: address } as const] : []),
		...Array.from(used, (ip) => ({ kind: 'neighbour', link: VXLAN_NAME, ip, mac }) as const),
		...to.map(({ destination, family }): Route => {
			const via = nextHops[family]
			return { kind: 'route', destination, link: VXLAN_NAME, via, onlink: true, ...source(underlay, family) }
		}),
	]
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

/** An internal network has no way out, but one to its containers on other hosts. */
function attached(network: OverlayNetwork, endpoint: Endpoint): Resource[] {
	const own = bridge.attached(network, endpoint)
	return network.internal ? [...own, ...forwards(endpoint)] : own
}

/**
 * All to the gateway, which knows where a container is: on the link only those of this host would answer. The gateway itself is
 * on the link, as dockerd wants to see before it makes it one.
 */
function attachment(network: OverlayNetwork, endpoint: Endpoint): Attachment {
	const { ipv4, ipv6 } = network
	const subnets = [...(endpoint.ipv4 === undefined ? [] : ipv4), ...(endpoint.ipv6 === undefined ? [] : ipv6)]
	return {
		...bridge.attachment(network, endpoint),
		onLink: subnets.flatMap(({ gateway }) => (gateway === undefined ? [] : addressIn(gateway))),
		routes: subnets.flatMap(halves),
	}
}

/** The address in a network, as a network of one. */
function addressIn(cidr: string): string {
	const address = parseCidr(cidr)
	return formatCidr({ ...address, prefix: width(address.family) })
}

/** Of a subnet: they go before the route of the container's own address, which is as long as the subnet. */
function halves({ pool, gateway }: Subnet): NextHop[] {
	const { family, value, prefix } = parseCidr(pool)
	if (gateway === undefined || width(family) - prefix < 2) return []
	const half = { family, prefix: prefix + 1 }
	const second = value + (1n << BigInt(width(family) - half.prefix))
	const via = plainAddress(gateway)
	return [value, second].map((from) => ({ destination: formatCidr({ ...half, value: from }), via }))
}

export const overlay: Mode<OverlayNetwork> = { ...bridge, validate, network: networkPlan, attached, attachment }
