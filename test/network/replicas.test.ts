/** Networks that come from other hosts of the cluster and go to them, as Docker is asked for them. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { WeftError } from '../../src/errors.ts'
import { PartlyRepaired } from '../../src/keeper.ts'
import type { OfferedNetwork, WantedNetwork } from '../../src/model/network.ts'
import { type Engine, type NamedNetwork, Replicas } from '../../src/network/replicas.ts'
import { eventually } from '../support/eventually.ts'
import { FakeClusterVerbs } from '../support/fake-cluster-verbs.ts'
import { FakeKernel } from '../support/fake-kernel.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { bench, idOf, networkRequest } from './host.ts'

const DRIVERS = { driver: 'weft', ipamDriver: 'weft' }
const LISTED = { ...DRIVERS, ranges: [] }

const OFFER: OfferedNetwork = {
	id: 'wide-1',
	name: 'wide',
	...DRIVERS,
	ranges: ['10.210.1.128/25'],
	subnets: [
		{ pool: '10.210.1.0/24', gateway: '10.210.1.1/24', reserved: { printer: '10.210.1.9/24' } },
		{ pool: 'fd00:1::/64', reserved: {} },
	],
	options: { backend: 'vxlan', replicate: 'true' },
	internal: true,
	blocks: { 4: 26, 6: 122 },
}

const OPTIONS = { mode: 'overlay', id: 'wide-1' }

/** A host of the cluster with a Docker that makes networks by calling weft, as a real one does. */
function scene(t: TestContext, store = new MemoryStore()) {
	const cluster = new FakeClusterVerbs({ name: 'a', address: '192.0.2.1' })
	const kernel = new FakeKernel()
	kernel.addForeignLink('eth0', { mtu: 1500, state: { addresses: ['192.0.2.1/24'], routesLocalnet: false } })
	const world = bench(store, kernel, true, cluster)
	const listed: NamedNetwork[] = []
	const asked: WantedNetwork[] = []
	let refusal: Error | undefined
	const engine: Engine = {
		networks: async () => listed,
		make: async (network) => {
			asked.push(network)
			await world.verbs.createNetwork(networkRequest(1, { options: network.options, ipv6: [] }))
			replicas.called('NetworkDriver.CreateNetwork')
			if (refusal !== undefined) {
				await world.verbs.deleteNetwork(idOf('network 1'))
				throw refusal
			}
			listed.push({ id: idOf('network 1'), name: network.name, ...LISTED })
		},
	}
	const told: string[] = []
	const replicas = new Replicas(world.host, cluster, engine, Promise.resolve(), {
		repaired: ({ done }) => told.push(...done),
		failed: (error) => told.push(String(error)),
	})
	t.after(() => replicas.close())
	const refuse = (error?: Error) => {
		refusal = error
	}
	return { ...world, cluster, listed, asked, refuse, told, replicas }
}

test('what another host has is made here, under its name and as it is there, and once', async (t) => {
	const { cluster, replicas, asked, store } = scene(t)
	cluster.offered.set(OFFER.id, OFFER)
	assert.deepEqual(await replicas.look(), ['made the network wide, which other hosts have'])
	assert.deepEqual(asked, [
		{
			name: 'wide',
			...DRIVERS,
			internal: true,
			ipv4: true,
			ipv6: true,
			options: { mode: 'overlay', backend: 'vxlan', replicate: 'true', id: 'wide-1' },
			subnets: [
				{
					pool: '10.210.1.0/24',
					range: '10.210.1.128/25',
					gateway: '10.210.1.1',
					reserved: { printer: '10.210.1.9' },
				},
				{ pool: 'fd00:1::/64', reserved: {} },
			],
		},
	])
	assert.deepEqual(await replicas.look(), [])
	assert.equal(asked.length, 1)
	assert.deepEqual(store.list('replica', ''), [{ id: 'wide-1' }])
})

test('what somebody removes here does not come back, also after a start, until nobody has it any more', async (t) => {
	const { cluster, replicas, asked, verbs, store } = scene(t)
	cluster.offered.set(OFFER.id, OFFER)
	await replicas.look()
	await verbs.deleteNetwork(idOf('network 1'))
	assert.deepEqual(await replicas.look(), [])
	const again = scene(t, store)
	again.cluster.offered.set(OFFER.id, OFFER)
	assert.deepEqual(await again.replicas.look(), [])
	assert.equal(asked.length + again.asked.length, 1)
	again.cluster.offered.clear()
	await again.replicas.look()
	assert.deepEqual(store.list('replica', ''), [])
	again.cluster.offered.set(OFFER.id, OFFER)
	assert.equal((await again.replicas.look()).length, 1)
})

test('what is made here is offered when Docker lists it, unless it is for this host alone', async (t) => {
	const { cluster, replicas, listed, verbs } = scene(t)
	await verbs.createNetwork(networkRequest(1, { options: OPTIONS, ipv6: [] }))
	await verbs.createNetwork(networkRequest(2, { options: { ...OPTIONS, id: 'n2', replicate: 'false' }, ipv6: [] }))
	await verbs.createNetwork(networkRequest(3, { ipv6: [] }))
	await replicas.look()
	assert.deepEqual([...cluster.offered.keys()], [])
	for (const n of [1, 2, 3])
		listed.push({ id: idOf(`network ${n}`), name: `name${n}`, ...DRIVERS, ranges: [`10.210.${n}.0/25`] })
	await replicas.look()
	assert.deepEqual(
		Array.from(cluster.offered.values(), ({ id, name, ranges }) => [id, name, ...ranges]),
		[['wide-1', 'name1', '10.210.1.0/25']],
	)
})

test('what Docker does not list is told once, and offered when it is listed later', async (t) => {
	const { cluster, replicas, listed, verbs, warnings } = scene(t)
	await verbs.createNetwork(networkRequest(1, { options: OPTIONS, ipv6: [] }))
	for (let round = 0; round < 2; round++) {
		for (let n = 0; n < 12; n++) await replicas.look()
		replicas.lookAround()
	}
	const why = 'Docker, asked at WEFT_DOCKER_HOST, does not list it'
	assert.deepEqual(warnings, [`network ${idOf('network 1').slice(0, 12)} is not offered to other hosts: ${why}`])
	listed.push({ id: idOf('network 1'), name: 'wide', ...LISTED })
	await replicas.look()
	assert.equal(cluster.offered.size, 1)
})

test('it is removed here and goes elsewhere, and does not come back from there', async (t) => {
	const { cluster, replicas, listed, verbs, asked } = scene(t)
	await verbs.createNetwork(networkRequest(1, { options: OPTIONS, ipv6: [] }))
	listed.push({ id: idOf('network 1'), name: 'wide', ...LISTED })
	await replicas.look()
	await verbs.deleteNetwork(idOf('network 1'))
	listed.length = 0
	assert.equal(cluster.offered.size, 1)
	await replicas.look()
	assert.deepEqual(asked, [])
})

test('what is made by hand of what others have does not come back either, however soon it is removed', async (t) => {
	const { cluster, replicas, verbs, asked } = scene(t)
	cluster.offered.set(OFFER.id, OFFER)
	await verbs.createNetwork(networkRequest(1, { options: OPTIONS, ipv6: [] }))
	replicas.called('NetworkDriver.CreateNetwork')
	await verbs.deleteNetwork(idOf('network 1'))
	assert.deepEqual(await replicas.look(), [])
	assert.deepEqual(asked, [])
})

test('nor does one that was made just before weftd ended', async (t) => {
	const { cluster, replicas, verbs, asked, store } = scene(t)
	cluster.offered.set(OFFER.id, OFFER)
	await verbs.createNetwork(networkRequest(1, { options: OPTIONS, ipv6: [] }))
	replicas.open()
	await eventually(() => store.list('replica', '').length === 1)
	await verbs.deleteNetwork(idOf('network 1'))
	assert.deepEqual(await replicas.look(), [])
	assert.deepEqual(asked, [])
})

test('a name that Docker has for another network is told once, and nothing is made or overwritten', async (t) => {
	const { cluster, replicas, listed, asked, warnings, refuse } = scene(t)
	cluster.offered.set(OFFER.id, OFFER)
	listed.push({ id: 'other', name: 'wide', driver: 'bridge', ipamDriver: 'default', ranges: [] })
	for (let n = 0; n < 2; n++) await replicas.look()
	assert.deepEqual(asked, [])
	const words = /^the network wide of the cluster is not made here: Docker has another of this name; .* -o id=wide-1$/
	assert.equal(warnings.length, 1)
	assert.match(warnings[0] ?? '', words)
	listed.length = 0
	refuse(new WeftError('exists', 'Docker at x refuses: 409 {"message":"network with name wide already exists"}'))
	await replicas.look()
	assert.equal(asked.length, 1)
	assert.equal(warnings.length, 1)
	refuse()
	assert.equal((await replicas.look()).length, 1)
})

test('whatever is written in the cluster, Docker is asked for overlays of one plugin, and for no network of its own', async (t) => {
	const { cluster, replicas, asked, warnings } = scene(t)
	const options = { ...OFFER.options, mode: 'macvlan', id: 'other' }
	for (const drivers of [{ driver: 'bridge', ipamDriver: 'default' }, { driver: 'bridge' }, { ipamDriver: 'null' }]) {
		cluster.offered.set(OFFER.id, { ...OFFER, options, ...drivers })
		for (let n = 0; n < 2; n++) assert.deepEqual(await replicas.look(), [])
	}
	assert.equal(asked.length, 0)
	assert.deepEqual(warnings, [
		'the network wide of the cluster is not made here: it is of "bridge" with addresses of "default", which is not one plugin',
	])
	cluster.offered.set(OFFER.id, { ...OFFER, options, ipamDriver: 'weft:latest' })
	assert.equal((await replicas.look()).length, 1)
	assert.deepEqual([asked[0]?.options.mode, asked[0]?.options.id], ['overlay', OFFER.id])
})

test('one that Docker refuses keeps no other from being made, and is tried again', async (t) => {
	const { cluster, replicas, asked, refuse, store } = scene(t)
	cluster.offered.set(OFFER.id, OFFER)
	refuse(new WeftError('system', 'Docker at x refuses: 500 no'))
	await assert.rejects(
		replicas.look(),
		(error) => error instanceof PartlyRepaired && /500 no/.test(String(error.errors)),
	)
	assert.deepEqual(store.list('replica', ''), [])
	refuse()
	assert.equal((await replicas.look()).length, 1)
	assert.equal(asked.length, 2)
})

test('nothing is asked of Docker as long as the cluster was not read, or there is nothing to do', async (t) => {
	const { cluster, replicas, asked } = scene(t)
	cluster.offered.set(OFFER.id, OFFER)
	cluster.forget()
	assert.deepEqual(await replicas.look(), [])
	assert.deepEqual(asked, [])
})

test('it looks when the cluster tells, and when Docker has made one', async (t) => {
	const { cluster, replicas, told, listed, verbs } = scene(t)
	replicas.open()
	cluster.offered.set(OFFER.id, OFFER)
	cluster.become('any', [])
	await eventually(() => told.length === 1)
	await verbs.createNetwork(networkRequest(2, { options: { ...OPTIONS, id: 'n2' }, ipv6: [] }))
	replicas.called('NetworkDriver.CreateNetwork')
	listed.push({ id: idOf('network 2'), name: 'second', ...LISTED })
	await eventually(() => cluster.offered.get('n2')?.name === 'second')
})
