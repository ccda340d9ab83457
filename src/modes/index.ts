/** The table of modes. */
import type { Network } from '../model/network.ts'
import type { ModeName } from '../model/options.ts'
import { bridge } from './bridge.ts'
import { container } from './container.ts'
import { host } from './host.ts'
import { ipvlan, macvlan } from './lan.ts'
import type { Mode } from './mode.ts'
import { none } from './none.ts'
import { overlay } from './overlay.ts'

/** Each is called with networks of its own only: a network's is modeOf(network). */
export const modes: Readonly<Record<ModeName, Mode>> = { bridge, none, macvlan, ipvlan, overlay, host, container }

/** What publishes a network's ports, wherever its owner has them. */
export function ownerModeOf(network: Network): Pick<Mode, 'network' | 'attached' | 'published'> {
	const mode = modeOf(network)
	return mode.owned ?? mode
}

export function modeOf(network: Network): Mode {
	return modes[network.options.mode]
}
