/** weftd by itself: how long it takes to serve and to make all true again, and what memory it keeps, with what is stored. */
import { readFile } from 'node:fs/promises'
import { performance } from 'node:perf_hooks'
import type { Host } from '../test/support/host.ts'
import { Wire } from '../test/support/wire.ts'
import { ROOM, weftCrowd } from './crowds.ts'
import { alone, type Row } from './figures.ts'
import { withRig } from './rig.ts'

/** Containers on each network, of which a bridge has room for 1,023. */
const CONTAINERS = 125
const STEPS = [0, 1000, 10_000]

export function daemon(): Promise<Row[]> {
	return withRig(
		async ({ host }) => {
			const rows: Row[] = []
			let stored = 0
			for (const count of STEPS) {
				await weftCrowd(host, { networks: (count - stored) / CONTAINERS, containers: CONTAINERS, ports: 0 })
				stored = count
				rows.push(...(await starts(host, count)))
			}
			return rows
		},
		{ dockerd: false, env: ROOM },
	)
}

async function starts(host: Host, count: number): Promise<Row[]> {
	const [serving, restored, memory]: [number[], number[], number[]] = [[], [], []]
	for (let i = 0; i < (count > 1000 ? 3 : 9); i++) {
		await host.stopWeftd()
		const begin = performance.now()
		await host.startWeftd()
		serving.push(performance.now() - begin)
		const wire = new Wire(host.path('/run/docker/plugins/weft.sock'))
		// Is answered when everything is restored.
		await wire.call('NetworkDriver.EndpointOperInfo', { NetworkID: 'none', EndpointID: 'none' })
		restored.push(performance.now() - begin)
		wire.close()
		memory.push(await residentMemory(host))
	}
	const of = `with ${count.toLocaleString('en')} endpoints`
	return [
		alone(`weftd serves, ${of}`, 'ms', serving),
		alone(`weftd has all restored, ${of}`, 'ms', restored),
		alone(`resident memory, ${of}`, 'MiB', memory),
	]
}

async function residentMemory(host: Host): Promise<number> {
	const pid = await host.exec(['cat', '/run/weftd.test-pid'])
	const status = await readFile(host.path(`/proc/${pid}/status`), 'utf8')
	return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 1024
}
