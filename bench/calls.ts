/** How long weftd works on each of Docker's calls, from its log, and how late its event loop is meanwhile. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { BRIDGE, makeBed } from './bed.ts'
import { connectOne } from './connect.ts'
import { alone, median, quantile, type Row } from './figures.ts'
import { withRig } from './rig.ts'

const EVENT_LOOP = fileURLToPath(new URL('./event-loop.js', import.meta.url))
const REPORT = '/run/weft/event-loop.json'
const ROUNDS = 200

/** Of one container that connects and disconnects: in a crowd a call's time would be mostly that of its predecessors. */
export function calls(): Promise<Row[]> {
	const env = { NODE_OPTIONS: `--import=${EVENT_LOOP}`, BENCH_EVENT_LOOP: REPORT }
	return withRig(
		async ({ host, api }) => {
			const bed = await makeBed(api, { weft: BRIDGE.weft }, 1)
			await connectOne(api, bed, '', ROUNDS)
			await host.stopWeftd()
			const delay = JSON.parse(await readFile(host.path(REPORT), 'utf8')) as { p50: number; p99: number; max: number }
			return [
				...callTimes(host.weftd.log),
				alone('event-loop delay, p50', 'ms', [delay.p50 / 1e6]),
				alone('event-loop delay, p99', 'ms', [delay.p99 / 1e6]),
				alone('event-loop delay, longest', 'ms', [delay.max / 1e6]),
			]
		},
		{ env },
	)
}

function callTimes(log: string): Row[] {
	const times = new Map<string, number[]>()
	for (const line of log.split('\n')) {
		const { method, ms } = parse(line)
		if (method !== undefined && ms !== undefined) times.set(method, [...(times.get(method) ?? []), ms])
	}
	return Array.from(times)
		.filter(([, all]) => all.length >= ROUNDS)
		.flatMap(([method, all]) => {
			const name = method.slice(method.indexOf('.') + 1)
			const row = (q: string, value: number): Row => ({ ...alone(`${name}, ${q}`, 'ms', [value]), runs: all.length })
			return [row('p50', median(all)), row('p99', quantile(all, 0.99))]
		})
}

function parse(line: string): { method?: string; ms?: number } {
	try {
		return JSON.parse(line)
	} catch {
		return {}
	}
}
