/** The verbs as Docker uses them, one promise for each test; each refusal stands beside what is accepted. */
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { isCode, type WeftError } from '../../src/errors.ts'
import { Ipam } from '../../src/ipam/ipam.ts'
import { parsePoolBases } from '../../src/ipam/pools.ts'
import type { Surroundings } from '../../src/ipam/verbs.ts'
import { type Cidr, overlaps, parseCidr } from '../../src/model/address.ts'
import type { Network } from '../../src/model/network.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { surroundings } from '../support/surroundings.ts'

const BASES = parsePoolBases('10.210.0.0/16:24,fd77:6566:7400::/48:64')

let store = new MemoryStore()
let ipam = new Ipam(store, BASES, surroundings())

beforeEach(() => {
	store = new MemoryStore()
	ipam = start()
})

function start(bases = BASES, occupied: readonly string[] = [], own: readonly string[] = []): Ipam {
	const started = new Ipam(store, bases, surroundings(occupied.map(parseCidr), own))
	started.load()
	return started
}

const v4 = { space: 'weft-local', family: 4 } as const
const v6 = { space: 'weft-local', family: 6 } as const

async function poolOf(pool: string, range?: string): Promise<string> {
	const family = pool.includes(':') ? v6 : v4
	return (await ipam.requestPool({ ...family, pool, ...(range === undefined ? {} : { range }) })).id
}

const next = (poolId: string) => ipam.requestAddress({ poolId, kind: 'endpoint' })
const ask = (poolId: string, address: string) => ipam.requestAddress({ poolId, address, kind: 'endpoint' })

function refused(work: Promise<unknown>, code: WeftError['code'], words: RegExp): Promise<void> {
	return assert.rejects(work, (error) => isCode(error, code) && words.test(error.message) && !/\n/.test(error.message))
}

describe('pools', () => {
	test('a pool that weft chooses comes from WEFT_POOLS, and its id says what it is', async () => {
		assert.deepEqual(await ipam.requestPool(v4), { id: 'weft-local/10.210.0.0/24', pool: '10.210.0.0/24' })
		assert.deepEqual(await ipam.requestPool(v6), {
			id: 'weft-local/fd77:6566:7400::/64',
			pool: 'fd77:6566:7400::/64',
		})
		assert.equal(await poolOf('10.9.0.7/24', '10.9.0.64/26'), 'weft-local/10.9.0.0/24/10.9.0.64/26')
	})

	test('a chosen pool overlaps neither with routes nor with nameservers of the host, as they are at that moment', async () => {
		const occupied: Cidr[] = ['10.210.0.0/23', '10.210.3.53/32', 'fd77:6566:7400::/63'].map(parseCidr)
		ipam = new Ipam(store, BASES, surroundings(occupied))
		assert.equal((await ipam.requestPool(v4)).pool, '10.210.2.0/24')
		assert.equal((await ipam.requestPool(v4)).pool, '10.210.4.0/24')
		assert.equal((await ipam.requestPool(v6)).pool, 'fd77:6566:7400:2::/64')
		occupied.push(parseCidr('10.210.0.0/18'))
		assert.equal((await ipam.requestPool(v4)).pool, '10.210.64.0/24')
	})

	test('dockerd that dislikes a pool and asks again gets another each time, and an error when there is none', async () => {
		ipam = start(parsePoolBases('10.210.0.0/20:24'))
		const answers: string[] = []
		for (let i = 0; i < 16; i++) answers.push((await ipam.requestPool(v4)).id)
		assert.equal(new Set(answers).size, 16)
		await refused(
			ipam.requestPool(v4),
			'exhausted',
			/no free IPv4 subnet is left in WEFT_POOLS \(10\.210\.0\.0\/20:24\)/,
		)
		await refused(ipam.requestPool(v6), 'exhausted', /IPv6 .*none of this family/)
		// It releases those it collected; then there is room again.
		for (const id of answers) await ipam.releasePool(id)
		assert.equal((await ipam.requestPool(v4)).id, answers[0])
	})

	test('an explicit pool must be free of every other pool, in whatever space, and may be had again afterwards', async () => {
		const id = await poolOf('10.9.0.0/24')
		for (const pool of ['10.9.0.0/24', '10.9.0.128/25', '10.0.0.0/8']) {
			await refused(ipam.requestPool({ ...v4, pool }), 'exists', /overlaps with 10\.9\.0\.0\/24/)
			if (pool === '10.9.0.0/24') continue
			await refused(ipam.requestPool({ ...v4, space: 'weft-global', pool }), 'exists', /overlaps/)
		}
		await refused(ipam.requestPool({ ...v4, pool: '10.9.0.0/24', range: '10.9.0.0/25' }), 'exists', /overlaps/)
		await poolOf('10.9.1.0/24')
		await ipam.releasePool(id)
		assert.equal(await poolOf('10.9.0.0/24'), id)
	})

	test('a node has the subnet that Swarm’s manager has, and its addresses, and each releases its own', async () => {
		const { id: swarms, pool } = await ipam.requestPool({ space: 'weft-global', family: 4 })
		const task = (await next(swarms)).split('/')[0] ?? ''
		const nodes = await poolOf(pool)
		assert.notEqual(nodes, swarms)
		await ask(nodes, task)
		await refused(ask(nodes, task), 'in-use', /already in use/)
		await refused(ipam.requestPool({ ...v4, pool }), 'exists', /overlaps/)
		await ipam.releasePool(nodes)
		assert.deepEqual([store.list('lease', nodes).length, store.list('lease', swarms).length], [0, 1])
		assert.equal(await poolOf(pool), nodes)
		await ipam.releasePool(swarms)
		assert.deepEqual(
			store.list('pool', '').map(({ id }) => id),
			[nodes],
		)
	})

	test('Swarm’s manager, when it starts, has again what it has', async () => {
		const { id, pool } = await ipam.requestPool({ space: 'weft-global', family: 4 })
		const address = await next(id)
		ipam = start()
		assert.deepEqual(await ipam.requestPool({ space: 'weft-global', family: 4, pool }), { id, pool })
		assert.equal(await ask(id, address.split('/')[0] ?? ''), address)
		assert.notEqual(await next(id), address)
		await refused(ipam.requestPool({ space: 'weft-global', family: 4, pool, range: pool }), 'exists', /overlaps/)
	})

	test('a node that has forgotten a network of Swarm’s has its subnet and addresses again, and no other network’s', async () => {
		const ids = [await poolOf('10.9.0.0/24'), await poolOf('10.9.1.0/24')] as const
		for (const [place, id] of ['x5k1c0v3nd8w7q2m4b6z9a0ty', 'ab'.repeat(32)].entries()) {
			await ask(ids[place] ?? '', `10.9.${place}.2`)
			const network = { id, ipv4: [{ pool: `10.9.${place}.0/24`, reserved: {} }], ipv6: [] }
			await store.commit([{ kind: 'network', group: '', id, value: network as unknown as Network }])
		}
		assert.equal(await poolOf('10.9.0.0/24'), ids[0])
		assert.equal(await ask(ids[0], '10.9.0.2'), '10.9.0.2/24')
		await refused(poolOf('10.9.1.0/24'), 'exists', /overlaps/)
		await refused(ask(ids[1], '10.9.1.2'), 'in-use', /already in use/)
		await refused(poolOf('10.9.0.0/24', '10.9.0.0/25'), 'exists', /overlaps/)
	})

	test('an explicit pool may be one that the host routes already: macvlan on the own LAN', async () => {
		ipam = start(BASES, ['192.168.1.0/24'])
		assert.equal(await poolOf('192.168.1.0/24'), 'weft-local/192.168.1.0/24')
	})

	test('a chosen pool keeps clear of an explicit one', async () => {
		await poolOf('10.210.0.0/24')
		await poolOf('10.210.1.128/25')
		assert.equal((await ipam.requestPool(v4)).pool, '10.210.2.0/24')
	})

	test('what is not a pool is refused and leaves nothing', async () => {
		for (const pool of ['', 'x', '10.0.0.0', '10.0.0.0/33', '10.0.0.0/8/8', '10.0.0.0/24\n', "10.0.0.0/24'; drop"]) {
			await refused(ipam.requestPool({ ...v4, pool }), 'invalid', /./)
		}
		await refused(ipam.requestPool({ ...v4, pool: '127.0.0.0/8' }), 'invalid', /which no network can use/)
		await refused(ipam.requestPool({ ...v4, pool: 'fd00::/64' }), 'invalid', /is not IPv4/)
		await refused(ipam.requestPool({ ...v4, pool: '10.9.0.0/24', range: '10.8.0.0/25' }), 'invalid', /is not inside/)
		await refused(ipam.requestPool({ ...v4, range: '10.8.0.0/25' }), 'invalid', /is not inside/)
		assert.equal(store.commits.length, 0)
		assert.equal(await poolOf('10.9.0.0/24', '10.9.0.0/25'), 'weft-local/10.9.0.0/24/10.9.0.0/25')
	})

	test('an address space with a hostile name is refused, since its name becomes the name of records', async () => {
		for (const space of ['', 'a!b', 'a/b', 'a\nb', '\ud800', 'x'.repeat(65), '{ drop table }']) {
			await refused(ipam.requestPool({ ...v4, space }), 'invalid', /address space/)
		}
		assert.equal(store.commits.length, 0)
		assert.equal((await ipam.requestPool({ ...v4, space: 'Weft_local-1.x' })).id, 'Weft_local-1.x/10.210.0.0/24')
	})

	test('releasing a pool frees every address in it, and releasing it again or the unknown succeeds', async () => {
		const id = await poolOf('10.9.0.0/29')
		await Promise.all([next(id), next(id), ask(id, '10.9.0.6')])
		await ipam.releasePool(id)
		await ipam.releasePool(id)
		await ipam.releasePool('weft-local/10.1.0.0/24')
		await ipam.releasePool("no'such\n!pool")
		assert.deepEqual(store.list('lease', id), [])
		assert.deepEqual(store.list('pool', ''), [])
		await refused(next(id), 'not-found', /there is no address pool "weft-local\/10\.9\.0\.0\/29"/)
		await poolOf('10.9.0.0/29')
		assert.equal(await ask(id, '10.9.0.6'), '10.9.0.6/29')
	})

	test('when the host cannot be asked for its routes, nothing is given and the next call is not held up', async () => {
		let fails = true
		ipam = new Ipam(store, BASES, {
			...surroundings(),
			occupied: async () => (fails ? Promise.reject(new Error('netlink is gone')) : []),
		})
		await assert.rejects(ipam.requestPool(v4), /netlink is gone/)
		fails = false
		assert.equal((await ipam.requestPool(v4)).pool, '10.210.0.0/24')
	})
})

describe('addresses of this host', () => {
	const own = ['10.9.0.1', '10.9.0.3', 'fd00:9::2']

	test('are given to no container of a subnet that was named, and to whom they are set aside for', async () => {
		ipam = start(BASES, [], own)
		const [four, six] = [await poolOf('10.9.0.0/29'), await poolOf('fd00:9::/126')]
		assert.deepEqual(
			[await next(four), await next(four), await next(four)],
			['10.9.0.2/29', '10.9.0.4/29', '10.9.0.5/29'],
		)
		assert.deepEqual([await next(six), await next(six)], ['fd00:9::1/126', 'fd00:9::3/126'])
		assert.equal(await next(four), '10.9.0.6/29')
		await refused(next(four), 'exhausted', /no address is left in the subnet 10\.9\.0\.0\/29/)
		assert.equal(await ask(four, '10.9.0.3'), '10.9.0.3/29')
		await ipam.releaseAddress(four, '10.9.0.2')
		assert.equal(await next(four), '10.9.0.2/29')
	})

	test('may be the gateway that weft chooses, as that of a bridge which was there', async () => {
		ipam = start(BASES, [], own)
		const id = await poolOf('10.9.0.0/29')
		assert.equal(await ipam.requestAddress({ poolId: id, kind: 'gateway' }), '10.9.0.1/29')
	})

	test('are those of the moment, also after a restart, and parallel requests get others', async () => {
		const now = [...own]
		ipam = start(BASES, [], now)
		const id = await poolOf('10.9.0.0/29')
		ipam = start(BASES, [], now)
		const given = await Promise.all(Array.from({ length: 4 }, () => next(id)))
		assert.deepEqual(given.toSorted(), ['10.9.0.2/29', '10.9.0.4/29', '10.9.0.5/29', '10.9.0.6/29'])
		now.shift()
		assert.equal(await next(id), '10.9.0.1/29')
	})

	test('are not asked for where weft chose the subnet: nothing there is older than the network', async () => {
		ipam = start(BASES, [], ['10.210.0.1'])
		const { id } = await ipam.requestPool(v4)
		assert.equal(await next(id), '10.210.0.1/24')
	})

	test('that cannot be asked for leave nothing used, and bring back no subnet that was released meanwhile', async () => {
		let linkWith: Surroundings['linkWith'] = () => Promise.reject(new Error('netlink is gone'))
		ipam = new Ipam(store, BASES, { ...surroundings(), linkWith: (address) => linkWith(address) })
		const id = await poolOf('10.9.0.0/29')
		await assert.rejects(next(id), /netlink is gone/)
		let tell = (): void => undefined
		linkWith = () => {
			return new Promise((resolve) => {
				tell = () => resolve(undefined)
			})
		}
		const waiting = next(id)
		await ipam.releasePool(id)
		tell()
		await refused(waiting, 'not-found', /there is no address pool/)
		assert.deepEqual([store.list('pool', ''), store.list('lease', id)], [[], []])
		linkWith = async () => undefined
		assert.equal(await next(await poolOf('10.9.0.0/29')), '10.9.0.1/29')
	})
})

describe('addresses', () => {
	test('come one after the other with the mask of the pool, and around the end', async () => {
		const id = await poolOf('10.9.0.0/29')
		const given: string[] = []
		for (let i = 0; i < 6; i++) given.push(await next(id))
		assert.deepEqual(
			given,
			[1, 2, 3, 4, 5, 6].map((n) => `10.9.0.${n}/29`),
		)
		await refused(next(id), 'exhausted', /no address is left in the subnet 10\.9\.0\.0\/29/)
		await ipam.releaseAddress(id, '10.9.0.4')
		assert.equal(await next(id), '10.9.0.4/29')
	})

	test('a freed address is not given at once, also after a restart', async () => {
		const id = await poolOf('10.9.0.0/24')
		for (let n = 1; n <= 200; n++) {
			const address = await next(id)
			assert.equal(address, `10.9.0.${n}/24`)
			await ipam.releaseAddress(id, `10.9.0.${n}`)
			ipam = start()
		}
	})

	test('a gateway, --aux-address and --ip may lie outside of --ip-range, the chosen ones never do', async () => {
		const id = await poolOf('10.9.0.0/24', '10.9.0.128/30')
		assert.equal(await ipam.requestAddress({ poolId: id, address: '10.9.0.1', kind: 'gateway' }), '10.9.0.1/24')
		assert.equal(await ask(id, '10.9.0.129'), '10.9.0.129/24')
		assert.equal(await ask(id, '10.9.0.254'), '10.9.0.254/24')
		assert.deepEqual(
			[await next(id), await next(id), await next(id)],
			['10.9.0.128/24', '10.9.0.130/24', '10.9.0.131/24'],
		)
		await refused(next(id), 'exhausted', /no address is left in the range 10\.9\.0\.128\/30/)
		assert.equal(await ask(id, '10.9.0.2'), '10.9.0.2/24')
	})

	test('an address that is asked for is that one, or a refusal that names it', async () => {
		const id = await poolOf('10.9.0.0/24')
		assert.equal(await ask(id, '10.9.0.7'), '10.9.0.7/24')
		await refused(ask(id, '10.9.0.7'), 'in-use', /10\.9\.0\.7 is already in use/)
		for (const text of ['10.9.0.0', '10.9.0.255'])
			await refused(ask(id, text), 'invalid', /stands for the whole subnet/)
		for (const text of ['10.9.1.1', '0.0.0.0', 'fd00::1']) await refused(ask(id, text), 'invalid', /is not inside/)
		for (const text of ['', 'x', '10.9.0', '10.9.0.07', '10.9.0.8/24', '10.9.0.8\n', '010.9.0.8']) {
			await refused(ask(id, text), 'invalid', /is not an IP address/)
		}
		await ipam.releaseAddress(id, '10.9.0.7')
		assert.equal(await ask(id, '10.9.0.7'), '10.9.0.7/24')
		assert.equal(store.list('lease', id).length, 1)
	})

	test('an IPv6 address is the same however it is written', async () => {
		const id = await poolOf('FD00:0:0:0::/64')
		assert.equal(await ask(id, 'FD00:0000::00AB'), 'fd00::ab/64')
		await refused(ask(id, 'fd00::ab'), 'in-use', /fd00::ab/)
		await ipam.releaseAddress(id, 'fd00:0:0::0:ab')
		assert.equal(await ask(id, 'fd00::ab'), 'fd00::ab/64')
		await refused(ask(id, 'fd00::'), 'invalid', /stands for the whole subnet/)
	})

	test('the smallest pools give all that they have', async () => {
		for (const [pool, expected] of [
			['10.9.0.0/30', ['10.9.0.1/30', '10.9.0.2/30']],
			['10.9.1.0/31', ['10.9.1.0/31', '10.9.1.1/31']],
			['10.9.2.9/32', ['10.9.2.9/32']],
			['fd00::/126', ['fd00::1/126', 'fd00::2/126', 'fd00::3/126']],
			['fd01::/127', ['fd01::/127', 'fd01::1/127']],
			['fd02::9/128', ['fd02::9/128']],
		] as const) {
			const id = await poolOf(pool)
			for (const address of expected) assert.equal(await next(id), address)
			await refused(next(id), 'exhausted', /no address is left/)
		}
	})

	test('a range that holds only the network address has nothing to give', async () => {
		await refused(next(await poolOf('10.9.0.0/24', '10.9.0.0/32')), 'exhausted', /range 10\.9\.0\.0\/32/)
		assert.equal(await next(await poolOf('10.9.1.0/24', '10.9.1.1/32')), '10.9.1.1/24')
	})

	test('releasing the same number of the other family frees nothing', async () => {
		const four = await poolOf('10.7.0.0/24')
		assert.equal(await ask(four, '10.7.0.5'), '10.7.0.5/24')
		await ipam.releaseAddress(four, '::a07:5')
		await refused(ask(four, '10.7.0.5'), 'in-use', /10\.7\.0\.5/)
		await ipam.releaseAddress(four, '10.7.0.5')
		assert.equal(await ask(four, '10.7.0.5'), '10.7.0.5/24')
	})

	test('releasing what was not given, or twice, or in words that are no address, succeeds and frees nothing else', async () => {
		const id = await poolOf('10.9.0.0/24')
		await next(id)
		for (const text of ['10.9.0.9', '10.8.0.1', 'fd00::1', '', 'x', '10.9.0.1/24', "';!\n"]) {
			await ipam.releaseAddress(id, text)
		}
		await ipam.releaseAddress('no such pool', '10.9.0.1')
		await refused(ask(id, '10.9.0.1'), 'in-use', /already in use/)
		await ipam.releaseAddress(id, '10.9.0.1')
		await ipam.releaseAddress(id, '10.9.0.1')
		assert.equal(await ask(id, '10.9.0.1'), '10.9.0.1/24')
	})

	test('large pools cost what is used of them, in time and memory', async () => {
		const started = performance.now()
		const before = process.memoryUsage().heapUsed
		for (const pool of ['10.0.0.0/8', 'fd00::/48', 'fd01::/64', '2000::/3']) {
			const id = await poolOf(pool)
			for (let i = 0; i < 20; i++) await next(id)
			ipam = start()
			await next(id)
		}
		assert.ok(process.memoryUsage().heapUsed - before < 20e6)
		assert.ok(performance.now() - started < 1000)
	})

	test('no two pools that are held overlap', async () => {
		const pools: string[] = []
		for (const pool of ['10.210.1.0/24', '10.210.3.0/25', 'fd77:6566:7400:1::/64']) {
			pools.push((await ipam.requestPool({ ...(pool.includes(':') ? v6 : v4), pool })).pool)
		}
		for (let i = 0; i < 4; i++) pools.push((await ipam.requestPool(v4)).pool, (await ipam.requestPool(v6)).pool)
		const cidrs = pools.map(parseCidr)
		assert.ok(cidrs.every((a, i) => cidrs.every((b, k) => i === k || !overlaps(a, b))))
	})
})
