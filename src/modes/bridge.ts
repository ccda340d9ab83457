/**
 * bridge: containers on a Linux bridge of their own, the host as their gateway. What may pass is decided by elements of
 * the sets in kernel/inet-table.ts and kernel/bridge-table.ts; this file says which elements a network and an endpoint have.
 */
import { type Element, element, LOOPBACK6_ALIAS, type Resource, type Sysctl } from '../kernel/resource.ts'
import { type Family, parseCidr, plainAddress } from '../model/address.ts'
import { macFor, peerName } from '../model/names.ts'
import type { BridgeNetwork, Endpoint, Subnet } from '../model/network.ts'
import type { BridgedOptions, PerFamily } from '../model/options.ts'
import { gatewayKey, LEAST_MTU6, validate } from './bridge-checks.ts'
import { guarded } from './bridge-guard.ts'
import { published } from './bridge-ports.ts'
import type { Attachment, Mode } from './mode.ts'

export function setting(key: string, value: string): Sysctl {
	return { kind: 'sysctl', key, value }
}

/** Docker's null IPAM names 0.0.0.0/0 or ::/0: containers then get no address from anybody. */
function addressed(subnet: Subnet): boolean {
	return parseCidr(subnet.pool).prefix > 0
}

function networkPlan(network: BridgeNetwork): Resource[] {
	const { bridge: name, adopted } = network
	return [
		{ kind: 'bridge', name, mtu: network.mtu, mac: macFor(network.id), ...kept(adopted !== undefined) },
		...settings(network),
		...bridgeAddresses(network).map((cidr): Resource => {
			return { kind: 'address', link: name, cidr, ...kept(adopted?.addresses.includes(cidr) === true) }
		}),
		element('bridges', [name]),
		...(adopted === undefined ? [] : [element('adopted', [name])]),
		element(network.options.icc ? 'same_bridge' : 'apart', [name, name]),
		...(network.internal ? [element('internal', [name]), element('closed', [name])] : ways(network)),
	]
}

function kept(was: boolean): { readonly kept?: true } {
	return was ? { kept: true } : {}
}

function settings(network: BridgeNetwork): Resource[] {
	const { bridge: name, adopted } = network
	const ipv6 = speaksIpv6(network)
	// Lets a packet to 127.0.0.1:PORT leave for the container. The ruleset keeps everybody else away from 127.0.0.0/8, as
	// long as it knows the bridge: one that stays must not stay open.
	const localnet = setting(`net/ipv4/conf/${name}/route_localnet`, '1')
	const enabled = setting(`net/ipv6/conf/${name}/disable_ipv6`, '0')
	if (adopted !== undefined) {
		const opened = adopted.routesLocalnet ? localnet : { ...localnet, undone: '0' }
		return ipv6 ? [opened, enabled] : [opened]
	}
	// The kernel has no IPv6 on such a link, nor settings of it.
	if (network.mtu < LEAST_MTU6) return [localnet]
	return [
		localnet,
		// A container must not be able to give the host a default route.
		setting(`net/ipv6/conf/${name}/accept_ra`, '0'),
		...(ipv6 ? [enabled] : [setting(`net/ipv6/conf/${name}/disable_ipv6`, '1')]),
		// Without an address of its own that is settled it asks no neighbour, for a second after the first container.
		...(ipv6 ? [setting(`net/ipv6/conf/${name}/accept_dad`, '0')] : []),
	]
}

/** Without IPv6 a bridge must not be reached by fe80:: either, and isolated it has no address at all. */
function speaksIpv6({ options, ipv6 }: BridgeNetwork): boolean {
	return ipv6.length > 0 && options.gatewayModes[6] !== 'isolated'
}

/** The gateways that the bridge itself is, and what stands for ::1 on the way to published ports. */
function bridgeAddresses(network: BridgeNetwork): string[] {
	const { options, ipv4, ipv6, internal } = network
	const own4 = options.gatewayModes[4] === 'isolated' || options.inhibitIpv4 ? [] : ipv4
	const own6 = speaksIpv6(network) ? ipv6 : []
	const gateways = [...own4, ...own6].filter(addressed).flatMap(({ gateway }) => gateway ?? [])
	return speaksIpv6(network) && !internal ? [...gateways, `${LOOPBACK6_ALIAS}/64`] : gateways
}

/** The ways in and out, family by family. */
function ways({ bridge, options, ipv4, ipv6 }: BridgeNetwork): Element[] {
	const families = [...(ipv4.length > 0 ? [4 as const] : []), ...(ipv6.length > 0 ? [6 as const] : [])]
	return [
		...families.flatMap((family) => waysOf(bridge, options, family)),
		...options.trustedInterfaces.map((link) => element('trusted', [link, bridge])),
	]
}

function waysOf(bridge: string, options: BridgedOptions, family: Family): Element[] {
	const key = [bridge, `ipv${family}`]
	const mode = options.gatewayModes[family]
	if (mode === 'routed') return [element('routed', key)]
	const source = options.sourceAddresses[family]
	return [
		...(mode === 'nat-unprotected' ? [element('unprotected', key)] : []),
		...(options.masquerade ? [element('masqueraded', key)] : []),
		...(options.masquerade && source !== undefined ? [element(`source${family}`, [bridge], [source])] : []),
	]
}

function attached(network: BridgeNetwork, endpoint: Endpoint): Resource[] {
	const { bridge } = network
	const resources: Resource[] = [
		{
			kind: 'veth',
			name: endpoint.link,
			peer: peerName(endpoint.link),
			peerMac: endpoint.mac,
			master: bridge,
			mtu: endpoint.mtu ?? network.mtu,
		},
		element('links', [endpoint.link]),
		...guarded(network, endpoint),
	]
	if (endpoint.ipv4 !== undefined) resources.push(element('endpoints4', [bridge, plainAddress(endpoint.ipv4)]))
	if (endpoint.ipv6 !== undefined) resources.push(element('endpoints6', [bridge, plainAddress(endpoint.ipv6)]))
	return network.internal ? resources : [...resources, ...forwards(endpoint)]
}

/** With the container, not with the network: at boot dockerd sets FORWARD to DROP only if it is the first to ask. */
export function forwards({ ipv4, ipv6 }: Endpoint): Sysctl[] {
	return [
		...(ipv4 === undefined ? [] : [setting('net/ipv4/ip_forward', '1')]),
		...(ipv6 === undefined ? [] : [setting('net/ipv6/conf/all/forwarding', '1')]),
	]
}

function attachment(network: BridgeNetwork): Attachment {
	if (network.internal) return { noGatewayService: true }
	const gateway = gatewayOf(network.ipv4, 4)
	const gatewayIpv6 = gatewayOf(network.ipv6, 6)
	return {
		...(gateway === undefined ? {} : { gateway }),
		...(gatewayIpv6 === undefined ? {} : { gatewayIpv6 }),
		noGatewayService: true,
	}
}

/** The bridge, or whoever was named in its place. */
function gatewayOf(subnets: readonly Subnet[], family: Family): string | undefined {
	const [subnet] = subnets.filter(addressed)
	const gateway = subnet?.reserved[gatewayKey(family)] ?? subnet?.gateway
	return gateway === undefined ? undefined : plainAddress(gateway)
}

/** An address that nothing would have: the bridge has none, and containers have no way out that would lead to it. */
function skipsGateway({ gatewayModes, inhibitIpv4 }: BridgedOptions, internal: boolean): PerFamily<boolean> {
	return {
		4: gatewayModes[4] === 'isolated' || (inhibitIpv4 && internal),
		6: gatewayModes[6] === 'isolated',
	}
}

export const bridge: Mode<BridgeNetwork> = {
	ownMac: true,
	validate,
	skipsGateway,
	network: networkPlan,
	attached,
	published,
	link: ({ options }, { link }) => ({ name: peerName(link), prefix: options.interfacePrefix, hostEnd: link }),
	attachment,
}
