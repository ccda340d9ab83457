/** What weftd says of itself. */
import { release } from 'node:os'
import type { Metrics } from '../metrics.ts'
import type { Host } from '../network/host.ts'
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

export function statusOf(host: Host, { settings, nftables, metrics, started, state }: Daemon): Status {
	const { done, failed, last } = metrics.repairs
	return {
		version: VERSION,
		pid: process.pid,
		started: started.toISOString(),
		uptime: Math.round(process.uptime()),
		state,
		host: {
			kernel: release(),
			node: process.versions.node,
			nftables,
			filtersBridges: host.facts.filtersBridges,
		},
		settings,
		counts: countsOf(host),
		repairs: {
			done,
			failed,
			last: last === undefined ? null : { at: last.at.toISOString(), cause: last.cause, done: last.done },
		},
	}
}
