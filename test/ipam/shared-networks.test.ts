/** The address management of hosts that have networks of a cluster together, as Docker calls it on each of them. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Member } from '../../src/cluster/member.ts'
import { forget } from '../../src/cluster/nodes.ts'
import { isCode, WeftError } from '../../src/errors.ts'
import { Ipam } from '../../src/ipam/ipam.ts'
import { parsePoolBases } from '../../src/ipam/pools.ts'
import { SharedNetworks } from '../../src/ipam/shared-networks.ts'
import { contains, parseCidr } from '../../src/model/address.ts'
import type { ClusterNetwork } from '../../src/model/network.ts'
import { LOCAL_SPACE } from '../../src/model/pool.ts'
import { eventually } from '../support/eventually.ts'
import { MemoryCluster, MemoryServer } from '../support/memory-cluster.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { surroundings } from '../support/surroundings.ts'

const RETIREMENT = 1000
const POOL = '10.1.0.0/24'

function network(id = 'n1', pool = POOL): ClusterNetwork {
	const gateway = pool.replace('.0/', '.1/')
	const reserved = { printer: pool.replace('.0/', '.9/') }
	return {
		id,
		subnets: [{ pool, gateway, reserved }],
		options: { mode: 'overlay' },
		internal: false,
		blocks: { 4: 26, 6: 122 },
	}
}

/** Hosts on one cluster, whose time passes when a test says so. */
function scene() {
	const clock = { time: 0 }
	const server = new MemoryServer(() => clock.time * 1000)
	const keys = (prefix = 'weft/') => server.entries(prefix).map(({ key }) => key)
	return { clock, server, keys, admin: new MemoryCluster(server) }
}

type World = ReturnType<typeof scene>

/** weftd on a host; with the store of a former one it is started again. */
function start({ server, clock }: World, name: string, store = new MemoryStore(), id = 'b1') {
	const cluster = new MemoryCluster(server)
	const boot = { id, uptime: () => clock.time }
	const member = new Member(cluster, store, boot, { name, address: '192.0.2.1' }, RETIREMENT)
	const told = { lost: [] as string[], due: 0 }
	const networks = new SharedNetworks(cluster, member, store, {
		due: () => told.due++,
		lost: (what) => told.lost.push(what),
		changed: () => undefined,
	})
	const ipam = new Ipam(store, parsePoolBases('10.210.0.0/16:24'), surroundings(), networks)
	ipam.load()
	const poolId = `${LOCAL_SPACE}/${POOL}`
	const request = (address?: string) => ipam.requestAddress({ poolId, kind: 'endpoint', ...(address && { address }) })
	const tend = async () => {
		await member.heartbeat()
		await networks.tend()
	}
	return { cluster, member, store, networks, ipam, told, id: poolId, request, tend }
}

type Weftd = ReturnType<typeof start>

/** `docker network create`, as far as addresses are concerned. */
async function create({ ipam, networks }: Weftd, what = network()): Promise<void> {
	for (const { pool, gateway, reserved } of what.subnets) {
		const { id } = await ipam.requestPool({ space: LOCAL_SPACE, family: 4, pool })
		for (const address of [gateway, ...Object.values(reserved)]) {
			const kind = address === gateway ? 'gateway' : 'endpoint'
			await ipam.requestAddress({ poolId: id, address: address?.split('/')[0] ?? '', kind })
		}
	}
	await networks.enter(what)
}

async function two() {
	const world = scene()
	const [a, b] = [start(world, 'a'), start(world, 'b')]
	for (const each of [a, b]) await create(each)
	return { world, a, b }
}

const refusal = (code: Parameters<typeof isCode>[1], words: RegExp) => (error: unknown) => {
	return isCode(error, code) && words.test(error.message)
}

test('hosts give addresses of one subnet out of blocks of their own, with its length, and never the gateway', async () => {
	const { a, b, world } = await two()
	const given = await Promise.all([a, b, a, b, a, b].map((each) => each.request()))
	assert.equal(new Set(given).size, 6)
	for (const each of given) assert.match(each, /^10\.1\.0\.\d+\/24$/)
	const [mine, theirs] = [a, b].map((each) => each.networks.own('n1').blocks)
	assert.ok(mine?.length === 1 && theirs?.length === 1 && mine[0] !== theirs[0])
	assert.deepEqual(
		world.keys('weft/block/'),
		[mine[0], theirs[0]].sort().map((each) => `weft/block/${POOL}/${each}`),
	)
	for (const address of ['10.1.0.1', '10.1.0.9']) await assert.rejects(b.request(address), refusal('in-use', /already/))
})

test('what the cluster has of a network grows with its hosts, not with its containers', async () => {
	const world = scene()
	const pool = '10.0.0.0/16'
	const hosts = Array.from({ length: 100 }, (_, i) => start(world, `h${i}`))
	const give = ({ ipam }: Weftd, address?: string) => {
		return ipam.requestAddress({ poolId: `${LOCAL_SPACE}/${pool}`, kind: 'endpoint', ...(address && { address }) })
	}
	const given = new Set<string>()
	for (const host of hosts) {
		await create(host, network('n1', pool))
		for (let i = 0; i < 100; i++) given.add(await give(host))
		await host.tend()
	}
	assert.equal(given.size, 10_000)
	// The network, its pool, and the key that changes with each pool; of each host two of its own, that it has the network, and
	// two blocks of 64 addresses, and one ahead.
	const most = 3 + hosts.length * (2 + 1 + 3)
	assert.ok(world.keys().length <= most, `${world.keys().length} keys`)
	const before = world.keys().length
	await give(hosts[0] as Weftd, '10.0.255.9')
	assert.equal(world.keys().length, before + 1, 'but for one that is chosen where nobody has a block')
})

test('what is given without the cluster is given on; what needs it is refused, with what is missing', async () => {
	const { a, b } = await two()
	await a.request()
	for (const each of [a, b]) each.cluster.fault = 'cut'
	assert.match(await a.request(), /^10\.1\.0\./)
	await assert.rejects(b.request(), refusal('unreachable', /etcd gives no answer/))
	await assert.rejects(create(a, network('n2', '10.2.0.0/24')), refusal('unreachable', /etcd gives no answer/))
	b.cluster.fault = undefined
	assert.match(await b.request(), /^10\.1\.0\./)
})

test('a container that Docker starts at boot has its address, before the first beat of its host', async () => {
	const { a, world } = await two()
	const [given = ''] = (await a.request()).split('/')
	const restarted = start(world, 'a', a.store, 'b2')
	assert.equal(restarted.member.membership, undefined)
	restarted.cluster.fault = 'cut'
	await assert.rejects(restarted.request(), refusal('unreachable', /^etcd gives no answer/))
	await assert.rejects(restarted.request(given), refusal('unreachable', /^etcd gives no answer/))
	restarted.cluster.fault = undefined
	await restarted.ipam.releaseAddress(restarted.id, given)
	assert.equal(await restarted.request(given), `${given}/24`)
	const again = start(world, 'a', a.store, 'b3')
	assert.match(await again.request(), /^10\.1\.0\./)
})

test('an address of choice is had wherever it lies, while its host looks after its blocks', async () => {
	const { a, b } = await two()
	const [first] = [await a.request()]
	const free = first.replace(/\d+\/24$/, (last) => `${Number.parseInt(last, 10) + 5}`)
	let over = false
	const asking = b.request(free).finally(() => {
		over = true
	})
	while (!over) {
		a.networks.changed([`weft/wanted/${POOL}/${free}`])
		await a.tend()
		await new Promise((resolve) => setTimeout(resolve, 5))
	}
	assert.equal(await asking, `${free}/24`)
	assert.deepEqual(b.networks.own('n1').addresses, [free])
	await assert.rejects(a.request(free), refusal('in-use', /already in use/))
	await b.ipam.releaseAddress(b.id, free)
	await b.tend()
	a.networks.lookAround()
	await a.tend()
	assert.equal(await a.request(free), `${free}/24`)
})

test('only what is wanted of this host is looked after at once', async () => {
	const { a, b } = await two()
	await a.request()
	await b.request()
	const [mine = ''] = a.networks.own('n1').blocks
	const [theirs = ''] = b.networks.own('n1').blocks
	const before = a.told.due
	a.networks.changed([
		`weft/wanted/${POOL}/${theirs.replace('/26', '')}`,
		`weft/block/${POOL}/${theirs}`,
		'weft/node/b',
	])
	assert.equal(a.told.due, before)
	a.networks.changed([`weft/wanted/${POOL}/${mine.replace('/26', '')}`])
	assert.equal(a.told.due, before + 1)
})

test('the network goes host by host, and with the last one everything', async () => {
	const { a, b, world } = await two()
	for (const each of [a, b]) await each.request()
	await a.ipam.releasePool(a.id)
	assert.deepEqual(world.keys('weft/on/'), ['weft/on/n1/b'])
	assert.equal(world.keys('weft/block/').length, 1)
	assert.deepEqual(
		a.store.names().filter((name) => !name.startsWith('membership')),
		[],
	)
	await b.ipam.releasePool(b.id)
	assert.deepEqual(world.keys(), ['weft/node/a', 'weft/node/b', 'weft/pool/', 'weft/present/a', 'weft/present/b'])
	await create(a, network('n2', '10.1.0.0/25'))
})

test('a network that went while the cluster was away goes there when it is back, also after a start', async () => {
	const { a, b, world } = await two()
	for (const each of [a, b]) await each.request()
	for (const each of [a, b]) each.cluster.fault = 'cut'
	await a.ipam.releasePool(a.id)
	await b.ipam.releasePool(b.id)
	assert.equal(world.keys('weft/block/').length, 2)
	a.cluster.fault = undefined
	await a.tend()
	await start(world, 'b', b.store).tend()
	assert.deepEqual(world.keys('weft/block/'), [])
	assert.deepEqual(world.keys('weft/network/'), [])
})

test('a call to make it that breaks off leaves nothing in the cluster', async () => {
	const world = scene()
	const a = start(world, 'a')
	await a.member.heartbeat()
	const transaction = a.cluster.transaction.bind(a.cluster)
	a.cluster.transaction = (...call) => {
		a.cluster.fault = 'deaf'
		return transaction(...call)
	}
	await assert.rejects(create(a), refusal('unreachable', /etcd gives no answer/))
	assert.deepEqual(world.keys('weft/network/'), ['weft/network/n1'])
	a.cluster.transaction = transaction
	a.cluster.fault = undefined
	await a.ipam.releasePool(a.id)
	await a.tend()
	assert.deepEqual(world.keys('weft/network/'), [])
	assert.deepEqual(world.keys('weft/pool/'), ['weft/pool/'])
})

test('entering again is the same, and with other settings refused', async () => {
	const { a, world } = await two()
	const { revision } = world.server
	await a.networks.enter(network())
	assert.equal(world.server.revision, revision)
	await assert.rejects(
		a.networks.enter({ ...network(), internal: true }),
		refusal('exists', /already, with other settings/),
	)
})

test('a subnet of another IPAM, or a range smaller than a block, is refused, and nothing is claimed', async () => {
	const world = scene()
	const a = start(world, 'a')
	await assert.rejects(a.networks.enter(network()), refusal('invalid', /10\.1\.0\.0\/24 .* needs --ipam-driver weft$/))
	await a.ipam.requestPool({ space: LOCAL_SPACE, family: 4, pool: POOL, range: '10.1.0.64/27' })
	await assert.rejects(
		a.networks.enter(network()),
		refusal('invalid', /range 10\.1\.0\.64\/27 is smaller than .*\/26$/),
	)
	assert.deepEqual(world.keys('weft/network/'), [])
})

test('blocks are claimed inside of the range, and addresses of choice anywhere', async () => {
	const world = scene()
	const a = start(world, 'a')
	const range = '10.1.0.128/25'
	const { id } = await a.ipam.requestPool({ space: LOCAL_SPACE, family: 4, pool: POOL, range })
	await a.networks.enter(network())
	const given = await a.ipam.requestAddress({ poolId: id, kind: 'endpoint' })
	assert.ok(contains(parseCidr(range), parseCidr(given)), given)
	assert.equal(await a.ipam.requestAddress({ poolId: id, kind: 'endpoint', address: '10.1.0.5' }), '10.1.0.5/24')
})

test('a host that was forgotten and comes back has its networks and addresses again, where nobody else has them', async () => {
	const { world, a, b } = await two()
	const mine = await a.request()
	world.clock.time += 40
	await forget(world.admin, 'a')
	assert.equal(world.keys('weft/block/').length, 0)
	for (const each of [a, b]) await each.tend()
	assert.deepEqual(world.keys('weft/on/'), ['weft/on/n1/a', 'weft/on/n1/b'])
	assert.deepEqual(a.told.lost, [])
	assert.notEqual(await a.request(), mine)
	assert.equal(world.keys('weft/block/').length, 1)
})

test('a host whose network went meanwhile, and whose subnet another one has, gives nothing of it any more', async () => {
	const world = scene()
	const [a, b] = [start(world, 'a'), start(world, 'b')]
	await create(a)
	await a.request()
	await b.member.heartbeat()
	world.clock.time += 40
	await forget(world.admin, 'a')
	await b.member.heartbeat()
	await create(b, network('n2'))
	const theirs = await b.request()
	await a.tend()
	await a.tend()
	assert.equal(a.told.lost.length, 1)
	assert.match(a.told.lost[0] ?? '', /^the network n1: the subnet 10\.1\.0\.0\/24 overlaps with .*the network n2/)
	await assert.rejects(a.request(), refusal('exists', /which the network n2 of the cluster has/))
	assert.deepEqual(world.keys('weft/on/'), ['weft/on/n2/b'])
	assert.equal(world.keys('weft/block/').length, 1)
	assert.match(theirs, /^10\.1\.0\./)
	assert.deepEqual(a.networks.own('n1').blocks, [])
})

test('without WEFT_CLUSTER such a pool gives nothing, says why, and can be released', async () => {
	const { a } = await two()
	await a.request()
	const ipam = new Ipam(a.store, parsePoolBases('10.210.0.0/16:24'), surroundings())
	ipam.load()
	const words = /^the subnet 10\.1\.0\.0\/24 is shared .*; set WEFT_CLUSTER as it was when it got network n1$/
	await assert.rejects(ipam.requestAddress({ poolId: a.id, kind: 'endpoint' }), refusal('unreachable', words))
	await ipam.releaseAddress(a.id, '10.1.0.70')
	await ipam.releasePool(a.id)
	assert.deepEqual(
		a.store.names().filter((name) => !name.startsWith('membership')),
		[],
	)
})

test('keys of others in the cluster keep nobody from looking after addresses', async () => {
	const { a, b, world } = await two()
	await a.request()
	const bad = ['block', 'address', 'wanted'].flatMap((kind) => [
		{ key: `weft/${kind}/${POOL}/nonsense`, value: 'x' },
		{ key: `weft/${kind}/nonsense`, value: '{' },
		{ key: `weft/${kind}/${POOL}/10.1.0.77`, value: '[]' },
	])
	world.server.transact([], [...bad, { key: 'weft/pool/nonsense', value: '' }, { key: 'weft/on/nonsense', value: '' }])
	for (const each of [a, b]) {
		each.networks.lookAround()
		await each.tend()
		assert.match(await each.request(), /^10\.1\.0\./)
	}
})

test('requests at the same moment, on hosts that have no block yet, each get one address', async (t: TestContext) => {
	const { a, b } = await two()
	const given = await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? a : b).request()))
	assert.equal(new Set(given).size, 40)
	t.diagnostic(`${a.networks.own('n1').blocks.length + b.networks.own('n1').blocks.length} blocks`)
})

test('a pool that is released while another one is looked after is looked after no more, and keeps nobody', async () => {
	const world = scene()
	const a = start(world, 'a')
	const other = `${LOCAL_SPACE}/10.2.0.0/24`
	for (const each of [network(), network('n2', '10.2.0.0/24')]) await create(a, each)
	for (const poolId of [a.id, other]) await a.ipam.requestAddress({ poolId, kind: 'endpoint' })
	await a.tend()
	const { range } = a.cluster
	a.cluster.range = async (prefix) => {
		a.cluster.range = range
		await a.ipam.releasePool(other)
		return await a.cluster.range(prefix)
	}
	a.networks.changed(world.keys('weft/block/'))
	await a.networks.tend()
	assert.equal(a.cluster.range, range)
	assert.deepEqual(world.keys('weft/on/'), ['weft/on/n1/a'])
	await a.networks.tend()
})

test('calls that come while the cluster is silent wait for one silence together, and not one after the other', async () => {
	const { a } = await two()
	let asked = 0
	let answer = () => undefined as unknown
	const silence = new Promise<never>((_, reject) => {
		answer = () => reject(new WeftError('unreachable', 'etcd gives no answer'))
	})
	const { get, range } = a.cluster
	a.cluster.get = a.cluster.range = () => {
		asked++
		return silence
	}
	const ids = ['n2', 'n3', 'n4']
	const calls = [
		...[1, 2, 3].map(() => a.request()),
		...ids.map((id, n) => create(a, network(id, `10.${n + 2}.0.0/24`))),
	]
	// A block for the requests, and the first of the networks.
	await eventually(() => asked === 2)
	answer()
	for (const each of await Promise.allSettled(calls)) {
		assert.ok(each.status === 'rejected' && isCode(each.reason, 'unreachable'))
	}
	assert.equal(asked, 2)
	Object.assign(a.cluster, { get, range })
	assert.match(await a.request(), /^10\.1\.0\./)
	await a.networks.enter(network('n4', '10.4.0.0/24'))
})
