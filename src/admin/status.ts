/** What weftd says of itself. */
import { release } from 'node:os'
import type { Metrics } from '../metrics.ts'
import { bridgesOf, type Host } from '../network/host.ts'
import { VERSION } from '../version.ts'
import type { HostStatus, Status } from './api.ts'
import { countsOf } from './views.ts'

export class Daemon {
	readonly settings: Status['settings']
	readonly nftables: HostStatus['nftables']
	readonly metrics: Metrics
	/** Settles when the networks of the last run are made true. */
	readonly ready: Promise<void>
	readonly started = new Date()
	#state: Status['state'] = 'restoring'

	constructor(settings: Status['settings'], nftables: HostStatus['nftables'], metrics: Metrics, ready: Promise<void>) {
		const { socket, stateDir, scope } = settings
		this.settings = { socket, stateDir, scope }
		this.nftables = nftables
		this.metrics = metrics
		this.ready = ready
		const become = (state: Status['state']) => () => {
			this.#state = state
		}
		ready.then(become('serving'), become('failed'))
	}

	get state(): Status['state'] {
		return this.#state
	}
}

export async function statusOf(host: Host, daemon: Daemon): Promise<Status> {
	const { settings, nftables, state } = daemon
	const places = await host.kernel.acceptPlaces(() => bridgesOf(host))
	return {
		...countedOf(host, daemon),
		pid: process.pid,
		uptime: Math.round(process.uptime()),
		state,
		host: {
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
