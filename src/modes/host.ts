/**
 * host: containers on a bridge of their own, as in mode bridge, whose listening sockets are published at their own numbers.
 * Which those are is found while they run, and is on record with their endpoints as other published ports are.
 */
import { invalid } from '../errors.ts'
import { element, LOOPBACK6_ALIAS, type Resource } from '../kernel/resource.ts'
import { plainAddress } from '../model/address.ts'
import type { BridgeNetwork } from '../model/network.ts'
import { bridge } from './bridge.ts'
import type { Mode } from './mode.ts'

/** By the bridge's own addresses a container reaches the loopback of the host, as its own loopback leads it there. */
function networkPlan(network: BridgeNetwork): Resource[] {
	const plan = bridge.network(network)
	const gateways = plan.flatMap((each) => {
		const address = each.kind === 'address' ? plainAddress(each.cidr) : LOOPBACK6_ALIAS
		if (address === LOOPBACK6_ALIAS) return []
		return [element(address.includes(':') ? 'gateways6' : 'gateways4', [network.bridge, address])]
	})
	return [...plan, ...gateways]
}

export const host: Mode<BridgeNetwork> = {
	...bridge,
	network: networkPlan,
	validate: (network) => {
		const { options } = network
		const owner = options.mode === 'container' ? `container ${options.container}` : 'the host'
		if (network.internal)
			throw invalid(`mode ${options.mode} leads to ${owner} and its ways out, which --internal forbids`)
		bridge.validate(network)
	},
}
