/**
 * overlay: on each host a bridge as in mode bridge, with the same gateway address everywhere, and a route to each block of
 * addresses that another host has. Hosts forward what containers send as it is, so that each sees the other's address.
 */
import { invalid } from '../errors.ts'
import { type Element, element, type Resource, type Route } from '../kernel/resource.ts'
import { formatCidr, parseCidr, plainAddress, width } from '../model/address.ts'
import type { Endpoint, OverlayNetwork, Subnet } from '../model/network.ts'
import { TUNNELS } from '../model/tunnels.ts'
import { bridge, forwards } from './bridge.ts'
import type { Attachment, Mode, NextHop } from './mode.ts'
import { backends, familyOf, mtuOf } from './overlay-backends.ts'

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
	if (options.backend === 'wireguard' && underlay.wireguard === undefined) {
		throw invalid('backend="wireguard" needs a key of this host, which has none yet: try again in a few seconds')
	}
	const most = mtuOf(underlay, backends[options.backend])
	if (mtu > most) {
		const left = `the backend ${options.backend} leaves of the ${underlay.mtu} of ${underlay.link}`
		throw invalid(`mtu="${mtu}" is more than the ${most} bytes that ${left}`)
	}
}

function networkPlan(network: OverlayNetwork): Resource[] {
	const { device, ways } = backends[network.options.backend]
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
	return backends[options.backend].link(underlay)
}

/** The table of routes by which answers go back to other hosts; undefined where that is the main one. */
export function answersTable({ options }: OverlayNetwork): number | undefined {
	const { tunnel } = backends[options.backend]
	return tunnel === undefined ? undefined : TUNNELS[tunnel].table
}

/**
 * Between hosts only within the network, in both directions and on both ends; by its link alone, also what belongs to a
 * connection that is there.
 */
function passage(network: OverlayNetwork): Element[] {
	const { bridge: name, options, internal, ipv4, ipv6, remotes } = network
	const link = linkAcross(network)
	const own = internal
		? []
		: [element('closed', [name]), ...[link, name].map((from) => element('entries', [from, name]))]
	const { tunnel } = backends[options.backend]
	const back = tunnel === undefined ? [] : remotes
	const pools = [...ipv4, ...ipv6].map(({ pool }) => ({ pool, family: parseCidr(pool).family }))
	return [
		...own,
		...pools.map(({ pool, family }) => element(`across${family}`, [link, pool])),
		...(options.icc ? pools.map(({ pool, family }) => element(`shared${family}`, [name, pool])) : []),
		...remotes.map(({ address }) => element(`hosts${familyOf(address)}`, [link, name, address])),
		...back.map(({ address }) => element(`answers${familyOf(address)}`, [name, address], [`goto by_${tunnel}`])),
	]
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
