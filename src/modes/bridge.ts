/**
 * bridge: containers on a Linux bridge of their own, the host as their gateway. What may pass is decided by elements of
 * the sets in kernel/ruleset.ts; this file says which elements a network, an endpoint and a published port have.
 */
import { invalid } from '../errors.ts'
import type { Element, HostPort, Resource } from '../kernel/resource.ts'
import { formatCidr, formatIp, networkOf, parseCidr } from '../model/address.ts'
import { macFor, peerName } from '../model/names.ts'
import type { Endpoint, Network, PublishedPort, Subnet } from '../model/network.ts'
import type { Attachment, Mode } from './mode.ts'

function element(set: string, key: readonly string[], value?: readonly string[]): Element {
	return value === undefined ? { kind: 'element', set, key } : { kind: 'element', set, key, value }
}

function setting(key: string, value: string): Resource {
	return { kind: 'sysctl', key, value }
}

/** A plain address from its form with a mask length. */
function plain(cidr: string): string {
	return formatIp(parseCidr(cidr))
}

/** Docker's null IPAM names 0.0.0.0/0 or ::/0: containers then get no address from anybody. */
function addressed(subnet: Subnet): boolean {
	return parseCidr(subnet.pool).prefix > 0
}

function validate(network: Network): void {
	for (const subnets of [network.ipv4, network.ipv6]) {
		const [, second] = subnets
		if (second !== undefined) {
			throw invalid(`mode bridge takes one subnet of a family; ${second.pool} is the second`)
		}
	}
	for (const { pool, gateway } of [...network.ipv4, ...network.ipv6]) {
		if (gateway !== undefined && formatCidr(networkOf(parseCidr(gateway))) !== pool) {
			throw invalid(`the gateway ${gateway} is not inside the subnet ${pool}`)
		}
	}
	if (network.ipv6.length > 0 && network.mtu < 1280) {
		throw invalid(`mtu="${network.mtu}" is too small for IPv6, which needs 1280 bytes`)
	}
}

function networkPlan(network: Network): Resource[] {
	const name = network.bridge
	const gateways = [...network.ipv4, ...network.ipv6].filter(addressed).flatMap((subnet) => subnet.gateway ?? [])
	const ipv6 = network.ipv6.length > 0
	return [
		{ kind: 'bridge', name, mtu: network.mtu, mac: macFor(network.id) },
		// Lets a packet to 127.0.0.1:PORT leave for the container; the ruleset keeps containers away from 127.0.0.0/8.
		setting(`net/ipv4/conf/${name}/route_localnet`, '1'),
		// A container must not be able to give the host a default route, and without IPv6 must not reach it by fe80::.
		setting(`net/ipv6/conf/${name}/accept_ra`, '0'),
		setting(`net/ipv6/conf/${name}/disable_ipv6`, ipv6 ? '0' : '1'),
		// Without an address of its own that is settled it asks no neighbour, for a second after the first container.
		...(ipv6 ? [setting(`net/ipv6/conf/${name}/accept_dad`, '0')] : []),
		...gateways.map((cidr): Resource => ({ kind: 'address', link: name, cidr })),
		element('bridges', [name]),
		element('same_bridge', [name, name]),
		...(network.internal ? [element('internal', [name])] : []),
		...(network.options.masquerade && !network.internal ? [element('masqueraded', [name])] : []),
	]
}

function attached(network: Network, endpoint: Endpoint): Resource[] {
	const { bridge } = network
	const resources: Resource[] = [
		{
			kind: 'veth',
			name: endpoint.link,
			peer: peerName(endpoint.link),
			peerMac: endpoint.mac,
			master: bridge,
			mtu: network.mtu,
		},
	]
	if (endpoint.ipv4 !== undefined) resources.push(element('endpoints4', [bridge, plain(endpoint.ipv4)]))
	if (endpoint.ipv6 !== undefined) resources.push(element('endpoints6', [bridge, plain(endpoint.ipv6)]))
	if (network.internal) return resources
	// With the container, not with the network: at boot dockerd sets FORWARD to DROP only if it is the first to ask.
	if (endpoint.ipv4 !== undefined) resources.push(setting('net/ipv4/ip_forward', '1'))
	if (endpoint.ipv6 !== undefined) resources.push(setting('net/ipv6/conf/all/forwarding', '1'))
	return resources
}

function published(_network: Network, endpoint: Endpoint): Resource[] {
	if (endpoint.published.length === 0) return []
	// With net.bridge.bridge-nf-call-iptables, which Docker sets, a container's packet to its own published port gets its
	// new address while it is still on the bridge, and would have to leave by the port that it came in by.
	const hairpin: Resource = { kind: 'hairpin', link: endpoint.link }
	return [hairpin, ...endpoint.published.flatMap((port) => [hostPort(endpoint, port), ...publishedElements(port)])]
}

/** The port itself, which a container of the host or another endpoint may have already. */
export function hostPort(endpoint: Endpoint, port: PublishedPort): HostPort {
	return { kind: 'port', protocol: port.protocol, address: port.hostIp, port: port.hostPort, owner: endpoint.id }
}

function publishedElements(port: PublishedPort): Element[] {
	const family = port.containerIp.includes(':') ? '6' : '4'
	const any = port.hostIp === '0.0.0.0' || port.hostIp === '::'
	const target = [port.containerIp, String(port.containerPort)]
	const service = [port.protocol, String(port.hostPort)]
	return [
		element(`open${family}`, [port.containerIp, port.protocol, String(port.containerPort)]),
		any
			? element(`publish${family}_any`, service, target)
			: element(`publish${family}`, [port.hostIp, ...service], target),
	]
}

function attachment(network: Network): Attachment {
	if (network.internal) return { noGatewayService: true }
	const [ipv4] = network.ipv4.filter(addressed)
	const [ipv6] = network.ipv6.filter(addressed)
	return {
		...(ipv4?.gateway === undefined ? {} : { gateway: plain(ipv4.gateway) }),
		...(ipv6?.gateway === undefined ? {} : { gatewayIpv6: plain(ipv6.gateway) }),
		noGatewayService: true,
	}
}

export const bridge: Mode = { validate, network: networkPlan, attached, published, attachment }
