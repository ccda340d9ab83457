/** weftd by itself: how long it takes to serve and to make all true again, and what memory it keeps, with what is stored. */
import { readFile } from 'node:fs/promises'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Host } from '../test/support/host.ts'
import { encode, Wire } from '../test/support/wire.ts'
import { ROOM } from './crowds.ts'
import { alone, type Row } from './figures.ts'
import { withRig } from './rig.ts'
import { storeEndpoints } from './stored.ts'

/** Milliseconds after a start in which the tables are looked at and the collector gives back what the start took. */
const SETTLING = 10_000
const STEPS = [0, 1000, 10_000]

export function daemon(): Promise<Row[]> {
	return withRig(
		async (rig) => {
			const rows: Row[] = []
			let stored = 0
			for (const count of STEPS) {
				await storeEndpoints(rig, count - stored)
				stored = count
				rows.push(...(await starts(rig.host, count)))
			}
			return rows
		},
		{ dockerd: false, env: ROOM },
	)
}

async function starts(host: Host, count: number): Promise<Row[]> {
	const [serving, restored]: [number[], number[]] = [[], []]
	const last = count > 1000 ? 2 : 8
	for (let i = 0; i <= last; i++) {
		const begin = performance.now()
		await host.startWeftd()
		serving.push(performance.now() - begin)
		await isRestored(host)
		restored.push(performance.now() - begin)
		if (i < last) await host.stopWeftd()
	}
	await sleep(SETTLING)
	const of = `with ${count.toLocaleString('en')} endpoints`
	return [
		alone(`weftd serves, ${of}`, 'ms', serving),
		alone(`weftd has all restored, ${of}`, 'ms', restored),
		alone(`resident memory, ${of}`, 'MiB', [await residentMemory(host)]),
	]
}

/** A call of Docker's waits until all is restored, and for 9 s at most. */
async function isRestored(host: Host): Promise<void> {
	const wire = new Wire(host.path('/run/docker/plugins/weft.sock'))
	const body = encode({ NetworkID: 'none', EndpointID: 'none' })
	while ((await wire.raw('NetworkDriver.EndpointOperInfo', body)).status !== 200);
	wire.close()
}

export async function residentMemory(host: Host): Promise<number> {
	const pid = await host.exec(['cat', '/run/weftd.test-pid'])
	const status = await readFile(host.path(`/proc/${pid}/status`), 'utf8')
	return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 1024
}
