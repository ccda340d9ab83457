/** Loaded into weftd before all else: how late its event loop is, written to BENCH_EVENT_LOOP when it ends. Nanoseconds. */
import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

const { BENCH_EVENT_LOOP } = process.env
if (BENCH_EVENT_LOOP !== undefined) {
	const delay = monitorEventLoopDelay({ resolution: 1 })
	delay.enable()
	process.on('exit', () => {
		writeFileSync(
			BENCH_EVENT_LOOP,
			JSON.stringify({ p50: delay.percentile(50), p99: delay.percentile(99), max: delay.max }),
		)
	})
}
