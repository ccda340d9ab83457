/** What an endpoint will be, and why it may not: its MAC, and addresses that a container of its network can have. */
import { invalid, WeftError } from '../errors.ts'
import { type Cidr, contains, type Family, formatIp, givable, parseCidr, parseMac, toBytes } from '../model/address.ts'
import { macFor } from '../model/names.ts'
import { type Endpoint, hasBridge, hasParent, type Network, type Subnet } from '../model/network.ts'
import { modeOf } from '../modes/index.ts'
import type { EndpointRequest } from './verbs.ts'

/** All but the link, which is chosen once. */
export type Designed = Omit<Endpoint, 'link'>

export function designEndpoint(network: Network, request: EndpointRequest): Designed {
	const { id, networkId, ipv4, ipv6, interfaceName } = request
	if (request.mac !== undefined) checkMac(network, request.mac)
	const mac = request.mac ?? macFor(id, ipv4 === undefined ? undefined : toBytes(parseCidr(ipv4)))
	return {
		id,
		networkId,
		...(ipv4 === undefined ? {} : { ipv4 }),
		...(ipv6 === undefined ? {} : { ipv6 }),
		mac,
		...(interfaceName === undefined ? {} : { interfaceName }),
		published: [],
	}
}

function checkMac(network: Network, mac: string): void {
	if (parseMac(mac).every((byte) => byte === 0)) {
		throw invalid(`the MAC address ${mac} is none that a link can have`)
	}
	if (hasParent(network) && !modeOf(network).ownMac) {
		const all = `on a network of mode ${network.options.mode} all have the MAC address of the parent`
		throw invalid(`the MAC address ${mac} cannot be had: ${all}`)
	}
}

/** What a request that comes again has to agree in. */
export function identityOf({ ipv4, ipv6, mac, interfaceName }: Designed) {
	return { ipv4, ipv6, mac, interfaceName }
}

/**
 * Docker's IPAM and weft's give no such address, but of the host's own Docker's may; others may give any. Its length is theirs to
 * choose. `beside` is what the host has on the link that containers share with it, with lengths.
 * @throws WeftError `invalid` or `in-use`
 */
export function checkAddresses(network: Network, { ipv4, ipv6 }: Designed, beside: readonly string[]): void {
	if (ipv4 !== undefined) checkAddress(network, network.ipv4, parseCidr(ipv4), beside)
	if (ipv6 !== undefined) checkAddress(network, network.ipv6, parseCidr(ipv6), beside)
}

function checkAddress(network: Network, subnets: readonly Subnet[], address: Cidr, beside: readonly string[]): void {
	const text = formatIp(address)
	const pools = subnets.map(({ pool }) => pool)
	const pool = pools.find((each) => contains(parseCidr(each), address))
	if (pool === undefined)
		throw invalid(`the address ${text} is in no subnet of the network: ${listed(pools, address.family)}`)
	// Elsewhere people know better what their own network takes an address for.
	if (hasBridge(network) && !isGivable(parseCidr(pool), address)) {
		throw invalid(`the address ${text} stands for the whole subnet ${pool}`)
	}
	const isAmong = (addresses: readonly string[]) => addresses.some((own) => own.startsWith(`${text}/`))
	if (isAmong(ownAddresses(network))) {
		throw new WeftError('in-use', `the address ${text} is the host's own on this network`)
	}
	if (isAmong(beside)) {
		const advice = "choose another with --ip, or keep it out with the network's --ip-range or --aux-address"
		throw new WeftError('in-use', `the address ${text} is the host's own on the link of this network; ${advice}`)
	}
}

function listed(pools: readonly string[], family: Family): string {
	return pools.length > 0 ? pools.join(', ') : `it has none of IPv${family}`
}

/** Others are taken for the whole subnet by the host, whose bridge is in it. */
function isGivable(pool: Cidr, { value }: Cidr): boolean {
	const { from, to } = givable(pool)
	return value >= from && value <= to
}

/** With their length, or the slash before it. */
function ownAddresses(network: Network): string[] {
	// The host's link of an ipvlan answers for them without having them.
	if (hasParent(network)) return (network.shim?.addresses ?? []).map((address) => `${address}/`)
	return modeOf(network)
		.network(network)
		.flatMap((resource) => (resource.kind === 'address' ? [resource.cidr] : []))
}
