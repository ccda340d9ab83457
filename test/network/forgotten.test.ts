/** What Docker has forgotten goes, once that is proved; what another Docker may have, or a container, stays. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { messageOf } from '../../src/errors.ts'
import { Ipam } from '../../src/ipam/ipam.ts'
import { parsePoolBases } from '../../src/ipam/pools.ts'
import { PartlyRepaired } from '../../src/keeper.ts'
import { GLOBAL_SPACE } from '../../src/model/pool.ts'
import { Forgotten, type ListedEndpoints } from '../../src/network/forgotten.ts'
import type { ListedNetwork } from '../../src/network/listing.ts'
import { passTime, setTimeOfDay, startClock, stopClock } from '../support/clock.ts'
import { surroundings } from '../support/surroundings.ts'
import {
	attach,
	type Bench,
	bench,
	ENDPOINT,
	endpointRequest,
	endpoints,
	idOf,
	NETWORK,
	networkRequest,
	networks,
} from './host.ts'

const ROUND = 300_000

/** A host with the network, made through weft's own IPAM, and Docker, which has what a test says. */
interface Scene extends Bench {
	readonly ipam: Ipam
	readonly forgotten: Forgotten
	listed: ListedNetwork[]
	members: ListedEndpoints
	engine: string
	/** How often the engine was asked. */
	asked: number
	failure: Error | undefined
	/** A look now, and one when the proof is there. */
	looks(): Promise<readonly string[]>
}

function listing(more: Partial<ListedNetwork> = {}): ListedNetwork {
	const subnets = ['10.210.1.0/24', 'fd00:1::/64']
	const reserved = ['10.210.1.1', 'fd00:1::1']
	return { id: NETWORK, driver: 'weft', ipamDriver: 'weft', isSwarms: false, subnets, reserved, ...more }
}

async function scene(options: Record<string, string> = {}): Promise<Scene> {
	const host = bench()
	host.containers.start('web', 7)
	const ipam = new Ipam(host.store, parsePoolBases('10.210.0.0/16:24'), surroundings())
	const view = {
		engine: async () => {
			made.asked++
			if (made.failure !== undefined) throw made.failure
			return made.engine
		},
		networks: async () => made.listed,
		endpoints: async () => made.members,
	}
	const log = { repaired: () => undefined, failed: () => undefined }
	const forgotten = new Forgotten(host.host, host.verbs, ipam, view, Promise.resolve(), log)
	const looks = async () => {
		const first = await forgotten.look()
		passTime(ROUND)
		return [...first, ...(await forgotten.look())]
	}
	const docker = { listed: [listing()], members: { ids: [], addresses: [] }, engine: 'A', asked: 0, failure: undefined }
	const made: Scene = { ...host, ...docker, ipam, forgotten, looks }
	await ipam.requestPool({ space: 's', family: 4, pool: '10.210.1.0/24' })
	await ipam.requestAddress({ poolId: 's/10.210.1.0/24', address: '10.210.1.1', kind: 'gateway' })
	await host.verbs.createNetwork(networkRequest(1, { options }))
	return made
}

/** Docker has had the answer to the creation. */
async function answered(options: Record<string, string> = {}): Promise<Scene> {
	const host = await scene(options)
	host.verbs.networkAnswered(NETWORK)
	while (host.store.list('sighting', '').length > 0) await new Promise(setImmediate)
	return host
}

async function leaseOf(host: Scene, last: number): Promise<void> {
	await host.ipam.requestAddress({ poolId: 's/10.210.1.0/24', address: `10.210.1.${last}`, kind: 'endpoint' })
}

/** A network was to have it, and then nothing came of that. */
async function strayPool({ ipam }: Scene, space = 's'): Promise<void> {
	const { id } = await ipam.requestPool({ space, family: 4, pool: '10.9.0.0/24' })
	await ipam.requestAddress({ poolId: id, address: '10.9.0.1', kind: 'gateway' })
}

function pools(host: Scene): string[] {
	return host.store
		.list('pool', '')
		.map(({ pool }) => pool)
		.sort()
}

function addresses(host: Scene): string[] {
	return host.store.list('lease', 's/10.210.1.0/24').map(({ address }) => address)
}

describe('of what Docker was without', () => {
	beforeEach(() => stopClock())
	afterEach(startClock)

	it('a network that it once had goes, with its pool, once it was away long enough', async () => {
		const host = await answered()
		await host.forgotten.look()
		host.listed = []
		assert.deepEqual(await host.forgotten.look(), [])
		passTime(10_000)
		assert.deepEqual(await host.forgotten.look(), [])
		passTime(ROUND)
		assert.deepEqual(await host.forgotten.look(), [
			`took away network ${NETWORK.slice(0, 12)}`,
			'released pool 10.210.1.0/24',
		])
		assert.deepEqual([host.store.names(), host.kernel.objects()], [[], []])
		assert.deepEqual(await host.looks(), [])
	})

	it('a network of mode container goes from the container that owns it as well', async () => {
		const host = await answered({ mode: 'container', container: 'web' })
		while (host.host.owners.size === 0) await new Promise(setImmediate)
		await host.forgotten.look()
		host.listed = []
		await host.looks()
		const owner = host.ownerKernels.get(7)
		assert.deepEqual([owner?.objects(), owner?.isClosed, host.containers.followers], [[], true, 0])
	})

	it('a network of which it told while the answer to its creation was put on record goes as well', async () => {
		const host = await scene()
		const commit = host.store.commit.bind(host.store)
		host.store.commit = (changes) => {
			const done = commit(changes)
			if (changes.some(({ kind }) => kind === 'sighting')) host.store.commit = commit
			host.verbs.networkAnswered(NETWORK)
			return done
		}
		await host.forgotten.look()
		host.listed = []
		assert.equal((await host.looks()).length, 2)
		assert.deepEqual([host.store.names(), host.told], [[], []])
	})

	it('a network stays until time has passed, whatever the time of day is set to', async () => {
		const host = await answered()
		await host.forgotten.look()
		host.listed = []
		for (const jump of [ROUND, -2 * ROUND]) {
			assert.deepEqual(await host.forgotten.look(), [])
			setTimeOfDay(jump)
			assert.deepEqual(await host.forgotten.look(), [])
		}
		passTime(ROUND)
		assert.equal((await host.forgotten.look()).length, 2)
	})

	it('a network that it has again stays', async () => {
		const host = await answered()
		await host.forgotten.look()
		const { listed } = host
		for (const now of [[], listed, [], listed]) {
			host.listed = now
			assert.deepEqual(await host.forgotten.look(), [])
			passTime(ROUND)
		}
		assert.equal(networks(host).length, 1)
	})

	it('a network that it never told of stays: another Docker may have it', async () => {
		const host = await answered()
		host.listed = []
		assert.deepEqual([...(await host.looks()), ...(await host.looks())], [])
		assert.equal(networks(host).length, 1)
		const line = `Docker does not tell of network ${NETWORK.slice(0, 12)}, which stays: another Docker may have it`
		assert.deepEqual(host.told, [line])
	})

	it('a network that another engine had stays', async () => {
		const host = await answered()
		await host.forgotten.look()
		Object.assign(host, { listed: [], engine: 'B' })
		assert.deepEqual(await host.looks(), [])
		assert.equal(networks(host).length, 1)
	})

	it('a network that Docker cannot be asked for stays', async () => {
		const host = await answered()
		await host.forgotten.look()
		host.failure = new Error('nobody listens')
		await assert.rejects(host.looks(), /nobody listens/)
		assert.equal(networks(host).length, 1)
	})

	it('a network with a running container stays', async () => {
		const host = await answered()
		await host.forgotten.look()
		await attach(host, endpointRequest())
		host.listed = []
		assert.deepEqual(await host.looks(), [])
		assert.equal(networks(host).length, 1)
		assert.equal(endpoints(host).length, 1)
	})

	it('a network whose creation nobody had an answer to goes, with its pool', async () => {
		const host = await scene()
		host.listed = []
		assert.equal((await host.looks()).length, 2)
		assert.deepEqual([host.store.names(), host.kernel.objects()], [[], []])
	})

	it('a network stays whose creation was repeated, answered and told of, or that somebody uses', async () => {
		for (const sign of ['repeated', 'told of', 'used']) {
			const host = await scene()
			if (sign === 'repeated') {
				await host.verbs.createNetwork(networkRequest())
				host.verbs.networkAnswered(NETWORK)
				while (host.store.list('sighting', '').length > 0) await new Promise(setImmediate)
			} else if (sign === 'told of') {
				await host.forgotten.look()
			} else await host.verbs.createEndpoint(endpointRequest())
			if (sign !== 'told of') host.listed = []
			assert.deepEqual(await host.looks(), [], sign)
			assert.equal(networks(host).length, 1, sign)
		}
	})

	it('a pool stays that another network has by now, told of or not', async () => {
		const host = await answered()
		await host.forgotten.look()
		const other = listing({ id: idOf('other'), driver: 'bridge', ipamDriver: 'weft:latest' })
		// Its release came through, and then somebody else got it.
		await host.ipam.releasePool('s/10.210.1.0/24')
		await host.ipam.requestPool({ space: 's', family: 4, pool: '10.210.1.0/24' })
		await host.verbs.deleteNetwork(NETWORK)
		host.listed = []
		assert.deepEqual(await host.forgotten.look(), [])
		host.listed = [other]
		assert.deepEqual(await host.looks(), [])
		assert.deepEqual(pools(host), ['10.210.1.0/24'])
	})

	it('a pool that no network came to have goes, with its gateway, and so the subnet can be had again', async () => {
		const host = await answered()
		await strayPool(host)
		assert.deepEqual(await host.looks(), ['released pool 10.9.0.0/24'])
		assert.deepEqual(pools(host), ['10.210.1.0/24'])
		await strayPool(host)
	})

	it('a pool stays that has an address, is of Swarm, or of a network of whatever IPAM, and while it is asked for anew', async () => {
		const users: Record<string, (host: Scene) => Promise<void>> = {
			'has an address': async ({ ipam }) => {
				await ipam.requestAddress({ poolId: 's/10.9.0.0/24', kind: 'endpoint' })
			},
			'has a network': async (host) => {
				host.listed.push(listing({ id: idOf('other'), ipamDriver: 'other:latest', subnets: ['10.9.0.7/24'] }))
			},
			'has a network of another Docker': async (host) => {
				const ipv4 = [{ pool: '10.9.0.0/24', gateway: '10.9.0.1/24', reserved: {} }]
				await host.verbs.createNetwork(networkRequest(9, { ipv4, ipv6: [] }))
				host.verbs.networkAnswered(idOf('network 9'))
			},
			'is asked for anew': async (host) => {
				await host.forgotten.look()
				passTime(ROUND)
				await host.ipam.releasePool('s/10.9.0.0/24')
				await strayPool(host)
				assert.deepEqual(await host.forgotten.look(), [])
				await host.ipam.requestAddress({ poolId: 's/10.9.0.0/24', kind: 'endpoint' })
			},
		}
		for (const [name, use] of Object.entries(users)) {
			const host = await answered()
			await strayPool(host)
			await use(host)
			assert.deepEqual(await host.looks(), [], name)
			assert.deepEqual(pools(host), ['10.210.1.0/24', '10.9.0.0/24'], name)
		}
		const host = await answered()
		await strayPool(host, GLOBAL_SPACE)
		assert.deepEqual(await host.looks(), [])
	})

	it('a pool that no network came to have stays where there is another Docker', async () => {
		for (const sign of ['a network that this one does not have', 'what another one had']) {
			const host = await answered()
			await strayPool(host)
			if (sign === 'what another one had') {
				await host.forgotten.look()
				host.engine = 'B'
			}
			host.listed = []
			assert.deepEqual(await host.looks(), [], sign)
			assert.deepEqual(pools(host), ['10.210.1.0/24', '10.9.0.0/24'], sign)
		}
	})

	it('the rest goes where one cannot be taken away, which is tried again', async () => {
		const host = await answered()
		await host.forgotten.look()
		await strayPool(host)
		host.listed = []
		await host.forgotten.look()
		passTime(ROUND)
		host.kernel.before = () => {
			throw new Error('EBUSY')
		}
		await assert.rejects(host.forgotten.look(), (error) => {
			assert.ok(error instanceof PartlyRepaired)
			assert.deepEqual(error.done, ['released pool 10.9.0.0/24'])
			assert.match(messageOf(error), /^network .*EBUSY/)
			return true
		})
		host.kernel.before = () => undefined
		assert.equal((await host.forgotten.look()).length, 2)
		assert.deepEqual(host.store.names(), [])
	})

	it('the pool of a network of another driver goes', async () => {
		const host = await answered()
		await host.verbs.deleteNetwork(NETWORK)
		host.listed = [listing({ driver: 'bridge' })]
		await host.forgotten.look()
		host.listed = []
		assert.deepEqual(await host.looks(), ['released pool 10.210.1.0/24'])
		assert.deepEqual(host.store.names(), [])
	})

	it('an endpoint without a container goes, with its address, and one with a container stays', async () => {
		const host = await answered()
		for (const last of [2, 3]) {
			await leaseOf(host, last)
			await attach(host, endpointRequest(last))
		}
		const [first] = endpoints(host)
		assert.deepEqual(await host.looks(), [])
		host.kernel.loseLink(first?.link ?? '')
		assert.deepEqual([...(await host.looks())].sort(), [
			'released address 10.210.1.2',
			`took away endpoint ${ENDPOINT.slice(0, 12)}`,
		])
		assert.deepEqual(addresses(host), ['10.210.1.1', '10.210.1.3'])
		assert.deepEqual(
			endpoints(host).map(({ id }) => id),
			[endpointRequest(3).id],
		)
	})

	it('an endpoint whose macvlan is in a container stays, with its address and its network, and goes when that has ended', async () => {
		const host = await answered()
		host.kernel.addForeignLink('eth0')
		const pool = { id: 's/10.210.2.0/24', address: '10.210.2.2' }
		await host.ipam.requestPool({ space: 's', family: 4, pool: '10.210.2.0/24' })
		await host.ipam.requestAddress({ poolId: pool.id, address: pool.address, kind: 'endpoint' })
		await host.verbs.createNetwork(networkRequest(2, { options: { mode: 'macvlan', parent: 'eth0' } }))
		await attach(host, endpointRequest(2, 2))
		const [link = ''] = endpoints(host, 2).map((each) => each.link)
		const reserved = ['10.210.2.1', 'fd00:2::1']
		const listed = [listing(), listing({ id: idOf('network 2'), subnets: ['10.210.2.0/24', 'fd00:2::/64'], reserved })]
		for (const told of [listed, [listing()], listed]) {
			host.listed = told
			assert.deepEqual(await host.looks(), [])
		}
		host.kernel.moveBack(link)
		host.kernel.loseLink(link)
		assert.deepEqual([...(await host.looks())].sort(), [
			`released address ${pool.address}`,
			`took away endpoint ${endpointRequest(2, 2).id.slice(0, 12)}`,
		])
	})

	it('an endpoint that it has stays, though its link is gone', async () => {
		const host = await answered()
		await leaseOf(host, 2)
		await attach(host, endpointRequest())
		host.kernel.loseLink(endpoints(host)[0]?.link ?? '')
		host.members = { ids: [ENDPOINT], addresses: ['10.210.1.2/24', ''] }
		assert.deepEqual(await host.looks(), [])
		assert.equal(endpoints(host).length, 1)
		assert.deepEqual(addresses(host), ['10.210.1.1', '10.210.1.2'])
	})

	it('an address stays that was given anew meanwhile, is set aside, or is the gateway', async () => {
		const host = await answered()
		await leaseOf(host, 9)
		await leaseOf(host, 5)
		host.listed = [listing({ reserved: ['10.210.1.9'] })]
		assert.deepEqual(await host.forgotten.look(), [])
		passTime(ROUND)
		await host.ipam.releaseAddress('s/10.210.1.0/24', '10.210.1.5')
		await leaseOf(host, 5)
		assert.deepEqual(await host.forgotten.look(), [])
		passTime(ROUND)
		assert.deepEqual(await host.forgotten.look(), ['released address 10.210.1.5'])
		assert.deepEqual(addresses(host), ['10.210.1.1', '10.210.1.9'])
	})

	it('addresses stay on a network of Swarm, and on one whose addresses another gives', async () => {
		for (const more of [{ isSwarms: true }, { ipamDriver: 'default' }]) {
			const host = await answered()
			await leaseOf(host, 5)
			host.listed = [listing(more)]
			assert.deepEqual(await host.looks(), [])
			assert.deepEqual(addresses(host), ['10.210.1.1', '10.210.1.5'])
		}
	})
})

describe('Docker is asked', () => {
	beforeEach(() => stopClock('setTimeout'))
	afterEach(startClock)

	async function pass(milliseconds: number): Promise<void> {
		passTime(milliseconds)
		for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
	}

	it('when it has called since the last look, soon after its first call and after something was made', async () => {
		const host = await scene()
		host.forgotten.lookAround()
		await pass(20_000)
		assert.equal(host.asked, 0)
		for (const [method, asked] of [
			['NetworkDriver.Join', 1],
			['NetworkDriver.Join', 1],
			['NetworkDriver.CreateNetwork', 2],
			['NetworkDriver.Join', 2],
		] as const) {
			host.forgotten.called(method)
			await pass(20_000)
			assert.equal(host.asked, asked, method)
		}
		for (let round = 0; round < 2; round++) {
			host.forgotten.lookAround()
			await pass(20_000)
			assert.equal(host.asked, 3)
		}
		await host.forgotten.close()
	})

	it('as soon as it calls when something is proved to be forgotten', async () => {
		const host = await scene()
		await strayPool(host)
		host.forgotten.called('IpamDriver.RequestPool')
		await pass(20_000)
		for (const [waited, asked] of [
			[0, 1],
			[180_000, 1],
			[20_000, 2],
			[20_000, 2],
		] as const) {
			await pass(waited)
			host.forgotten.called('NetworkDriver.Join')
			await pass(20_000)
			assert.equal(host.asked, asked, `${waited}`)
		}
		assert.deepEqual(pools(host), ['10.210.1.0/24'])
		await host.forgotten.close()
	})
})
