/** How a pool is divided: every address in one block, and a decision that does not swing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { balance, blockOf, chooseBlock, nextInBlocks, spanOf } from '../../src/ipam/blocks.ts'
import {
	contains,
	covers,
	first,
	formatCidr,
	givable,
	last,
	parseCidr,
	parseIp,
	size,
} from '../../src/model/address.ts'

const pool = fc.constantFrom('10.1.0.0/24', '10.1.0.0/30', 'fd00:1::/112', 'fd00:1::/64').map(parseCidr)
const longer = fc.nat(8)

test('an address is in the block that is said, which lies in the pool', () => {
	fc.assert(
		fc.property(pool, longer, fc.bigInt({ min: 0n, max: 2n ** 64n }), (cidr, more, n) => {
			const ip = { family: cidr.family, value: cidr.value + (n % size(cidr)) }
			const block = blockOf(cidr, Math.min(cidr.prefix + more, cidr.family === 4 ? 32 : 128), ip)
			assert.ok(contains(block, ip) && covers(cidr, block))
		}),
	)
	assert.equal(formatCidr(blockOf(parseCidr('10.1.0.0/28'), 26, parseIp('10.1.0.9'))), '10.1.0.0/28')
})

test('a block is chosen once, wherever the search starts, until there is none', () => {
	const cidr = parseCidr('10.1.0.0/24')
	fc.assert(
		fc.property(fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n }), { minLength: 5, maxLength: 5 }), (places) => {
			const taken = new Set<bigint>()
			const chosen = places.map((place) => {
				const block = chooseBlock(cidr, 26, taken, place)
				if (block !== undefined) taken.add(block.value)
				return block
			})
			assert.equal(taken.size, 4)
			assert.equal(chosen[4], undefined)
			assert.ok(chosen.slice(0, 4).every((block) => block !== undefined && covers(cidr, block)))
		}),
	)
	// Neither time nor memory for a pool of 2^58 blocks.
	assert.equal(
		chooseBlock(parseCidr('fd00::/64'), 122, new Set(), 2n ** 58n + 1n)?.value,
		parseCidr('fd00::40/122').value,
	)
})

test('what may be given of all blocks together is what may be given of the pool', () => {
	for (const text of ['10.1.0.0/28', 'fd00::/124']) {
		const cidr = parseCidr(text)
		const given = new Set<bigint>()
		for (let value = first(cidr).value; value <= last(cidr).value; value += 4n) {
			const span = spanOf(cidr, { ...cidr, value, prefix: cidr.family === 4 ? 30 : 126 })
			for (let each = span.from; each <= span.to; each++) given.add(each)
		}
		const { from, to } = givable(cidr)
		assert.equal(BigInt(given.size), to - from + 1n)
	}
})

test('the next address is the first free one behind the last, in all blocks, and around the end', () => {
	const spans = [
		{ from: 20n, to: 22n },
		{ from: 10n, to: 11n },
	]
	const order: (bigint | undefined)[] = []
	const used = new Set([21n])
	let cursor = 0n
	for (let n = 0; n < 5; n++) {
		const next = nextInBlocks(spans, used, cursor)
		order.push(next)
		if (next === undefined) break
		used.add(next)
		cursor = next
	}
	assert.deepEqual(order, [10n, 11n, 20n, 22n, undefined])
	assert.equal(nextInBlocks(spans, new Set([11n]), 10n), 20n)
	assert.equal(nextInBlocks(spans, new Set([22n]), 21n), 10n)
	assert.equal(nextInBlocks(spans, new Set(), 22n), 10n)
})

test('a block more is claimed before the last address is given, and an empty one given back when it is not missed', () => {
	const block = (n: number, own: number) => {
		return { block: parseCidr(`10.1.0.${n * 64}/26`), size: 64n, used: BigInt(own), own: BigInt(own) }
	}
	assert.equal(balance([]), undefined)
	assert.equal(balance([block(0, 0)]), undefined)
	assert.equal(balance([block(0, 48)]), undefined)
	assert.equal(balance([block(0, 49)]), 'claim')
	assert.equal(balance([block(0, 49), block(1, 0)]), undefined)
	assert.equal(balance([block(0, 32), block(1, 0)]), undefined)
	assert.deepEqual(balance([block(0, 31), block(1, 0)]), { giveBack: block(1, 0).block })
	assert.equal(balance([block(0, 0), block(1, 64)]), undefined)
})

test('what is decided once needs nothing more', () => {
	const counts = fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 6 })
	fc.assert(
		fc.property(counts, (owns) => {
			const blocks = owns.map((own, n) => {
				return { block: parseCidr(`10.1.0.${n * 8}/29`), size: 8n, used: BigInt(own), own: BigInt(own) }
			})
			let step = balance(blocks)
			for (let n = 0; step !== undefined; n++) {
				assert.ok(n <= owns.length, 'it swings')
				if (step === 'claim') blocks.push({ block: parseCidr('10.2.0.0/29'), size: 8n, used: 0n, own: 0n })
				else
					blocks.splice(
						blocks.findIndex(({ own }) => own === 0n),
						1,
					)
				step = balance(blocks)
			}
		}),
	)
})
