/**
 * How the host is beside the containers on its own link: by one more link on the same parent, with the addresses that it
 * has there already, and a route to each container.
 */
import { element, type Resource, type Sysctl } from '../kernel/resource.ts'
import { contains, parseCidr, parseIp, plainAddress } from '../model/address.ts'
import { macFor } from '../model/names.ts'
import type { Endpoint, LanNetwork, Shim } from '../model/network.ts'
import type { IpvlanOptions } from '../model/options.ts'

export function shimPlan(network: LanNetwork, shim: Shim): Resource[] {
	const { options } = network
	return options.mode === 'macvlan' ? macvlanShim(network, shim) : ipvlanShim(network, options, shim)
}

function macvlanShim(network: LanNetwork, { name, addresses }: Shim): Resource[] {
	const mac = macFor(network.id)
	return [
		{ kind: 'shim', name, parent: network.parent, sort: { kind: 'macvlan', mode: 'bridge', mac } },
		element('shims', [name]),
		// Others on the parent's network ask for the host too, and are to go on with the parent's MAC: only those to whom a
		// route leads by the shim are answered there. For IPv6 there is no such setting, but a rule.
		setting(`net/ipv4/conf/${name}/arp_filter`, '1'),
		...settings(network, name),
		{ kind: 'up', link: name },
		// The host's own once more, so that containers are asked and answered in its name.
		...addresses.map((address): Resource => ({ kind: 'address', link: name, cidr: alone(address) })),
	]
}

/**
 * Without an address: what arrives for one of an ipvlan's is given to it alone, and the others on the network would reach
 * the host by the shim. So the host answers there for what it has on the parent. IPv4 does so by itself.
 */
function ipvlanShim(network: LanNetwork, { ipvlanMode: mode }: IpvlanOptions, { name, addresses }: Shim): Resource[] {
	const asked = mode === 'l2' ? addresses.filter(isIpv6) : []
	const answers = [
		setting(`net/ipv6/conf/${name}/forwarding`, '1'),
		setting(`net/ipv6/conf/${name}/proxy_ndp`, '1'),
		// Otherwise up to 0.8 s, to let others answer first.
		setting(`net/ipv6/neigh/${name}/proxy_delay`, '0'),
	]
	return [
		{ kind: 'shim', name, parent: network.parent, sort: { kind: 'ipvlan', mode, flag: 'bridge' } },
		...settings(network, name),
		...(asked.length > 0 ? answers : []),
		{ kind: 'up', link: name },
		...asked.map((ip): Resource => ({ kind: 'proxy', link: name, ip })),
	]
}

function settings({ ipv6 }: LanNetwork, name: string): Sysctl[] {
	return [
		setting(`net/ipv6/conf/${name}/disable_ipv6`, ipv6.length > 0 ? '0' : '1'),
		// The host has its addresses and its way out by the parent already.
		setting(`net/ipv6/conf/${name}/accept_ra`, '0'),
	]
}

export function shimRoutes({ options }: LanNetwork, shim: Shim, { mac, ipv4, ipv6 }: Endpoint): Resource[] {
	const { name, addresses } = shim
	const routes = [ipv4, ipv6]
		.filter((each) => each !== undefined)
		.map((cidr): Resource => {
			const route = { kind: 'route', destination: alone(plainAddress(cidr)), link: name } as const
			const source = options.mode === 'ipvlan' ? besideOf(addresses, cidr) : undefined
			return source === undefined ? route : { ...route, source }
		})
	if (options.mode === 'macvlan') return [element('beside', [name, mac]), ...routes]
	return options.ipvlanMode === 'l2' ? [...neighbours(name, [ipv4, ipv6]), ...routes] : routes
}

/** What a container answers is for an address of the parent's, and comes up there: by the shim nobody would be found. */
function neighbours(link: string, cidrs: readonly (string | undefined)[]): Resource[] {
	return cidrs.flatMap((cidr) => (cidr === undefined ? [] : [{ kind: 'neighbour', link, ip: plainAddress(cidr) }]))
}

/** That of the host which is of the same subnet, or of the same family. */
function besideOf(addresses: readonly string[], cidr: string): string | undefined {
	const same = addresses.filter((address) => isIpv6(address) === isIpv6(cidr))
	return same.find((address) => contains(parseCidr(cidr), parseIp(address))) ?? same[0]
}

function setting(key: string, value: string): Sysctl {
	return { kind: 'sysctl', key, value }
}

/** An address as a network of one. */
function alone(address: string): string {
	return `${address}/${isIpv6(address) ? 128 : 32}`
}

function isIpv6(address: string): boolean {
	return address.includes(':')
}
