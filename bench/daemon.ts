/** weftd by itself: how long it takes to serve, what memory it keeps, how long it works on each call. */
import { readFile } from 'node:fs/promises'
import { performance } from 'node:perf_hooks'
import type { Host } from '../test/support/host.ts'
import { median, quantile } from './figures.ts'

const STARTS = 9

export interface DaemonFigures {
	/** Milliseconds from the start of the process to the answer to Plugin.Activate, weftd having nothing stored. */
	readonly start: number
	/** Resident memory of an idle weftd, MiB. */
	readonly memory: number
}

/** Of one method; milliseconds. */
export interface CallFigures {
	readonly method: string
	readonly p50: number
	readonly p99: number
	readonly count: number
}

export async function daemonFigures(host: Host): Promise<DaemonFigures> {
	const starts: number[] = []
	for (let i = 0; i < STARTS; i++) {
		await host.stopWeftd()
		const begin = performance.now()
		await host.startWeftd()
		starts.push(performance.now() - begin)
	}
	return { start: median(starts), memory: await residentMemory(host) }
}

/** From the log lines of weftd. */
export function callTimes(log: string): CallFigures[] {
	const times = new Map<string, number[]>()
	for (const line of log.split('\n')) {
		const { method, ms } = parse(line)
		if (method !== undefined && ms !== undefined) times.set(method, [...(times.get(method) ?? []), ms])
	}
	return Array.from(times, ([method, all]) => {
		return { method, p50: median(all), p99: quantile(all, 0.99), count: all.length }
	})
}

function parse(line: string): { method?: string; ms?: number } {
	try {
		return JSON.parse(line)
	} catch {
		return {}
	}
}

async function residentMemory(host: Host): Promise<number> {
	const pid = await host.exec(['cat', '/run/weftd.test-pid'])
	const status = await readFile(host.path(`/proc/${pid}/status`), 'utf8')
	return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 1024
}
