/**
 * macvlan and ipvlan: containers as hosts of their own on the network of a link of this host. No rule of weft's sees
 * their packets, and the host itself does not reach them, but by a shim. What differs between the two is data.
 */
import { invalid } from '../errors.ts'
import type { Resource, Sort } from '../kernel/resource.ts'
import { contains, parseCidr, plainAddress } from '../model/address.ts'
import type { Endpoint, LanNetwork, Subnet } from '../model/network.ts'
import type { LanOptions } from '../model/options.ts'
import { shimPlan, shimRoutes } from './lan-shim.ts'
import type { Attachment, Mode } from './mode.ts'

/** As Docker's drivers have it: containers would get no address from anybody. */
function validate({ ipv4, ipv6, options }: LanNetwork): void {
	if (ipv4.length + ipv6.length === 0) throw invalid('a network needs IPv4 or IPv6, and both are off')
	for (const { pool } of [...ipv4, ...ipv6]) {
		if (parseCidr(pool).prefix === 0)
			throw invalid(`mode ${options.mode} needs a subnet of addresses, and ${pool} is all`)
	}
	if (options.hostAccess) checkHostAccess(options)
	if (ipv6.length > 0 && options.mtu !== undefined && options.mtu < 1280) {
		throw invalid(`mtu="${options.mtu}" is too small for IPv6, which needs 1280 bytes`)
	}
}

/** The host is heard by containers as one more of them, which has to be one that they may hear. */
function checkHostAccess(options: LanOptions): void {
	if (options.parent === undefined) {
		throw invalid('host_access="true" needs a parent, on which the host has an address')
	}
	const [name, value] =
		options.mode === 'macvlan' ? ['macvlan_mode', options.macvlanMode] : ['ipvlan_flag', options.ipvlanFlag]
	if (value === 'bridge') return
	const why = 'in the other modes containers do not hear others on their parent, and so not the host'
	throw invalid(`host_access="true" needs ${name}="bridge", and not "${value}": ${why}`)
}

/** A parent that was there is somebody else's. */
function networkPlan(network: LanNetwork): Resource[] {
	const { options, parent, vlans, shim } = network
	if (options.parent === undefined) return [{ kind: 'dummy', name: parent }]
	const made = vlans.map((vlan): Resource => ({ kind: 'vlan', ...vlan }))
	return shim === undefined ? made : [...made, ...shimPlan(network, shim)]
}

function attached(network: LanNetwork, endpoint: Endpoint): Resource[] {
	const { options, parent, shim } = network
	const mtu = options.mtu === undefined ? {} : { mtu: options.mtu }
	const own: Resource = { kind: 'lan', name: endpoint.link, parent, sort: sortOf(options, endpoint.mac), ...mtu }
	return shim === undefined ? [own] : [own, ...shimRoutes(network, shim, endpoint)]
}

function sortOf(options: LanOptions, mac: string): Sort {
	return options.mode === 'macvlan'
		? { kind: 'macvlan', mode: options.macvlanMode, mac }
		: { kind: 'ipvlan', mode: options.ipvlanMode, flag: options.ipvlanFlag }
}

/** Without a gateway there is no way out, and dockerd adds none of its own. */
function attachment(network: LanNetwork, endpoint: Endpoint): Attachment {
	const { options, internal } = network
	const leadsOut = !internal && options.parent !== undefined
	if (routesItself(options)) {
		return { onLink: leadsOut ? everywhere(endpoint) : otherSubnets(network, endpoint), noGatewayService: true }
	}
	if (!leadsOut) return { noGatewayService: true }
	const gateway = gatewayOf(network.ipv4, endpoint.ipv4)
	const gatewayIpv6 = gatewayOf(network.ipv6, endpoint.ipv6)
	return {
		...(gateway === undefined ? {} : { gateway }),
		...(gatewayIpv6 === undefined ? {} : { gatewayIpv6 }),
		noGatewayService: true,
	}
}

/** Whether the parent decides where packets go: containers have no neighbours to ask for, and no gateway among them. */
function routesItself(options: LanOptions): boolean {
	return options.mode === 'ipvlan' && options.ipvlanMode !== 'l2'
}

function everywhere({ ipv4, ipv6 }: Endpoint): string[] {
	return [...(ipv4 === undefined ? [] : ['0.0.0.0/0']), ...(ipv6 === undefined ? [] : ['::/0'])]
}

/** Its own is on the link already. */
function otherSubnets(network: LanNetwork, { ipv4, ipv6 }: Endpoint): string[] {
	const families = [
		[network.ipv4, ipv4],
		[network.ipv6, ipv6],
	] as const
	return families.flatMap(([subnets, address]) => {
		if (address === undefined) return []
		const others = subnets.filter(({ pool }) => !contains(parseCidr(pool), parseCidr(address)))
		return others.map(({ pool }) => pool)
	})
}

/** That of the subnet which the address is of. */
function gatewayOf(subnets: readonly Subnet[], address: string | undefined): string | undefined {
	if (address === undefined) return undefined
	const subnet = subnets.find(({ pool }) => contains(parseCidr(pool), parseCidr(address)))
	return subnet?.gateway === undefined ? undefined : plainAddress(subnet.gateway)
}

export const macvlan: Mode<LanNetwork> = {
	ownMac: true,
	validate,
	// The gateway is a host of that network, if there is one: only people know its address.
	skipsGateway: () => ({ 4: true, 6: true }),
	network: networkPlan,
	attached,
	published: () => [],
	link: ({ options }, { link }) => ({ name: link, prefix: options.interfacePrefix }),
	attachment,
}

/** All on a parent have its MAC address. */
export const ipvlan: Mode<LanNetwork> = { ...macvlan, ownMac: false }
