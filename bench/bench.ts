/** weft beside Docker's own drivers, on a private Docker host, both in one run: a table here, a JSON file for programs. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Host, noHost, startHost } from '../test/support/host.ts'
import { BRIDGE, burst, IPVLAN, MACVLAN, single, withBed } from './control-plane.ts'
import { type CallFigures, callTimes, type DaemonFigures, daemonFigures } from './daemon.ts'
import { engine } from './engine.ts'
import { compare, type Row } from './figures.ts'
import { type ScaleFigures, scaleFigures } from './scale.ts'

const JSON_FILE = fileURLToPath(new URL('../bench.json', import.meta.url))

const obstacle = noHost()
if (obstacle) throw new Error(`make bench ${obstacle}`)
const beside = await besideDocker()
const scale = await scaleFigures()
console.log([`${beside.machine}\n`, ...table(beside.rows), '', ...list(beside), '', sentence(scale)].join('\n'))
await writeFile(JSON_FILE, JSON.stringify({ ...beside, scale }, undefined, '\t'))

interface Beside {
	readonly machine: string
	readonly rows: readonly Row[]
	readonly daemon: DaemonFigures
	readonly calls: readonly CallFigures[]
}

async function besideDocker(): Promise<Beside> {
	// Of both on the disk, where a commit costs what it costs.
	const state = await mkdtemp(join(tmpdir(), 'weft-bench-'))
	const host = await startHost({
		env: { WEFT_LOG_LEVEL: 'info', WEFT_STATE_DIR: join(state, 'weft') },
		dockerdArgs: ['--data-root', join(state, 'docker')],
	})
	try {
		const api = engine(host.path('/run/docker.sock'))
		const version = (await api.call('GET', '/version')) as { Version: string; KernelVersion: string }
		const machine = `${cpus().length} x ${cpus()[0]?.model}, Linux ${version.KernelVersion}, dockerd ${version.Version}`
		const measured = await withBed(api, BRIDGE, async (bed) => {
			const alone = await single(api, bed)
			// Before the crowd, in which a call's time is mostly that of its predecessors.
			const calls = callTimes(host.weftd.log)
			return { calls, rows: [...alone, ...(await burst(api, bed))].map(compare) }
		})
		const lan = await withBed(api, MACVLAN, (bed) => single(api, bed, ', macvlan'))
		const ipvlan = (await hasIpvlan(host)) ? await withBed(api, IPVLAN, (bed) => single(api, bed, ', ipvlan')) : []
		api.close()
		const rows = [...measured.rows, ...[...lan, ...ipvlan].map(compare)]
		return { machine, ...measured, rows, daemon: await daemonFigures(host) }
	} finally {
		await host.stop()
		await rm(state, { recursive: true, force: true })
	}
}

/** Kernels can be built without. */
async function hasIpvlan(host: Host): Promise<boolean> {
	const { code } = await host.attempt(['ip', 'link', 'add', 'probe', 'link', 'eth0', 'type', 'ipvlan'])
	if (code === 0) await host.exec(['ip', 'link', 'del', 'probe'])
	else console.error('ipvlan is not measured: this kernel has no links of that kind')
	return code === 0
}

function table(rows: readonly Row[]): string[] {
	const head = ['| median, ms | weft | Docker | ratio | quartiles | runs |', '|---|---|---|---|---|---|']
	return [
		...head,
		...rows.map(({ name, weft, docker, ratio, spread, count }) => {
			const [low, high] = spread
			const cells = [
				name,
				weft.toFixed(1),
				docker.toFixed(1),
				ratio.toFixed(2),
				`${low.toFixed(2)} to ${high.toFixed(2)}`,
			]
			return `| ${[...cells, count].join(' | ')} |`
		}),
	]
}

function list({ daemon: { start, memory }, calls }: Beside): string[] {
	return [
		`weftd serves ${start.toFixed(0)} ms after its start and keeps ${memory.toFixed(0)} MiB.`,
		'',
		'| call | p50, ms | p99, ms | calls |',
		'|---|---|---|---|',
		...calls.map(({ method, p50, p99, count }) => `| ${method} | ${p50.toFixed(2)} | ${p99.toFixed(1)} | ${count} |`),
	]
}

function sentence({ networks, early, late, restart }: ScaleFigures): string {
	const [first, last, ratio] = [early.toFixed(1), late.toFixed(1), (late / early).toFixed(2)]
	return `Of ${networks} networks an early one costs ${first} ms and the last ${last} ms (${ratio}); all are true again ${restart.toFixed(0)} ms after a start.`
}
