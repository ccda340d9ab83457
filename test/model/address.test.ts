/** Addresses as values: what is read and written, against oracles of other origin, and what of it is refused. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isCode } from '../../src/errors.ts'
import {
	type Cidr,
	contains,
	covers,
	type Family,
	first,
	formatCidr,
	formatIp,
	formatMac,
	fromBytes,
	type Ip,
	last,
	networkOf,
	overlaps,
	parseCidr,
	parseIp,
	parseMac,
	size,
	toBytes,
	tryParseIp,
	width,
} from '../../src/model/address.ts'

const family = fc.constantFrom<Family>(4, 6)
/** Addresses with long runs of zeros as often as without: where RFC 5952 has its rules. */
const ip = family.chain((of): fc.Arbitrary<Ip> => {
	const bits = BigInt(width(of))
	const any = fc.bigInt({ min: 0n, max: (1n << bits) - 1n })
	const word = fc.oneof(fc.constant(0), fc.nat(0xffff))
	const sparse = fc
		.array(word, { minLength: Number(bits / 16n), maxLength: Number(bits / 16n) })
		.map((words) => words.reduce((value, each) => (value << 16n) | BigInt(each), 0n))
	return fc.oneof(any, sparse).map((value) => ({ family: of, value }))
})
const cidr = ip.chain((each) => fc.nat(width(each.family)).map((prefix): Cidr => ({ ...each, prefix })))

const refused = (work: () => unknown) =>
	assert.throws(work, (error) => isCode(error, 'invalid') && !/\n/.test(error.message) && error.message !== '')

describe('an address', () => {
	test('is read back from what is written, and from its bytes', () => {
		fc.assert(
			fc.property(ip, (each) => {
				assert.deepEqual(parseIp(formatIp(each)), each)
				assert.deepEqual(fromBytes(toBytes(each)), each)
			}),
			{ numRuns: 1000 },
		)
	})

	test('is written as RFC 5952 says: the URL parser of Node writes the same', () => {
		fc.assert(
			fc.property(ip, (each) => {
				const text = formatIp(each)
				const host = each.family === 4 ? text : `[${text}]`
				assert.equal(new URL(`http://${host}/`).hostname, host)
			}),
			{ numRuns: 1000 },
		)
		for (const [written, canonical] of [
			['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
			['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
			['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
			['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
			['0:0:0:0:0:0:0:0', '::'],
			['fd00::10.1.2.3', 'fd00::a01:203'],
			['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
		] as const) {
			assert.equal(formatIp(parseIp(written)), canonical)
		}
	})

	test('is refused unless it is written in full, without zone, port, mask, space, octal or hexadecimal parts', () => {
		const hostile = [
			'',
			' ',
			'.',
			':',
			'1',
			'10.1',
			'10.1.2',
			'10.1.2.3.4',
			'256.1.1.1',
			'1.2.3.-4',
			'1.2.3.+4',
			'1.2.3.4 ',
		]
		const spelling = [
			' 1.2.3.4',
			'1.2.3.4\n',
			'01.2.3.4',
			'0x1.2.3.4',
			'1.2.3.4/8',
			'1.2.3.4:80',
			'１.2.3.4',
			'1e1.2.3.4',
		]
		const six = [
			':::',
			'1::2::3',
			'::g',
			'::12345',
			'1:2:3:4:5:6:7',
			'1:2:3:4:5:6:7:8:9',
			'::1%eth0',
			'[::1]',
			'::1/64',
		]
		const mixed = ['::ffff:010.1.1.1', '::ffff:0x1.2.3.4', '::1.2.3', '::256.1.1.1', '::1.2.3.4:5', ':1', '1:', '::1\0']
		for (const text of [...hostile, ...spelling, ...six, ...mixed, 'localhost', "1.2.3.4'", '1.2.3.4; drop']) {
			assert.equal(tryParseIp(text), undefined, JSON.stringify(text))
			refused(() => parseIp(text))
		}
	})

	test('is never read from anything that the URL parser does not take for one', () => {
		const part = fc.constantFrom(
			':',
			'::',
			'.',
			'0',
			'1',
			'9',
			'f',
			'255',
			'256',
			'0f',
			'%',
			'/',
			' ',
			'\n',
			'x',
			'ffff',
		)
		const texts = fc.oneof(
			fc.string(),
			fc.array(part, { maxLength: 16 }).map((parts) => parts.join('')),
		)
		fc.assert(
			fc.property(texts, (text) => {
				const read = tryParseIp(text)
				if (read === undefined) return
				const host = read.family === 4 ? formatIp(read) : `[${formatIp(read)}]`
				assert.equal(new URL(`http://${read.family === 4 ? text : `[${text}]`}/`).hostname, host)
			}),
			{ numRuns: 5000 },
		)
	})

	test('has 4 or 16 bytes', () => {
		for (const length of [0, 1, 3, 5, 15, 17]) refused(() => fromBytes(new Uint8Array(length)))
		assert.deepEqual([...toBytes(parseIp('10.1.2.255'))], [10, 1, 2, 255])
	})
})

describe('a network', () => {
	test('is read back from what is written, with and without host bits', () => {
		fc.assert(
			fc.property(cidr, (each) => {
				assert.deepEqual(parseCidr(formatCidr(each)), each)
				assert.deepEqual(parseCidr(formatCidr(networkOf(each))), networkOf(each))
			}),
			{ numRuns: 1000 },
		)
	})

	test('is refused unless it is an address, a slash and a length that the family has', () => {
		for (const text of [
			'',
			'/',
			'/8',
			'10.0.0.0',
			'10.0.0.0/',
			'10.0.0.0/33',
			'10.0.0.0/-1',
			'10.0.0.0/08x',
			'::/129',
		]) {
			refused(() => parseCidr(text))
		}
		for (const text of ['10.0.0.0/8/8', '10.0.0.0/8 ', '10.0.0.0/8\n', '10.0.0.0/255.0.0.0', '10.0.0.0/1e1', 'x/8']) {
			refused(() => parseCidr(text))
		}
		for (const text of ['0.0.0.0/0', '::/0', '10.1.2.3/32', 'fd00::1/128'])
			assert.equal(formatCidr(parseCidr(text)), text)
	})

	/** Small numbers of hosts, so that an oracle can write every address down. */
	const small = fc
		.record({ offset: fc.nat(63), prefix: fc.integer({ min: 26, max: 32 }), of: family })
		.map(({ offset, prefix, of }): Cidr => {
			const base = of === 4 ? parseIp('10.0.0.64') : parseIp('fd00::40')
			return { family: of, value: base.value + BigInt(offset), prefix: of === 4 ? prefix : prefix + 96 }
		})
	const all = (each: Cidr): string[] => {
		const count = 2 ** (width(each.family) - each.prefix)
		const from = each.value - (each.value % BigInt(count))
		return Array.from({ length: count }, (_, i) => formatIp({ family: each.family, value: from + BigInt(i) }))
	}

	test('has the addresses that one gets by writing them down', () => {
		fc.assert(
			fc.property(small, small, (one, other) => {
				const addresses = all(one)
				assert.equal(size(one), BigInt(addresses.length))
				assert.equal(formatIp(first(one)), addresses[0])
				assert.equal(formatIp(last(one)), addresses.at(-1))
				assert.equal(contains(one, other), addresses.includes(formatIp(other)))
				assert.equal(
					covers(one, other),
					all(other).every((each) => addresses.includes(each)),
				)
				assert.equal(
					overlaps(one, other),
					all(other).some((each) => addresses.includes(each)),
				)
				assert.equal(overlaps(one, other), overlaps(other, one))
			}),
			{ numRuns: 500 },
		)
	})

	test('of one family never contains or overlaps with one of the other', () => {
		assert.equal(contains(parseCidr('0.0.0.0/0'), parseIp('::1')), false)
		assert.equal(overlaps(parseCidr('0.0.0.0/0'), parseCidr('::/0')), false)
		assert.equal(overlaps(parseCidr('10.0.0.0/8'), parseCidr('::10.0.0.0/104')), false)
		assert.equal(overlaps(parseCidr('10.0.0.0/8'), parseCidr('0.0.0.0/0')), true)
	})
})

describe('a MAC', () => {
	test('is read back from what is written, in either case', () => {
		const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => bytes.with(0, (bytes[0] ?? 0) & 0xfe))
		fc.assert(
			fc.property(mac, (bytes) => {
				assert.deepEqual(parseMac(formatMac(bytes)), bytes)
				assert.deepEqual(parseMac(formatMac(bytes).toUpperCase()), bytes)
			}),
		)
	})

	test('is refused in other spellings, of other lengths and as a group address', () => {
		const spelling = [
			'',
			'02:42:0a:00:00',
			'02:42:0a:00:00:01:02',
			'02-42-0a-00-00-01',
			'0242.0a00.0001',
			'2:42:a:0:0:1',
		]
		for (const text of [...spelling, '02:42:0a:00:00:0g', '02:42:0a:00:00:01\n', 'AkIKAAAB'])
			refused(() => parseMac(text))
		for (const text of ['01:00:5e:00:00:01', 'ff:ff:ff:ff:ff:ff', '33:33:00:00:00:01']) {
			assert.throws(() => parseMac(text), /is a group address/)
		}
		for (const length of [0, 5, 7]) refused(() => formatMac(new Uint8Array(length)))
	})
})
