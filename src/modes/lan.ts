/**
 * macvlan: containers as hosts of their own on the network of a link of this host. Nothing of the host is between them
 * and that network: no rule of weft's sees their packets, and the host itself does not reach them, but by a shim.
 */
import { invalid } from '../errors.ts'
import { element, type Resource, type Sysctl } from '../kernel/resource.ts'
import { contains, parseCidr, plainAddress } from '../model/address.ts'
import { macFor } from '../model/names.ts'
import type { Endpoint, LanNetwork, Shim, Subnet } from '../model/network.ts'
import type { MacvlanOptions } from '../model/options.ts'
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
function checkHostAccess({ parent, macvlanMode }: MacvlanOptions): void {
	if (parent === undefined) throw invalid('host_access="true" needs a parent, on which the host has an address')
	if (macvlanMode !== 'bridge') {
		const why = 'in the other modes containers do not hear others on their parent, and so not the host'
		throw invalid(`host_access="true" needs macvlan_mode="bridge", and not "${macvlanMode}": ${why}`)
	}
}

/** A parent that was there is somebody else's. */
function networkPlan(network: LanNetwork): Resource[] {
	const { options, parent, vlans, shim } = network
	if (options.parent === undefined) return [{ kind: 'dummy', name: parent }]
	const made = vlans.map((vlan): Resource => ({ kind: 'vlan', ...vlan }))
	return shim === undefined ? made : [...made, ...shimPlan(network, shim)]
}

function shimPlan({ id, parent, ipv6 }: LanNetwork, { name, addresses }: Shim): Resource[] {
	return [
		{ kind: 'shim', name, parent, mac: macFor(id) },
		element('shims', [name]),
		// Others on the parent's network ask for the host too, and are to go on with the parent's MAC: only those to whom a
		// route leads by the shim are answered there. For IPv6 there is no such setting, but a rule.
		setting(`net/ipv4/conf/${name}/arp_filter`, '1'),
		setting(`net/ipv6/conf/${name}/disable_ipv6`, ipv6.length > 0 ? '0' : '1'),
		// The host has its addresses and its way out by the parent already.
		setting(`net/ipv6/conf/${name}/accept_ra`, '0'),
		{ kind: 'up', link: name },
		// The host's own once more, so that containers are asked and answered in its name.
		...addresses.map((address): Resource => ({ kind: 'address', link: name, cidr: alone(address) })),
	]
}

function attached({ options, parent, shim }: LanNetwork, { link, mac, ipv4, ipv6 }: Endpoint): Resource[] {
	const mtu = options.mtu === undefined ? {} : { mtu: options.mtu }
	const own: Resource = { kind: 'macvlan', name: link, parent, mode: options.macvlanMode, mac, ...mtu }
	if (shim === undefined) return [own]
	const addresses = [ipv4, ipv6].filter((each) => each !== undefined)
	const routes = addresses.map((each): Resource => {
		return { kind: 'route', destination: alone(plainAddress(each)), link: shim.name }
	})
	return [own, element('beside', [shim.name, mac]), ...routes]
}

function setting(key: string, value: string): Sysctl {
	return { kind: 'sysctl', key, value }
}

/** An address as a network of one. */
function alone(address: string): string {
	return `${address}/${address.includes(':') ? 128 : 32}`
}

/** Without a gateway there is no way out, and dockerd adds none of its own. */
function attachment(network: LanNetwork, endpoint: Endpoint): Attachment {
	if (network.internal || network.options.parent === undefined) return { noGatewayService: true }
	const gateway = gatewayOf(network.ipv4, endpoint.ipv4)
	const gatewayIpv6 = gatewayOf(network.ipv6, endpoint.ipv6)
	return {
		...(gateway === undefined ? {} : { gateway }),
		...(gatewayIpv6 === undefined ? {} : { gatewayIpv6 }),
		noGatewayService: true,
	}
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
