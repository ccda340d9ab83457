/**
 * host: containers on a bridge of their own, as in mode bridge, whose listening sockets are published at their own numbers.
 * Which those are is found while they run, and is on record with their endpoints as other published ports are.
 */
import { invalid } from '../errors.ts'
import type { BridgeNetwork } from '../model/network.ts'
import { bridge } from './bridge.ts'
import type { Mode } from './mode.ts'

export const host: Mode<BridgeNetwork> = {
	...bridge,
	validate: (network) => {
		if (network.internal) throw invalid('mode host leads to the host and its ways out, which --internal forbids')
		bridge.validate(network)
	},
}
