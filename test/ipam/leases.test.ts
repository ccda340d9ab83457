/** Which address is given next: never one that stands for a network, never a used one, and those just freed last. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkGivable, choosable, nextFree } from '../../src/ipam/leases.ts'
import { formatIp, givable, parseCidr, parseIp } from '../../src/model/address.ts'

function span(pool: string, range?: string): string[] {
	const cidr = parseCidr(pool)
	const { from, to } = range === undefined ? givable(cidr) : choosable(cidr, parseCidr(range))
	return from > to ? [] : [from, to].map((value) => formatIp({ family: cidr.family, value }))
}

test('what may be given leaves out the network, the broadcast and the anycast address, where there are such', () => {
	assert.deepEqual(span('10.1.2.0/24'), ['10.1.2.1', '10.1.2.254'])
	assert.deepEqual(span('10.1.2.4/30'), ['10.1.2.5', '10.1.2.6'])
	assert.deepEqual(span('10.1.2.4/31'), ['10.1.2.4', '10.1.2.5'])
	assert.deepEqual(span('10.1.2.4/32'), ['10.1.2.4', '10.1.2.4'])
	assert.deepEqual(span('10.0.0.0/8'), ['10.0.0.1', '10.255.255.254'])
	assert.deepEqual(span('fd00::/126'), ['fd00::1', 'fd00::3'])
	assert.deepEqual(span('fd00::/127'), ['fd00::', 'fd00::1'])
	assert.deepEqual(span('fd00::7/128'), ['fd00::7', 'fd00::7'])
	assert.deepEqual(span('fd00::/64'), ['fd00::1', 'fd00::ffff:ffff:ffff:ffff'])
})

test("a range gives its own first and last address, except where they are the whole network's", () => {
	assert.deepEqual(span('10.1.2.0/24', '10.1.2.64/26'), ['10.1.2.64', '10.1.2.127'])
	assert.deepEqual(span('10.1.2.0/24', '10.1.2.0/25'), ['10.1.2.1', '10.1.2.127'])
	assert.deepEqual(span('10.1.2.0/24', '10.1.2.128/25'), ['10.1.2.128', '10.1.2.254'])
	assert.deepEqual(span('10.1.2.0/24', '10.1.2.255/32'), [])
	assert.deepEqual(span('fd00::/64', 'fd00::/120'), ['fd00::1', 'fd00::ff'])
})

test('an address that is asked for may be any but those of the whole network, used ones and strangers', () => {
	const pool = parseCidr('10.1.2.0/24')
	const used = new Set([parseIp('10.1.2.9').value])
	const check = (text: string) => () => checkGivable(pool, used, parseIp(text))
	for (const text of ['10.1.2.1', '10.1.2.8', '10.1.2.254']) assert.doesNotThrow(check(text))
	assert.throws(check('10.1.2.9'), { code: 'in-use', message: /10\.1\.2\.9 is already in use/ })
	for (const text of ['10.1.2.0', '10.1.2.255'])
		assert.throws(check(text), { code: 'invalid', message: /whole subnet/ })
	for (const text of ['10.1.3.0', '10.1.1.255', 'fd00::1']) {
		assert.throws(check(text), { code: 'invalid', message: /is not inside the subnet 10\.1\.2\.0\/24/ })
	}
})

const small = fc.record({
	from: fc.bigInt({ min: 0n, max: 5n }),
	length: fc.bigInt({ min: 0n, max: 12n }),
	used: fc.uniqueArray(fc.bigInt({ min: 0n, max: 20n })),
	cursor: fc.option(fc.bigInt({ min: 0n, max: 20n }), { nil: undefined }),
})

test('the next address is the first free one behind the last given, around the end, like a list walked by hand', () => {
	fc.assert(
		fc.property(small, ({ from, length, used, cursor }) => {
			const all = Array.from({ length: Number(length) }, (_, i) => from + BigInt(i))
			const behind = all.includes(cursor ?? -1n) ? all.filter((value) => value > (cursor ?? -1n)) : []
			const expected = [...behind, ...all].find((value) => !used.includes(value))
			assert.equal(nextFree({ from, to: from + length - 1n }, new Set(used), cursor), expected)
		}),
		{ numRuns: 1000 },
	)
})

test('the size of a network costs nothing: the last address of a /8 and of a /0 follow at once', () => {
	const started = performance.now()
	for (const [pool, last] of [
		['10.0.0.0/8', '10.255.255.254'],
		['fd00::/8', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
	] as const) {
		const { from, to } = givable(parseCidr(pool))
		assert.equal(nextFree({ from, to }, new Set(), to - 1n), parseIp(last).value)
		assert.equal(nextFree({ from, to }, new Set([from]), to), from + 1n)
	}
	assert.ok(performance.now() - started < 200)
})
