/** Which networks the suites of this folder make. A mode is a row; one without is tried with nothing but its name. */

import type { ModeName } from '../../src/model/options.ts'
import { modes } from '../../src/modes/index.ts'
import type { CreateFlags } from '../contract/cnm-order-network.ts'

export interface Row {
	readonly name: string
	readonly flags: CreateFlags
	/** Whether containers publish ports. */
	readonly publishes: boolean
}

const GATEWAY_MODE = 'com.docker.network.bridge.gateway_mode_ipv'

const OWN: Partial<Record<ModeName, readonly Row[]>> = {
	bridge: [
		{ name: 'bridge', flags: { ipv6: [{}] }, publishes: true },
		{
			name: 'bridge, routed and without ICC',
			flags: {
				options: { [`${GATEWAY_MODE}4`]: 'routed', 'com.docker.network.bridge.enable_icc': 'false' },
			},
			publishes: true,
		},
		{ name: 'bridge, internal', flags: { internal: true }, publishes: false },
	],
}

export const ROWS: readonly Row[] = Object.keys(modes).flatMap(
	(mode) => OWN[mode as ModeName] ?? [{ name: mode, flags: { options: { mode } }, publishes: false }],
)

/**
 * The same for a host with an eth0: its kernel may have been built without the dummy that stands for a parent, and
 * without ipvlan, whose network differs from that of macvlan in what its link is alone.
 */
export const HOST_ROWS: readonly Row[] = ROWS.filter(({ flags }) => flags.options?.mode !== 'ipvlan').map((row) => {
	const { options } = row.flags
	if (options?.mode !== 'macvlan') return row
	return { ...row, flags: { ...row.flags, options: { ...options, parent: 'eth0' } } }
})
