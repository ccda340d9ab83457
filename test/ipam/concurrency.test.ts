/**
 * Calls that run at the same time, and a disk that refuses: whatever the order of answers, no address has two owners, and
 * a call that fails leaves nothing behind.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCode } from '../../src/errors.ts'
import { Ipam } from '../../src/ipam/ipam.ts'
import { parsePoolBases } from '../../src/ipam/pools.ts'
import type { PoolRequest } from '../../src/ipam/verbs.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { surroundings } from '../support/surroundings.ts'

const BASES = parsePoolBases('10.210.0.0/22:24')
const chosen = { space: 's', family: 4 } as const
const lan = { ...chosen, pool: '10.9.0.0/24' }

function start(store: MemoryStore): Ipam {
	const ipam = new Ipam(store, BASES, surroundings())
	ipam.load()
	return ipam
}

async function withPool(request: PoolRequest = lan) {
	const store = new MemoryStore()
	const ipam = start(store)
	const { id } = await ipam.requestPool(request)
	const next = () => ipam.requestAddress({ poolId: id, kind: 'endpoint' })
	const ask = (address: string) => ipam.requestAddress({ poolId: id, address, kind: 'endpoint' })
	return { store, ipam, id, next, ask }
}

const fulfilled = <T>(results: readonly PromiseSettledResult<T>[]) =>
	results.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))

test('parallel requests get different addresses, as many as there are, in order', async () => {
	const { store, id, next } = await withPool()
	const given = fulfilled(await Promise.allSettled(Array.from({ length: 300 }, next)))
	assert.deepEqual(
		given,
		Array.from({ length: 254 }, (_, i) => `10.9.0.${i + 1}/24`),
	)
	assert.equal(store.list('lease', id).length, 254)
})

test('of parallel requests for one address or one pool exactly one succeeds', async () => {
	const { ipam, ask } = await withPool()
	const asked = await Promise.allSettled(Array.from({ length: 10 }, () => ask('10.9.0.5')))
	assert.deepEqual(fulfilled(asked), ['10.9.0.5/24'])
	const pools = await Promise.allSettled(
		Array.from({ length: 10 }, () => ipam.requestPool({ ...chosen, pool: '10.8.0.0/24' })),
	)
	assert.equal(fulfilled(pools).length, 1)
})

test('parallel requests for any pool get different ones, and the fifth of four an error', async () => {
	const ipam = start(new MemoryStore())
	const answers = await Promise.allSettled(Array.from({ length: 5 }, () => ipam.requestPool(chosen)))
	assert.equal(new Set(fulfilled(answers).map(({ pool }) => pool)).size, 4)
	const [last] = answers.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
	assert.ok(isCode(last, 'exhausted'))
})

test('an address is not given again before its release is durable', async () => {
	const { ipam, id, next } = await withPool({ ...lan, pool: '10.9.0.0/32' })
	await next()
	const released = ipam.releaseAddress(id, '10.9.0.0')
	await assert.rejects(next(), (error) => isCode(error, 'exhausted'))
	await released
	assert.equal(await next(), '10.9.0.0/32')
})

test('a release that comes twice does not take the address from whoever got it in between', async () => {
	const { store, ipam, id, ask } = await withPool()
	await ask('10.9.0.5')
	const first = ipam.releaseAddress(id, '10.9.0.5')
	const again = ipam.releaseAddress(id, '10.9.0.5')
	await first
	await ask('10.9.0.5')
	await again
	await assert.rejects(ask('10.9.0.5'), (error) => isCode(error, 'in-use'))
	assert.equal(store.list('lease', id).length, 1)
	await ipam.releaseAddress(id, '10.9.0.5')
	assert.equal(store.list('lease', id).length, 0)
})

test('a pool that is released while addresses are being given is gone with all of them', async () => {
	const { store, ipam, id, next } = await withPool()
	const requests = Promise.allSettled(Array.from({ length: 20 }, next))
	const released = Promise.all([ipam.releasePool(id), ipam.releasePool(id)])
	const late = Promise.allSettled([next(), ipam.releaseAddress(id, '10.9.0.1')])
	await Promise.all([requests, released, late])
	assert.deepEqual([...store.list('lease', id), ...store.list('pool', '')], [])
	const { id: same } = await ipam.requestPool(lan)
	assert.equal(same, id)
	assert.equal(await next(), '10.9.0.1/24')
})

test('a disk that refuses leaves no pool: the same one can be had afterwards', async () => {
	const store = new MemoryStore()
	const ipam = start(store)
	store.failure = new Error('no space left on device')
	for (const request of [lan, chosen]) {
		await assert.rejects(
			ipam.requestPool(request),
			(error) => isCode(error, 'system') && /no space/.test(error.message),
		)
	}
	store.failure = undefined
	assert.equal((await ipam.requestPool(lan)).pool, '10.9.0.0/24')
	assert.equal((await ipam.requestPool(chosen)).pool, '10.210.0.0/24')
})

test('a disk that refuses leaves no address given and none lost', async () => {
	const { store, next, ask } = await withPool({ ...lan, pool: '10.9.0.0/30' })
	store.failure = new Error('no space left on device')
	const failed = await Promise.allSettled([next(), next(), ask('10.9.0.1')])
	assert.deepEqual(fulfilled(failed), [])
	store.failure = undefined
	assert.deepEqual((await Promise.all([next(), next()])).sort(), ['10.9.0.1/30', '10.9.0.2/30'])
})

test('a disk that refuses leaves the place in the pool where it was, also where it refuses some of many', async () => {
	// Of a subnet that was named an address is on record a little later.
	const { store, next } = await withPool(chosen)
	assert.equal(await next(), '10.210.0.1/24')
	const refusing = async () => {
		store.failure = new Error('no space left on device')
		const failed = Promise.allSettled([next(), next()])
		store.failure = undefined
		return failed
	}
	assert.deepEqual(fulfilled(await refusing()), [])
	assert.equal(await next(), '10.210.0.2/24')
	const [failed, given] = await Promise.all([refusing(), next()])
	assert.deepEqual([fulfilled(failed), given], [[], '10.210.0.5/24'])
	assert.equal(await next(), '10.210.0.6/24')
})

test('a disk that refuses releases nothing: owner and pool stay, also over a restart, until it is released again', async () => {
	const { store, ipam, id, ask } = await withPool()
	await ask('10.9.0.5')
	store.failure = new Error('no space left on device')
	await assert.rejects(ipam.releaseAddress(id, '10.9.0.5'), (error) => isCode(error, 'system'))
	await assert.rejects(ipam.releasePool(id), (error) => isCode(error, 'system'))
	store.failure = undefined
	for (const each of [ipam, start(store)]) {
		const again = each.requestAddress({ poolId: id, address: '10.9.0.5', kind: 'endpoint' })
		await assert.rejects(again, (error) => isCode(error, 'in-use'))
	}
	await ipam.releaseAddress(id, '10.9.0.5')
	assert.equal(await ask('10.9.0.5'), '10.9.0.5/24')
	await ipam.releasePool(id)
	assert.deepEqual(store.list('pool', ''), [])
})
