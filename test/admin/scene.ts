/** The admin API over a real socket, a store in memory and a kernel in memory: two networks, two containers, a port. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import type { Names } from '../../src/admin/names.ts'
import { buildScrapes } from '../../src/admin/scrapes.ts'
import { buildAdmin } from '../../src/admin/server.ts'
import { Daemon } from '../../src/admin/status.ts'
import { AdminClient } from '../../src/cli/client.ts'
import { readConfig } from '../../src/config.ts'
import { WeftError } from '../../src/errors.ts'
import { Ipam } from '../../src/ipam/ipam.ts'
import { parsePoolBases } from '../../src/ipam/pools.ts'
import { listenOnSocket } from '../../src/listen.ts'
import { Metrics } from '../../src/metrics.ts'
import { Restoration } from '../../src/network/restoration.ts'
import { attach, type Bench, bench, endpointRequest, idOf, networkRequest, portRequest } from '../network/host.ts'
import { surroundings } from '../support/surroundings.ts'

export const NET = idOf('network 1')
export const OTHER = idOf('network 2')
export const WEB = idOf('endpoint 1 2')
export const DB = idOf('endpoint 1 3')

const NAMES: Names = { networks: new Map([[NET, 'front']]), containers: new Map([[WEB, 'web']]) }

export const PASSWORD = 'hush-7a1c'
export const ENGINE = '28.5.2'

const HAS = { networks: 1, blocks: 2, addresses: 0 }
const NODES = [
	{ name: 'alpha', address: '192.0.2.7', present: true, self: true, ...HAS },
	{ name: 'beta', address: '192.0.2.8', present: false, self: false, ...HAS },
]

export interface Scene {
	/** Hosts that were to be forgotten, and how often this one was to have another key. */
	readonly forgotten: readonly string[]
	readonly rekeyed: () => number
	readonly bench: Bench
	readonly metrics: Metrics
	readonly client: AdminClient
	readonly socket: string
	/** What answers by TCP; it does not listen. */
	readonly scrapes: FastifyInstance
	close(): Promise<void>
}

/** `names` is what Docker tells. */
export async function openScene(ready: Promise<void> = Promise.resolve(), names = NAMES): Promise<Scene> {
	const folder = await mkdtemp(join(tmpdir(), 'weft-admin-'))
	const socket = join(folder, 'run', 'admin.sock')
	const world = bench()
	const metrics = new Metrics()
	const places = { socket: '/run/docker/plugins/weft.sock', stateDir: '/var/lib/weft' }
	const settings = { ...places, scope: 'local', node: 'alpha', cluster: ['http://192.0.2.1:2379'] }
	const restoration = new Restoration(() => undefined)
	restoration.begin(() => ready)
	const forgotten: string[] = []
	let rekeyed = 0
	const cluster = {
		status: () => ({ reached: true, problem: null, member: true, address: '192.0.2.7', hosts: 2, present: 2 }),
		nodes: () => NODES,
		forget: async (name: string) => {
			if (name === 'alpha') throw new WeftError('in-use', 'the host alpha is there')
			forgotten.push(name)
		},
		rekey: async () => {
			rekeyed++
		},
	}
	const daemon = new Daemon(settings, 'libnftables', metrics, restoration, cluster)
	const { shown } = readConfig({ WEFT_CLUSTER_PASSWORD: PASSWORD }, [])
	const logger = pino({ level: 'silent' })
	const parts = { host: world.host, daemon, logger }
	const server = buildAdmin({
		...parts,
		sharedPorts: world.sharedPorts,
		owners: world.owners,
		names: async () => names,
		engine: async () => ENGINE,
		settings: shown,
	})
	const stop = await listenOnSocket(server, socket)
	const close = async (): Promise<void> => {
		await stop()
		await restoration.close()
		await rm(folder, { recursive: true })
	}
	return {
		forgotten,
		rekeyed: () => rekeyed,
		bench: world,
		metrics,
		client: new AdminClient(socket),
		socket,
		scrapes: buildScrapes(parts),
		close,
	}
}

/** `front` with `web`, published on 8080, and a container without a name; another network, whose pool has a range. */
export async function populate({ bench: world }: Scene): Promise<void> {
	const ipam = new Ipam(world.store, parsePoolBases('10.210.0.0/16:24'), surroundings())
	ipam.load()
	for (const [number, range] of [[1], [2, '10.210.2.128/25']] as const) {
		const pool = `10.210.${number}.0/24`
		const { id } = await ipam.requestPool({ space: 'local', family: 4, pool, ...(range ? { range } : {}) })
		await ipam.requestAddress({ poolId: id, address: `10.210.${number}.1`, kind: 'gateway' })
		if (number === 1)
			for (const last of [2, 3])
				await ipam.requestAddress({ poolId: id, address: `10.210.1.${last}`, kind: 'endpoint' })
		await world.verbs.createNetwork({ ...networkRequest(number), ipv6: [] })
	}
	for (const last of [2, 3]) await attach(world, { ...withoutIpv6(endpointRequest(last)) })
	await world.verbs.publish(NET, WEB, [portRequest(8080)])
}

function withoutIpv6({ ipv6: _, ...request }: ReturnType<typeof endpointRequest>) {
	return request
}
