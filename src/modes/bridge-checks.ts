/** What bridge mode cannot serve is refused before anything is written down. */
import { invalid } from '../errors.ts'
import { covers, type Family, formatCidr, networkOf, overlaps, parseCidr } from '../model/address.ts'
import type { BridgeNetwork, Subnet } from '../model/network.ts'

const FAMILIES: readonly Family[] = [4, 6]
const MULTICAST = parseCidr('ff00::/8')
const LINK_LOCAL = parseCidr('fe80::/64')
/** Bytes: a link with less has no IPv6 at all. */
export const LEAST_MTU6 = 1280

/** As `--aux-address` names what containers are to have as their gateway instead of the bridge, with Docker's driver too. */
export function gatewayKey(family: Family): string {
	return `DefaultGatewayIPv${family}`
}

export function validate(network: BridgeNetwork): void {
	if (network.ipv4.length + network.ipv6.length === 0) throw invalid('a network needs IPv4 or IPv6, and both are off')
	for (const family of FAMILIES) {
		const [subnet, second] = family === 4 ? network.ipv4 : network.ipv6
		if (second !== undefined) throw invalid(`mode bridge takes one subnet of a family; ${second.pool} is the second`)
		if (subnet !== undefined) checkSubnet(network, family, subnet)
		if (network.options.gatewayModes[family] === 'isolated' && !network.internal) {
			throw invalid(`gateway_mode_ipv${family}="isolated" is for internal networks; add --internal`)
		}
	}
	if (network.adopted !== undefined && !network.options.icc) {
		throw invalid(
			`enable_icc="false" cannot be had on ${network.bridge}, which was there before: others are behind it too`,
		)
	}
	if (network.ipv6.length > 0 && network.mtu < LEAST_MTU6) {
		throw invalid(`mtu="${network.mtu}" is too small for IPv6, which needs ${LEAST_MTU6} bytes`)
	}
}

function checkSubnet({ internal }: BridgeNetwork, family: Family, { pool, gateway, reserved }: Subnet): void {
	if (family === 6) checkPool6(pool)
	if (gateway !== undefined && formatCidr(networkOf(parseCidr(gateway))) !== pool) {
		throw invalid(`the gateway ${gateway} is not inside the subnet ${pool}`)
	}
	const other = reserved[gatewayKey(family)]
	if (other !== undefined && internal) {
		throw invalid(`--aux-address ${gatewayKey(family)}=${other}: an internal network has no gateway`)
	}
}

/** Every link has addresses of fe80::/64 by itself: another network of that kind would give it two. */
function checkPool6(text: string): void {
	const pool = parseCidr(text)
	if (covers(MULTICAST, pool)) throw invalid(`the subnet ${text} is of multicast addresses`)
	if (pool.prefix > 0 && overlaps(pool, LINK_LOCAL) && formatCidr(pool) !== formatCidr(LINK_LOCAL)) {
		throw invalid(`the subnet ${text} overlaps with fe80::/64, which every link has`)
	}
}
