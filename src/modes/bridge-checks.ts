/** What bridge mode cannot serve is refused before anything is written down. */
import { invalid } from '../errors.ts'
import { formatCidr, networkOf, parseCidr } from '../model/address.ts'
import type { Network } from '../model/network.ts'

export function validate(network: Network): void {
	for (const family of [4, 6] as const) {
		if (network.options.gatewayModes[family] !== 'isolated' || network.internal) continue
		throw invalid(`gateway_mode_ipv${family}="isolated" is for internal networks; add --internal`)
	}
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
