/** The part that measures a host among many of a cluster, which are simulated by what they have in etcd. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startClusterHosts } from '../test/support/cluster-hosts.ts'
import { OWN_ENGINE } from '../test/support/engine.ts'
import { noEtcd } from '../test/support/etcd.ts'
import { eventually } from '../test/support/eventually.ts'
import type { Host } from '../test/support/host.ts'
import { residentMemory } from './daemon.ts'
import { engine } from './engine.ts'
import { alone, type Row } from './figures.ts'
import { timed } from './interleave.ts'
import { GATEWAY, OPTIONS, POOL } from './many-hosts-network.ts'
import { WEFTD } from './rig.ts'

const SIMULATED = fileURLToPath(new URL('./simulated-hosts.js', import.meta.url))
/** Beside the measured one, and containers of each. */
const HOSTS = 100
const CONTAINERS = 100
const RUNS = 5
/** Milliseconds after which weftd's collector has given back what the routes took. */
const SETTLING = 10_000

export async function manyHosts(): Promise<Row[]> {
	const obstacle = noEtcd()
	if (obstacle) {
		console.error(`a cluster of many hosts is not measured: that ${obstacle}`)
		return []
	}
	const cluster = await startClusterHosts(1, OWN_ENGINE, { program: [process.execPath, WEFTD] })
	let others: ChildProcess | undefined
	try {
		const [host] = cluster.hosts
		if (host === undefined) throw new Error('there is no host')
		others = await simulate(host, cluster.etcd.url)
		const keys = async (prefix: string) => {
			const listed = await cluster.etcd.ctl('get', '--prefix', prefix, '--keys-only')
			return listed.split('\n').filter(Boolean).length
		}
		const routed = await newcomer(host, await keys('weft/block/'))
		await sleep(SETTLING)
		const of = `beside ${HOSTS} hosts with ${(HOSTS * CONTAINERS).toLocaleString('en')} containers`
		return [
			alone(`a new host has all routes, ${of}`, 'ms', routed),
			alone(`resident memory, ${of}`, 'MiB', [await residentMemory(host)]),
			alone(`keys in etcd, ${of}`, 'keys', [await keys('weft/')]),
		]
	} finally {
		others?.stdin?.end()
		await cluster.stop()
	}
}

async function simulate(host: Host, url: string): Promise<ChildProcess> {
	const words = [SIMULATED, url, String(HOSTS), String(CONTAINERS)]
	const [file = '', ...args] = host.enter([process.execPath, ...words])
	const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] })
	for await (const line of createInterface(child.stdout)) if (line === 'ready') return child
	throw new Error('the simulated hosts ended')
}

/** From the command that makes the network on it until the last route is there. */
async function newcomer(host: Host, blocks: number): Promise<number[]> {
	const api = engine(host.path('/run/docker.sock'))
	const body = {
		Name: 'wide',
		Driver: 'weft',
		IPAM: { Driver: 'weft', Config: [{ Subnet: POOL, Gateway: GATEWAY.split('/')[0] }] },
		Options: { mode: 'overlay', ...OPTIONS },
	}
	const isRouted = async () => {
		const routes = await host.exec(['ip', 'route', 'show', 'dev', 'weft-vxlan'])
		return routes.split('\n').filter((each) => each.startsWith('10.98.')).length === blocks
	}
	try {
		const all: number[] = []
		for (let run = 0; run < RUNS; run++) {
			if (run > 0) await api.call('DELETE', '/networks/wide')
			const taken = await timed(async () => {
				await api.call('POST', '/networks/create', body)
				await eventually(isRouted, { what: `${blocks} routes`, pause: 5 })
			})
			all.push(taken)
		}
		return all
	} finally {
		api.close()
	}
}
