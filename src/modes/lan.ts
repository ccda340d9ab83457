/**
 * macvlan: containers as hosts of their own on the network of a link of this host. Nothing of the host is between them
 * and that network: no rule of weft's sees their packets, and the host itself does not reach them.
 */
import { invalid } from '../errors.ts'
import type { Resource } from '../kernel/resource.ts'
import { contains, parseCidr, plainAddress } from '../model/address.ts'
import type { Endpoint, LanNetwork, Subnet } from '../model/network.ts'
import type { Attachment, Mode } from './mode.ts'

/** As Docker's drivers have it: containers would get no address from anybody. */
function validate({ ipv4, ipv6, options }: LanNetwork): void {
	if (ipv4.length + ipv6.length === 0) throw invalid('a network needs IPv4 or IPv6, and both are off')
	for (const { pool } of [...ipv4, ...ipv6]) {
		if (parseCidr(pool).prefix === 0)
			throw invalid(`mode ${options.mode} needs a subnet of addresses, and ${pool} is all`)
	}
	if (ipv6.length > 0 && options.mtu !== undefined && options.mtu < 1280) {
		throw invalid(`mtu="${options.mtu}" is too small for IPv6, which needs 1280 bytes`)
	}
}

/** A parent that was there is somebody else's. */
function networkPlan({ options, parent, vlans }: LanNetwork): Resource[] {
	if (options.parent === undefined) return [{ kind: 'dummy', name: parent }]
	return vlans.map((vlan) => ({ kind: 'vlan', ...vlan }))
}

function attached({ options, parent }: LanNetwork, { link, mac }: Endpoint): Resource[] {
	const mtu = options.mtu === undefined ? {} : { mtu: options.mtu }
	return [{ kind: 'macvlan', name: link, parent, mode: options.macvlanMode, mac, ...mtu }]
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
