/** What the admin API answers, over its socket. */
import assert from 'node:assert/strict'
import { lstat } from 'node:fs/promises'
import { request } from 'node:http'
import { after, before, describe, it } from 'node:test'
import type {
	AddressesView,
	ContainerDetail,
	ContainerSummary,
	NetworkDetail,
	NetworkSummary,
	PoolView,
	PortView,
	Settings,
	Status,
} from '../../src/admin/api.ts'
import { NO_NAMES } from '../../src/admin/names.ts'
import { SETTINGS } from '../../src/settings.ts'
import { networkRequest } from '../network/host.ts'
import { eventually } from '../support/eventually.ts'
import { DB, ENGINE, NET, OTHER, openScene, populate, type Scene, WEB } from './scene.ts'

describe('the admin API', () => {
	let scene: Scene
	before(async () => {
		scene = await openScene()
		await populate(scene)
	})
	after(() => scene.close())

	const get = <T>(path: string): Promise<T> => scene.client.get<T>(path)

	it('is on a socket that only its owner may use', async () => {
		assert.equal((await lstat(scene.socket)).mode & 0o777, 0o600)
	})

	it('says what weftd is, what it has and what it repaired', async () => {
		scene.metrics.repaired({ cause: 'nft deleted table inet weft', done: ["made weft's tables anew"] })
		scene.metrics.failed()
		const status = await get<Status>('/status')
		assert.equal(status.state, 'serving')
		assert.equal(status.pid, process.pid)
		assert.match(status.version, /^\d+\.\d+\.\d+$/)
		assert.deepEqual(status.counts, { networks: 2, endpoints: 2, ports: 1, pools: 2, leases: 4 })
		assert.equal(status.repairs.done, 1)
		assert.equal(status.repairs.failed, 1)
		assert.equal(status.repairs.last?.cause, 'nft deleted table inet weft')
		assert.deepEqual([status.host.nftables, status.host.engine], ['libnftables', ENGINE])
	})

	it('shows a container by its name, on each of its networks', async () => {
		const { name, endpoints } = await get<ContainerDetail>('/containers/web')
		assert.equal(name, 'web')
		assert.deepEqual(
			endpoints.map(({ network, endpoint }) => [network.name, endpoint.id, endpoint.ipv4]),
			[['front', WEB, '10.210.1.2/24']],
		)
		await assert.rejects(get('/containers/front'), /weft has no container "front"/)
	})

	it('lists containers that have names, with their networks', async () => {
		assert.deepEqual(await get<ContainerSummary[]>('/containers'), [
			{ name: 'web', networks: [{ id: NET, name: 'front' }] },
		])
	})

	it('has the settings in force, and of a secret only that there is one', async () => {
		const settings = await get<Settings>('/settings')
		assert.deepEqual(Object.keys(settings).toSorted(), Object.keys(SETTINGS).toSorted())
		assert.equal(settings.WEFT_POOLS, SETTINGS.WEFT_POOLS.fallback)
		assert.deepEqual([settings.WEFT_CLUSTER_PASSWORD, settings.WEFT_CLUSTER_USER], ['***', ''])
	})

	it('lists networks, with their names where Docker has told them', async () => {
		const [front, other] = await get<NetworkSummary[]>('/networks')
		assert.deepEqual(front, {
			id: NET,
			name: 'front',
			listed: true,
			mode: 'bridge',
			subnets: ['10.210.1.0/24'],
			gateways: ['10.210.1.1'],
			internal: false,
			bridge: `weft${NET.slice(0, 11)}`,
			parent: null,
			settled: true,
			endpoints: 2,
			ports: 1,
		})
		assert.deepEqual([other?.id, other?.name, other?.listed], [OTHER, null, false])
	})

	it('says of no network that Docker is without it where Docker has told no names in time', async () => {
		const alone = await openScene(undefined, NO_NAMES)
		try {
			await populate(alone)
			const networks = await alone.client.get<NetworkSummary[]>('/networks')
			assert.deepEqual(
				networks.map(({ name, listed }) => [name, listed]),
				[
					[null, null],
					[null, null],
				],
			)
		} finally {
			await alone.close()
		}
	})

	it('shows the parent of a network without a bridge', async () => {
		const lan = await openScene()
		try {
			lan.bench.kernel.addForeignLink('eth0')
			await lan.bench.verbs.createNetwork(networkRequest(1, { options: { mode: 'macvlan', parent: 'eth0' } }))
			const [network] = await lan.client.get<NetworkSummary[]>('/networks')
			assert.deepEqual([network?.mode, network?.bridge, network?.parent], ['macvlan', null, 'eth0'])
			assert.deepEqual(await lan.client.get('/diff'), [])
		} finally {
			await lan.close()
		}
	})

	it('shows a network by its name, its id, and the beginning of its id', async () => {
		const detail = await get<NetworkDetail>('/networks/front')
		assert.deepEqual(await get(`/networks/${NET}`), detail)
		assert.deepEqual(await get(`/networks/${NET.slice(0, 6)}`), detail)
		assert.equal(detail.mtu, 1450)
		assert.deepEqual(
			detail.endpoints.map(({ container, ipv4, attached }) => ({ container, ipv4, attached })),
			[
				{ container: 'web', ipv4: '10.210.1.2/24', attached: true },
				{ container: null, ipv4: '10.210.1.3/24', attached: true },
			],
		)
	})

	it('says that a container has lost its link', async () => {
		const { endpoints } = await get<NetworkDetail>('/networks/front')
		const link = endpoints.find(({ id }) => id === DB)?.link ?? ''
		const lost = await openScene()
		try {
			await populate(lost)
			lost.bench.kernel.loseLink(link)
			const seen = (await lost.client.get<NetworkDetail>('/networks/front')).endpoints
			assert.deepEqual(
				seen.map(({ id, attached }) => [id, attached]),
				[
					[WEB, true],
					[DB, false],
				],
			)
		} finally {
			await lost.close()
		}
	})

	it('lists ports with whose they are', async () => {
		const ports = await get<PortView[]>('/ports')
		assert.deepEqual(
			ports.map(({ hostIp, hostPort, containerIp, containerPort, network, container }) => {
				return [hostIp, hostPort, containerIp, containerPort, network, container]
			}),
			[['0.0.0.0', 8080, '10.210.1.2', 80, 'front', 'web']],
		)
	})

	it('counts what is used and free of pools, in the range where there is one', async () => {
		const pools = await get<PoolView[]>('/pools')
		assert.deepEqual(
			pools.map(({ pool, size, used, free, network }) => [pool, size, used, free, network]),
			[
				['10.210.1.0/24', 254, 3, 251, 'front'],
				['10.210.2.0/24', 254, 1, 127, null],
			],
		)
	})

	it('says who has which address of a network', async () => {
		const { addresses, pools } = await get<AddressesView>('/networks/front/addresses')
		assert.equal(pools.length, 1)
		assert.deepEqual(
			addresses.map(({ address, kind, container }) => [address, kind, container]),
			[
				['10.210.1.1', 'gateway', null],
				['10.210.1.2', 'endpoint', 'web'],
				['10.210.1.3', 'endpoint', null],
			],
		)
	})

	it('refuses what there is not, in one line', async () => {
		await assert.rejects(get('/networks/back'), { code: 'not-found', message: 'weft has no network "back"' })
		await assert.rejects(get('/nonsense'), { message: "GET /nonsense is not a call of weft's admin API" })
	})

	it('only reads', async () => {
		for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
			assert.equal(await answerTo(scene.socket, method, '/networks/front'), 404)
		}
		assert.equal(await answerTo(scene.socket, 'GET', '/networks/front'), 200)
	})
})

describe('the difference', () => {
	it('is none where all is well, and then what is missing, with whose it is', async () => {
		const scene = await openScene()
		try {
			await populate(scene)
			assert.deepEqual(await scene.client.get('/diff'), [])
			scene.bench.kernel.loseAddress(`weft${NET.slice(0, 11)}`, '10.210.1.1/24')
			const what = `address weft${NET.slice(0, 11)} 10.210.1.1/24 was gone`
			const expected = { networkId: NET, network: 'front', endpointId: null, container: null, what }
			assert.deepEqual(await scene.client.get('/diff'), [expected])
		} finally {
			await scene.close()
		}
	})

	it('waits for the networks of the last run', async () => {
		const { promise, finish } = ending('serving')
		const scene = await openScene(promise)
		try {
			let answered = false
			const answer = scene.client.get('/diff').then((found) => {
				answered = true
				return found
			})
			await scene.client.get('/networks')
			assert.equal(answered, false)
			finish()
			assert.deepEqual(await answer, [])
		} finally {
			await scene.close()
		}
	})
})

describe('the status', () => {
	for (const outcome of ['serving', 'failed'] as const) {
		it(`tells whether the networks of the last run are there again: ${outcome}`, async () => {
			const { promise, finish } = ending(outcome)
			const scene = await openScene(promise)
			const state = async (): Promise<string> => (await scene.client.get<Status>('/status')).state
			try {
				assert.equal(await state(), 'restoring')
				finish()
				await eventually(async () => (await state()) === outcome)
			} finally {
				await scene.close()
			}
		})
	}
})

function ending(outcome: 'serving' | 'failed'): { promise: Promise<void>; finish: () => void } {
	let finish = (): void => undefined
	const promise = new Promise<void>((resolve, reject) => {
		finish = () => (outcome === 'serving' ? resolve() : reject(new Error('broken')))
	})
	return { promise, finish }
}

function answerTo(socketPath: string, method: string, path: string): Promise<number> {
	return new Promise((resolve, reject) => {
		const call = request({ socketPath, method, path, agent: false }, (response) => {
			response.resume()
			resolve(response.statusCode ?? 0)
		})
		call.on('error', reject)
		call.end()
	})
}
