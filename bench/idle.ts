/** What weftd costs while nothing happens: its processor time beside containers that sleep. */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Host } from '../test/support/host.ts'
import { IMAGE } from '../test/support/image.ts'
import { alone, type Row } from './figures.ts'
import { type Rig, withRig } from './rig.ts'

const CONTAINERS = 50
/** Milliseconds after the last start in which what is put off is done, and milliseconds that are measured. */
const SETTLING = 20_000
const MEASURED = 60_000
/** sysconf(_SC_CLK_TCK) of every Linux that has Node. */
const TICKS_PER_SECOND = 100

export async function idle(): Promise<Row[]> {
	const rows: Row[] = []
	for (const mode of ['bridge', 'host']) rows.push(await withRig((rig) => beside(rig, mode)))
	return rows
}

async function beside({ host, api }: Rig, mode: string): Promise<Row> {
	const network = { Name: 'bench', Driver: 'weft', IPAM: { Driver: 'weft' }, Options: { mode } }
	await api.call('POST', '/networks/create', network)
	for (let i = 0; i < CONTAINERS; i++) {
		const body = { Image: IMAGE, HostConfig: { NetworkMode: 'bench' }, Cmd: ['sleep', '86400'], StopSignal: 'SIGKILL' }
		await api.call('POST', `/containers/create?name=bench-${i}`, body)
		await api.call('POST', `/containers/bench-${i}/start`)
	}
	await sleep(SETTLING)
	const before = await processorTime(host)
	await sleep(MEASURED)
	const share = ((await processorTime(host)) - before) / MEASURED
	return alone(`weftd beside ${CONTAINERS} idle containers, mode ${mode}`, '% of a CPU', [share * 100])
}

/** Of weftd, in milliseconds: its own and the kernel's for it; see proc_pid_stat(5). */
async function processorTime(host: Host): Promise<number> {
	const pid = await host.exec(['cat', '/run/weftd.test-pid'])
	const stat = await readFile(host.path(`/proc/${pid}/stat`), 'utf8')
	// Behind the name, which may have spaces; utime and stime are fields 14 and 15.
	const [utime, stime] = stat
		.slice(stat.lastIndexOf(')') + 2)
		.split(' ')
		.slice(11, 13)
		.map(Number)
	return (((utime ?? Number.NaN) + (stime ?? Number.NaN)) * 1000) / TICKS_PER_SECOND
}
