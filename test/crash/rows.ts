/** Which networks the suites of this folder make. A mode is a row; one without is tried with nothing but its name. */

import type { ModeName } from '../../src/model/options.ts'
import { modes } from '../../src/modes/index.ts'
import type { CreateFlags } from '../contract/cnm-order-network.ts'

export interface Row {
	readonly name: string
	readonly flags: CreateFlags
	/** Whether containers publish ports. */
	readonly publishes: boolean
	/** The `--ip` of its containers, which only one has at a time each. */
	readonly ips?: readonly [string, string]
}

const GATEWAY_MODE = 'com.docker.network.bridge.gateway_mode_ipv'

/** Of networks of mode container. */
export const OWNER = 'owner'

/** What the host's links have, so that a network with host_access finds one in any subnet that weft chooses. */
export const HOST_ADDRESSES: readonly string[] = Array.from({ length: 64 }, (_, number) => [
	`10.210.${number}.254/32`,
	`fd77:6566:7400:${number.toString(16)}::fffe/128`,
]).flat()

function besideHost(name: string, options: Readonly<Record<string, string>>): Row {
	const flags = { options: { ...options, host_access: 'true' }, ipv6: [{}] }
	return { name: `${name}, with host_access`, flags, publishes: false }
}

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
		{
			name: 'bridge, with a subnet and addresses of the user’s',
			flags: { ipv4: [{ subnet: '10.9.0.0/24', range: '10.9.0.128/25', gateway: '10.9.0.7' }] },
			publishes: true,
			ips: ['10.9.0.8', '10.9.0.200'],
		},
	],
	macvlan: [
		{ name: 'macvlan', flags: { options: { mode: 'macvlan' } }, publishes: false },
		{
			name: 'macvlan, on a VLAN of a VLAN',
			flags: { options: { mode: 'macvlan', parent: 'eth0.100.50' } },
			publishes: false,
		},
		besideHost('macvlan', { mode: 'macvlan', parent: 'eth0' }),
	],
	ipvlan: [
		{ name: 'ipvlan', flags: { options: { mode: 'ipvlan' } }, publishes: false },
		besideHost('ipvlan in l2', { mode: 'ipvlan', parent: 'eth1' }),
		besideHost('ipvlan in l3', { mode: 'ipvlan', parent: 'eth2', ipvlan_mode: 'l3' }),
	],
	overlay: [
		{ name: 'overlay', flags: { options: { mode: 'overlay' }, ipv6: [{}] }, publishes: true },
		{
			name: 'overlay by host-gw, with a subnet and addresses of the user’s',
			flags: {
				options: { mode: 'overlay', backend: 'host-gw' },
				ipv4: [{ subnet: '10.8.0.0/24', gateway: '10.8.0.7' }],
			},
			publishes: false,
			ips: ['10.8.0.8', '10.8.0.200'],
		},
		{
			name: 'overlay by WireGuard',
			flags: { options: { mode: 'overlay', backend: 'wireguard' }, ipv6: [{}] },
			publishes: false,
		},
	],
	container: [
		{
			name: 'container, whose owner is not running',
			flags: { options: { mode: 'container', container: OWNER }, ipv6: [{}] },
			publishes: false,
		},
	],
}

export const ROWS: readonly Row[] = Object.keys(modes).flatMap(
	(mode) => OWN[mode as ModeName] ?? [{ name: mode, flags: { options: { mode } }, publishes: false }],
)

/** Whether it needs a cluster. */
export function isOverlay({ flags }: Row): boolean {
	return flags.options?.mode === 'overlay'
}

/** Links beside eth0 that networks are on: the kernel has one mode of ipvlan on a link, and no macvlan beside it. */
export const UPLINKS: readonly string[] = ['eth1', 'eth2']

export const LAN_ROWS: readonly Row[] = [...(OWN.macvlan ?? []), ...(OWN.ipvlan ?? [])]

/**
 * All rows for a host with an eth0, whose kernel may have been built without ipvlan, VLANs, WireGuard, and the dummy that stands
 * for a parent.
 */
export const HOST_ROWS: readonly Row[] = ROWS.flatMap((row) => {
	const { mode, backend, parent = 'eth0' } = row.flags.options ?? {}
	// Of mode container nothing is in the host's firewall, where these suites look for containers.
	if (mode === 'ipvlan' || mode === 'container' || backend === 'wireguard' || parent !== 'eth0') return []
	if (mode !== 'macvlan') return [row]
	return [{ ...row, flags: { ...row.flags, options: { ...row.flags.options, parent } } }]
})
