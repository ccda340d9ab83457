/** What weftd says of itself. */
import { release } from 'node:os'
import type { Metrics } from '../metrics.ts'
import { bridgesOf, type Host } from '../network/host.ts'
import type { Restoration } from '../network/restoration.ts'
import { VERSION } from '../version.ts'
import type { ClusterStatus, HostStatus, NodeView, Status, StatusSettings } from './api.ts'
import { countsOf } from './views.ts'

/** How far the networks of the last run are made true. */
type Restored = Pick<Restoration, 'state' | 'attempt'>

/** The cluster, in the words of the admin API. */
export interface ClusterView {
	status(): ClusterStatus
	/** @throws WeftError `unreachable` before it was read */
	nodes(): readonly NodeView[]
	/** Takes a host that is gone for good off the list. @throws WeftError `not-found`, `in-use`, `unreachable` */
	forget(name: string): Promise<void>
	/** Gives this host another key of WireGuard, of which the others know when it returns. @throws WeftError `unreachable`, `system` */
	rekey(): Promise<void>
}

export class Daemon {
	/** Absent without `WEFT_CLUSTER`. */
	readonly cluster: ClusterView | undefined
	readonly settings: StatusSettings
	readonly nftables: HostStatus['nftables']
	readonly metrics: Metrics
	readonly restoration: Restored
	readonly started = new Date()

	constructor(
		settings: StatusSettings,
		nftables: HostStatus['nftables'],
		metrics: Metrics,
		restoration: Restored,
		cluster?: ClusterView,
	) {
		this.cluster = cluster
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
export type Counted = Pick<Status, 'version' | 'started' | 'counts' | 'repairs' | 'cluster'>

export function countedOf(host: Host, { metrics, started, cluster }: Daemon): Counted {
	const { done, failed, last } = metrics.repairs
	return {
		version: VERSION,
		started: started.toISOString(),
		counts: countsOf(host),
		cluster: cluster?.status() ?? null,
		repairs: {
			done,
			failed,
			last: last === undefined ? null : { at: last.at.toISOString(), cause: last.cause, done: last.done },
		},
	}
}
