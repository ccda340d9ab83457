/** What the figures were taken on, in one line: no figure means anything without it. */
import { cpus, loadavg, release, totalmem } from 'node:os'
import { OWN_ENGINE } from '../test/support/engine.ts'

export function machine(): string {
	const [first] = cpus()
	const memory = Math.round(totalmem() / 2 ** 30)
	const load = loadavg()[0]?.toFixed(1)
	const date = new Date().toISOString().slice(0, 10)
	return `${date}: ${cpus().length} x ${first?.model}, ${memory} GiB, Linux ${release()}, Docker ${OWN_ENGINE.version}, Node ${process.versions.node}, load ${load} at the start`
}
