/** What weftd says of itself. */
import { release } from 'node:os'
import type { Metrics } from '../metrics.ts'
import { bridgesOf, type Host } from '../network/host.ts'
import type { Restoration } from '../network/restoration.ts'
import { VERSION } from '../version.ts'
import type { HostStatus, Status, StatusSettings } from './api.ts'
import { countsOf } from './views.ts'

/** How far the networks of the last run are made true. */
type Restored = Pick<Restoration, 'state' | 'attempt'>

export class Daemon {
	readonly settings: StatusSettings
	readonly nftables: HostStatus['nftables']
	readonly metrics: Metrics
	readonly restoration: Restored
	readonly started = new Date()

	constructor(settings: StatusSettings, nftables: HostStatus['nftables'], metrics: Metrics, restoration: Restored) {
		this.settings = settings
		this.nftables = nftables
		this.metrics = metrics
		this.restoration = restoration
	}
}

export async function statusOf(host: Host, daemon: Daemon, engine: HostStatus['engine']): Promise<Status> {
	const { settings, nftables, restoration } = daemon
	const places = await host.kernel.acceptPlaces(() => bridgesOf(host))
	return {
		...countedOf(host, daemon),
		pid: process.pid,
		uptime: Math.round(process.uptime()),
		state: restoration.state,
		host: {
			engine,
			kernel: release(),
			node: process.versions.node,
			nftables,
			iptables: places.flatMap(({ program, chain }) => (chain === undefined ? [] : [`${program} ${chain}`])),
			filtersBridges: host.facts.filtersBridges,
		},
		settings,
	}
}

/** What of it costs nothing to know. */
export type Counted = Pick<Status, 'version' | 'started' | 'counts' | 'repairs'>

export function countedOf(host: Host, { metrics, started }: Daemon): Counted {
	const { done, failed, last } = metrics.repairs
	return {
		version: VERSION,
		started: started.toISOString(),
		counts: countsOf(host),
		repairs: {
			done,
			failed,
			last: last === undefined ? null : { at: last.at.toISOString(), cause: last.cause, done: last.done },
		},
	}
}
