/** Which pool a network gets: never one that overlaps with what is taken, always one while there is one left. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isCode } from '../../src/errors.ts'
import { choosePool, parsePool, parsePoolBases, parseRange } from '../../src/ipam/pools.ts'
import { type Cidr, covers, formatCidr, networkOf, overlaps, parseCidr } from '../../src/model/address.ts'

const shown = (cidr: Cidr | undefined) => (cidr === undefined ? undefined : formatCidr(cidr))
const refused = (work: () => unknown, words: RegExp) =>
	assert.throws(work, (error) => isCode(error, 'invalid') && words.test(error.message), words.source)

test('bases are read with their sizes, without host bits, in their order', () => {
	const bases = parsePoolBases('10.210.0.0/16:24, 172.30.1.9/24:28,fd77:6566:7400::/48:64,10.9.0.0/24:24')
	assert.deepEqual(
		bases.map(({ base, length }) => `${formatCidr(base)}:${length}`),
		['10.210.0.0/16:24', '172.30.1.0/24:28', 'fd77:6566:7400::/48:64', '10.9.0.0/24:24'],
	)
})

test('a base that is not BASE:SIZE, or no network can use, is refused by its part', () => {
	for (const text of ['', ',', '10.0.0.0/16:24,', '10.0.0.0/16', '10.0.0.0:24', '10.0.0.0/16:x', '10.0.0.0/16:-1']) {
		refused(() => parsePoolBases(text), /is not BASE:SIZE/)
	}
	for (const text of ['10.0.0.0/16:15', '10.0.0.0/16:32', 'fd00::/48:128', 'fd00::/48:47', '10.0.0.0/16:999']) {
		refused(() => parsePoolBases(text), /the size must be a mask length from (16|48) to (31|127)/)
	}
	for (const text of ['10.0.0/16:24', '10.0.0.0/33:33', 'x/8:9', 'fd00::/129:129', 'a\n10.0.0.0/16:24']) {
		refused(() => parsePoolBases(text), /is not (an address with a mask length|BASE:SIZE)/)
	}
})

/** Loopback, multicast, what each link has by itself, this-network, IPv4 in IPv6, and what holds one of them. */
const UNUSABLE = ['0.0.0.0/0', '0.1.0.0/16', '127.0.0.0/24', '224.1.0.0/16', '240.0.0.0/8', '255.255.255.0/24', '::/0']
const UNUSABLE6 = [
	'::/64',
	'::10.1.0.0/112',
	'::ffff:10.1.0.0/112',
	'::ffff:0:0/96',
	'fe80::/64',
	'fe80::/10',
	'ff02::/64',
]

test('a subnet that no network can use is refused, its neighbours are not', () => {
	for (const text of [...UNUSABLE, ...UNUSABLE6]) {
		refused(() => parsePool(text, text.includes(':') ? 6 : 4), /which no network can use/)
		refused(() => parsePoolBases(`${text}:${text.includes(':') ? 128 : 32}`), /which no network can use/)
	}
	for (const text of ['1.0.0.0/8', '126.0.0.0/8', '128.0.0.0/16', '223.255.255.0/24', '169.254.7.0/24']) {
		assert.equal(shown(parsePool(text, 4)), text)
	}
	for (const text of ['fd00::/8', 'fc00::/7', '2001:db8::/32', 'fe80:1::/64', 'fec0::/64', '::1:0:0:0/80']) {
		assert.equal(shown(parsePool(text, 6)), text)
	}
})

test('a subnet loses its host bits, and must be of the family asked for', () => {
	assert.equal(shown(parsePool('10.1.2.3/24', 4)), '10.1.2.0/24')
	assert.equal(shown(parsePool('FD00:0:0:1::9/64', 6)), 'fd00:0:0:1::/64')
	refused(() => parsePool('10.1.0.0/24', 6), /is not IPv6/)
	refused(() => parsePool('fd00::/64', 4), /is not IPv4/)
})

test('a range lies inside its subnet, up to the whole of it', () => {
	const pool = parseCidr('10.1.2.0/24')
	for (const text of ['10.1.2.0/24', '10.1.2.128/25', '10.1.2.255/32'])
		assert.equal(shown(parseRange(text, pool)), text)
	assert.equal(shown(parseRange('10.1.2.200/25', pool)), '10.1.2.128/25')
	for (const text of ['10.1.3.0/25', '10.1.2.0/23', '10.0.0.0/8', 'fd00::/64']) {
		refused(() => parseRange(text, pool), /is not inside the subnet 10\.1\.2\.0\/24/)
	}
})

test('pools are given in order, gaps first, and the next base when one is full', () => {
	const bases = parsePoolBases('10.7.0.0/30:31,10.8.0.0/24:24,fd00::/126:127')
	const taken: Cidr[] = []
	const take = (family: 4 | 6) => {
		const pool = choosePool(bases, family, taken)
		if (pool !== undefined) taken.push(pool)
		return shown(pool)
	}
	assert.deepEqual([take(4), take(4), take(4), take(4)], ['10.7.0.0/31', '10.7.0.2/31', '10.8.0.0/24', undefined])
	assert.deepEqual([take(6), take(6), take(6)], ['fd00::/127', 'fd00::2/127', undefined])
	taken.splice(0, 1)
	assert.equal(take(4), '10.7.0.0/31')
})

test('a default route, a larger route and one inside each count as taken', () => {
	const bases = parsePoolBases('10.210.0.0/16:24')
	const choose = (...taken: string[]) => shown(choosePool(bases, 4, taken.map(parseCidr)))
	assert.equal(choose('0.0.0.0/0'), undefined)
	assert.equal(choose('10.0.0.0/8'), undefined)
	assert.equal(choose('10.210.0.0/17'), '10.210.128.0/24')
	assert.equal(choose('10.210.0.53/32'), '10.210.1.0/24')
	assert.equal(choose('10.210.1.0/24', 'fd00::/8', '192.168.0.0/16'), '10.210.0.0/24')
})

test('the default bases of 65,536 pools are used up to the last one without getting slow', () => {
	const [base] = parsePoolBases('fd77:6566:7400::/48:64')
	assert.ok(base)
	const taken = Array.from({ length: 65_536 }, (_, i): Cidr => {
		return { family: 6, value: base.base.value + (BigInt(i) << 64n), prefix: 64 }
	})
	const [gap] = taken.splice(60_000, 1)
	const started = performance.now()
	assert.deepEqual(choosePool([base], 6, taken), gap)
	if (gap !== undefined) taken.push(gap)
	assert.equal(choosePool([base], 6, taken), undefined)
	assert.ok(performance.now() - started < 2000)
})

const inside = fc
	.record({ offset: fc.integer({ min: -64, max: 319 }), prefix: fc.integer({ min: 22, max: 32 }) })
	.map(({ offset, prefix }) => networkOf({ family: 4, value: parseCidr('10.5.0.0/24').value + BigInt(offset), prefix }))

test('whatever is taken: the pool overlaps with none of it, and there is one unless every one overlaps', () => {
	fc.assert(
		fc.property(fc.array(inside, { maxLength: 8 }), fc.integer({ min: 24, max: 30 }), (taken, length) => {
			const base = parseCidr('10.5.0.0/24')
			const all = Array.from({ length: 1 << (length - 24) }, (_, i): Cidr => {
				return { family: 4, value: base.value + BigInt(i << (32 - length)), prefix: length }
			})
			const expected = all.find((pool) => !taken.some((each) => overlaps(each, pool)))
			assert.equal(shown(choosePool([{ base, length }], 4, taken)), shown(expected))
			assert.ok(expected === undefined || covers(base, expected))
		}),
		{ numRuns: 500 },
	)
})
