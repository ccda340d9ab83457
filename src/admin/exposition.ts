/** What weftd counts as Prometheus reads it: its text format, version 0.0.4. Pure, from counters and views. */
import { BOUNDS, type CallCounts } from '../metrics.ts'
import type { PoolView } from './api.ts'
import type { Counted } from './status.ts'

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

type Labels = Readonly<Record<string, string>>

interface Sample {
	/** Behind the family's name: `_sum`, for example. */
	readonly suffix?: string
	readonly labels?: Labels
	readonly value: number
}

export interface Exposed {
	readonly counted: Counted
	readonly pools: readonly PoolView[]
	readonly calls: readonly CallCounts[]
	/** Bytes. */
	readonly memory: number
}

export function exposition({ counted, pools, calls, memory }: Exposed): string {
	const { counts, repairs, version, started } = counted
	const ofPools = (count: (pool: PoolView) => number): Sample[] => {
		return pools.map((pool) => ({ labels: { pool: pool.pool, range: pool.range ?? '' }, value: count(pool) }))
	}
	return [
		family('weft_info', 'gauge', 'The version of weftd, in a label.', [{ labels: { version }, value: 1 }]),
		family(
			'weft_call_duration_seconds',
			'histogram',
			"Docker's calls by method and outcome.",
			calls.flatMap(histogram),
		),
		gauge('weft_networks', 'Networks.', counts.networks),
		gauge('weft_endpoints', 'Containers on networks, each as often as it is on one.', counts.endpoints),
		gauge('weft_published_ports', 'Published ports.', counts.ports),
		family(
			'weft_pool_addresses',
			'gauge',
			'Addresses of a pool that can be given; of one that hosts share, in the blocks of this host.',
			ofPools(({ size }) => size),
		),
		family(
			'weft_pool_used_addresses',
			'gauge',
			'Addresses of a pool that are given.',
			ofPools(({ used }) => used),
		),
		family(
			'weft_pool_free_addresses',
			'gauge',
			'Addresses left to be chosen, of those.',
			ofPools(({ free }) => free),
		),
		family('weft_repairs_total', 'counter', 'Times that changes by others were put right.', [{ value: repairs.done }]),
		family('weft_failed_repairs_total', 'counter', 'Times that this failed.', [{ value: repairs.failed }]),
		...clusterFamilies(counted.cluster),
		gauge('process_start_time_seconds', 'When weftd started, since 1970.', Date.parse(started) / 1000),
		gauge('process_resident_memory_bytes', 'Memory that weftd has.', memory),
	].join('')
}

/** Nothing where there is none. */
function clusterFamilies(cluster: Counted['cluster']): string[] {
	if (cluster === null) return []
	const { reached, member, hosts, present } = cluster
	return [
		gauge('weft_cluster_reached', 'Whether the cluster answered the last time it was asked.', Number(reached)),
		gauge('weft_cluster_member', 'Whether this host may give addresses of its blocks.', Number(member)),
		...(hosts === null ? [] : [gauge('weft_cluster_hosts', 'Hosts of the cluster.', hosts)]),
		...(present === null ? [] : [gauge('weft_cluster_present_hosts', 'Those that show themselves.', present)]),
	]
}

function gauge(name: string, help: string, value: number): string {
	return family(name, 'gauge', help, [{ value }])
}

function family(name: string, type: string, help: string, samples: readonly Sample[]): string {
	const lines = samples.map(({ suffix = '', labels = {}, value }) => `${name}${suffix}${labelled(labels)} ${value}\n`)
	return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function labelled(labels: Labels): string {
	const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
	return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(value: string): string {
	return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** Each bucket counts what is in those before it too. */
function histogram({ method, outcome, buckets, seconds }: CallCounts): Sample[] {
	const labels = { method, outcome }
	let sum = 0
	const upTo = buckets.map((here, place): Sample => {
		sum += here
		return { suffix: '_bucket', labels: { ...labels, le: String(BOUNDS[place] ?? '+Inf') }, value: sum }
	})
	return [...upTo, { suffix: '_sum', labels, value: seconds }, { suffix: '_count', labels, value: sum }]
}
