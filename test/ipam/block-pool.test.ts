/** A pool of four blocks with four addresses each, of which the gateway is in the first, and the hosts that share it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contains, parseCidr, parseIp } from '../../src/model/address.ts'
import { POOL, RETIREMENT, requestFrom, setFault, type TestHost, World } from './hosts.ts'

async function scene(size = 2): Promise<{ world: World; hosts: TestHost[]; a: TestHost; b: TestHost }> {
	const world = new World(Array.from({ length: size }, () => 1))
	for (const each of world.hosts) await each.beat()
	const [a, b] = world.hosts
	assert.ok(a && b)
	return { world, hosts: [...world.hosts], a, b }
}

function blocksOf(host: TestHost): string[] {
	return host.store.list('block', POOL).map(({ block }) => block)
}

function claimed(world: World): string[] {
	return world.server.entries('weft/block/').map(({ key }) => key.slice(`weft/block/${POOL}/`.length))
}

async function fill(host: TestHost, count: number): Promise<string[]> {
	const given: string[] = []
	for (let n = 0; n < count; n++) given.push((await host.request()) ?? `refused: ${host.refusal}`)
	return given
}

/** What every host does every few seconds. */
async function round(world: World): Promise<void> {
	for (const each of world.hosts) {
		await each.beat()
		await each.tend()
	}
}

test('each host gives out of blocks of its own, and says so to nobody', async () => {
	const { world, a, b } = await scene()
	const given = [...(await fill(a, 2)), ...(await fill(b, 2))]
	assert.equal(new Set(given).size, 4)
	assert.equal(claimed(world).length, 2)
	const [mine = ''] = blocksOf(a)
	for (const [n, address] of given.entries()) assert.equal(contains(parseCidr(mine), parseIp(address)), n < 2)
	const { revision } = world.server
	await a.request()
	assert.equal(world.server.revision, revision)
})

test('the gateway, the network and its broadcast address are given to nobody', async () => {
	const { world, a } = await scene()
	const given = await fill(a, 14)
	assert.deepEqual(given.filter((each) => each.startsWith('refused')).length, 1)
	for (const address of ['10.0.0.0', '10.0.0.1', '10.0.0.15']) assert.ok(!given.includes(address))
	assert.match(a.refusal, /^no block is left in the subnet 10\.0\.0\.0\/28: h0 have them all$/)
	await requestFrom(world, a, '10.0.0.1')
	assert.equal(a.refusal, 'the address 10.0.0.1 is already in use')
})

test('without the cluster a host gives what it has claimed, one block ahead, and then says what is missing', async () => {
	const { world, a } = await scene()
	// Which block is the first depends on its name.
	await fill(a, 1)
	while (blocksOf(a).length < 2) {
		await a.request()
		await round(world)
	}
	setFault(a, 'cut')
	assert.ok(await a.request())
	await fill(a, 10)
	assert.match(a.refusal, /^etcd gives no answer/)
	const { size } = a.containers
	await a.release(0)
	assert.ok(await a.request())
	assert.equal(a.containers.size, size)
	a.restart()
	await a.release(0)
	assert.ok(await a.request())
})

test('blocks that are empty are given back, but one', async () => {
	const { world, a } = await scene()
	await fill(a, 9)
	const before = claimed(world).length
	assert.ok(before >= 3)
	while (a.containers.size > 0) await a.release(0)
	for (let n = 0; n < 4; n++) await round(world)
	assert.equal(claimed(world).length, 1)
	assert.deepEqual(blocksOf(a), claimed(world))
})

test('an address of a block that nobody has is had at once, on any host, and by one', async () => {
	const { world, a, b } = await scene()
	assert.equal(await a.request('10.0.0.6'), '10.0.0.6')
	assert.deepEqual(claimed(world), [])
	assert.equal(await b.request('10.0.0.6'), undefined)
	assert.equal(b.refusal, 'the address 10.0.0.6 is already in use on the host h0')
	// Whoever claims the block gives all but that one.
	const given = await fill(b, 13)
	assert.ok(!given.includes('10.0.0.6'))
	assert.equal(given.filter((each) => !each.startsWith('refused')).length, 12)
	await a.release(0)
	await round(world)
	await round(world)
	assert.equal(await b.request(), '10.0.0.6')
})

test('an address of another host’s block is had when that host has it free, and refused with its name when not', async () => {
	const { world, a, b } = await scene()
	const [theirs = ''] = await fill(b, 1)
	await requestFrom(world, a, theirs)
	assert.equal(a.refusal, `the address ${theirs} is already in use on the host h1`)
	assert.deepEqual([...a.containers], [])
	await b.release(0)
	await requestFrom(world, a, theirs)
	assert.deepEqual([...a.containers], [theirs])
	const given = await fill(b, 13)
	assert.ok(!given.includes(theirs) && given.some((each) => each.startsWith('refused')))
	b.restart()
	assert.equal(await b.request(), undefined)
	await a.release(0)
	await round(world)
	await round(world)
	assert.equal(await b.request(), theirs)
})

test('an address of the block of a host that does not answer is refused with its name', async () => {
	const { a, b } = await scene()
	const [theirs = ''] = await fill(b, 1)
	await b.release(0)
	setFault(b, 'cut')
	assert.equal(await a.request(theirs), undefined)
	assert.equal(a.refusal, `the address ${theirs} is in a block of the host h1, which does not answer`)
	setFault(b, undefined)
	await b.tend()
	assert.equal(await b.request(theirs), theirs)
})

test('a host that lost its block while it was about to lend from it does not', async () => {
	const { world, a, b } = await scene(3)
	const c = world.hosts[2]
	assert.ok(c)
	const [theirs = ''] = await fill(b, 1)
	const block = blocksOf(b)[0] ?? ''
	await b.release(0)
	const asking = a.request(theirs)
	while (world.server.entries('weft/wanted/').length === 0) await new Promise(setImmediate)
	const lender = b.cluster
	assert.ok(lender)
	const transaction = lender.transaction.bind(lender)
	lender.transaction = async (conditions, writes) => {
		if (writes.some(({ key }) => key.startsWith('weft/address/'))) {
			// At the last moment: its membership ends, and another host has the whole block.
			const { lease = '' } = world.server.entries('weft/block/')[0] ?? {}
			world.server.revoke(lease)
			while (!blocksOf(c).includes(block)) await c.request()
		}
		return await transaction(conditions, writes)
	}
	await b.tend()
	lender.transaction = transaction
	await asking
	const all = world.hosts.flatMap((each) => each.held())
	assert.equal(new Set(all).size, all.length, all.join(' '))
	assert.deepEqual([...a.containers], [])
})

test('the blocks of a host that is forgotten are others’, and when it comes back it uses none of them', async () => {
	const { world, a, b } = await scene()
	const given = await fill(a, 3)
	a.powerOff()
	world.wait(31)
	await a.beForgotten()
	const others = await fill(b, 13)
	for (const address of given) assert.ok(others.includes(address))

	setFault(a, 'cut')
	a.powerOn()
	assert.equal(await a.request(), undefined)
	assert.match(
		a.refusal,
		/^this host, h0, has not reached the cluster since its boot .* its addresses may be another host’s by now$/,
	)
	setFault(a, undefined)
	await a.beat()
	assert.equal(await a.request(), undefined)
	assert.match(a.refusal, /h1 have them all/)
	await a.tend()
	assert.deepEqual([blocksOf(a), a.held()], [[], []])
	while (b.containers.size > 5) await b.release(0)
	await round(world)
	await round(world)
	assert.ok(await a.request())
})

test('a host that was cut off for too long gives nothing, and has its addresses again where nobody has taken them', async () => {
	const { world, a, b } = await scene()
	const kept = await fill(a, 5)
	setFault(a, 'cut')
	world.wait(RETIREMENT * 0.79)
	assert.deepEqual(a.held().sort(), kept.toSorted())
	world.wait(RETIREMENT * 0.3)
	assert.deepEqual(a.held(), [])
	assert.equal(await a.request(), undefined)
	await b.beat()
	const [taken = ''] = await fill(b, 1)
	const inBlock = (address: string) => contains(parseCidr(blocksOf(b)[0] ?? ''), parseIp(address))
	assert.ok(!kept.includes(taken) || kept.some((each) => !inBlock(each)))
	setFault(a, undefined)
	await round(world)
	assert.deepEqual(a.held().sort(), kept.filter((each) => !inBlock(each)).sort())
	assert.deepEqual([...a.containers].sort(), a.held().sort())
})

/** Has something happen at the last moment before the host writes such a key, once. */
function before(host: TestHost, key: string, event: () => Promise<unknown>): void {
	const { cluster } = host
	assert.ok(cluster)
	const transaction = cluster.transaction.bind(cluster)
	cluster.transaction = async (conditions, writes) => {
		if (writes.some((each) => each.key.startsWith(key))) {
			cluster.transaction = transaction
			await event()
		}
		return await transaction(conditions, writes)
	}
}

test('an address whose block was claimed at the last moment is asked for there', async () => {
	const { a, b } = await scene()
	const given: string[] = []
	before(a, 'weft/address/', async () => {
		given.push(...(await fill(b, 13)))
		await b.tend()
	})
	assert.equal(await a.request('10.0.0.6'), undefined)
	assert.ok(given.includes('10.0.0.6'))
	assert.deepEqual(a.held(), [])
})

test('nothing is given from a block while it is given back', async () => {
	const { world, a, b } = await scene()
	await fill(a, 5)
	while (a.containers.size > 0) await a.release(0)
	let late: string | undefined
	const [first = '', second = ''] = blocksOf(a)
	assert.notEqual(second, '')
	before(a, 'weft/block/', async () => {
		late = await a.request()
	})
	await a.tend()
	assert.ok(late !== undefined)
	assert.equal(claimed(world).length, 1)
	assert.deepEqual(a.held(), [late])
	assert.ok([first, second].some((each) => contains(parseCidr(each), parseIp(late ?? ''))))
	assert.ok(!(await fill(b, 13)).includes(late))
})

test('a single address that is asked for again while it is given back is had', async () => {
	const { world, a, b } = await scene()
	assert.equal(await a.request('10.0.0.6'), '10.0.0.6')
	await a.release(0)
	before(a, 'weft/address/', () => a.request('10.0.0.6'))
	await a.tend()
	assert.deepEqual(a.held(), ['10.0.0.6'])
	assert.equal(world.server.entries('weft/address/').length, 1)
	assert.ok(!(await fill(b, 13)).includes('10.0.0.6'))
})

test('what is wanted of a cluster that goes silent is not waited for once more when it is withdrawn', async () => {
	const { world, a, b } = await scene()
	const [theirs = ''] = await fill(b, 1)
	await b.release(0)
	const { cluster } = a
	assert.ok(cluster)
	const withdrawn: string[] = []
	cluster.revoke = (lease) => {
		withdrawn.push(lease)
		return new Promise(() => undefined)
	}
	const asking = a.request(theirs)
	while (world.server.entries('weft/wanted/').length === 0) await new Promise(setImmediate)
	setFault(a, 'cut')
	assert.equal(await asking, undefined)
	assert.match(a.refusal, /^etcd gives no answer/)
	assert.equal(withdrawn.length, 1)
})
