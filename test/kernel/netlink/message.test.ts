/** The wire format: fixed bytes for what is sent, and what is encoded read back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
	attributes,
	bytes,
	decodeMessages,
	encodeMessage,
	ip,
	nested,
	outcome,
	readIp,
	readNested,
	readText,
	readU8,
	readU32,
	text,
	u8,
	u16be,
	u32,
} from '../../../src/kernel/netlink/message.ts'
import { parseIp } from '../../../src/model/address.ts'
import { hex } from './hex.ts'

test('attributes have their length and type in front and zeros up to the next multiple of four', () => {
	assert.equal(u8(7, 1).toString('hex'), hex('0500 0700 01 000000'))
	assert.equal(u16be(15, 4789).toString('hex'), hex('0600 0f00 12b5 0000'))
	assert.equal(u32(4, 1450).toString('hex'), hex('0800 0400 aa050000'))
	assert.equal(text(3, 'lo').toString('hex'), hex('0700 0300 6c6f00 00'))
	assert.equal(bytes(2, Buffer.alloc(0)).toString('hex'), hex('0400 0200'))
	assert.equal(ip(1, parseIp('10.1.2.3')).toString('hex'), hex('0800 0100 0a010203'))
	assert.equal(ip(1, parseIp('fd00::1')).toString('hex'), hex('1400 0100 fd00000000000000 0000000000000001'))
	assert.equal(nested(18, text(1, 'veth')).toString('hex'), hex('1000 1280 0900 0100 7665746800 000000'))
})

test('a message asks for an acknowledgement and carries its sequence number', () => {
	const message = encodeMessage({ type: 16, flags: 0x600, body: Buffer.from('0102030405060708', 'hex') }, 0x01020304)
	assert.equal(message.toString('hex'), hex('18000000 1000 0506 04030201 00000000 0102030405060708'))
})

const anyAttributes = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 0x3fff }), fc.uint8Array({ maxLength: 70 })), {
	selector: ([type]) => type,
})

test('attributes are read as they were written, at any length and in any depth', () => {
	const check = fc.property(anyAttributes, fc.integer({ min: 1, max: 0x3fff }), (list, outer) => {
		const inner = list.map(([type, value]) => bytes(type, value))
		const found = readNested(attributes(nested(outer, ...inner)), outer)
		assert.deepEqual(
			Array.from(found, ([type, value]) => [type, Uint8Array.from(value)]),
			list,
		)
	})
	fc.assert(check)
})

test('numbers, texts and addresses are read as they were written', () => {
	const values = fc.record({
		small: fc.integer({ min: 0, max: 0xff }),
		large: fc.integer({ min: 0, max: 0xffffffff }),
		word: fc.stringMatching(/^[!-~]{0,15}$/),
		v4: fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }),
		v6: fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
	})
	const check = fc.property(values, ({ small, large, word, v4, v6 }) => {
		const four = { family: 4, value: v4 } as const
		const six = { family: 6, value: v6 } as const
		const found = attributes(Buffer.concat([u8(1, small), u32(2, large), text(3, word), ip(4, four), ip(5, six)]))
		assert.equal(readU8(found, 1), small)
		assert.equal(readU32(found, 2), large)
		assert.equal(readText(found, 3), word)
		assert.deepEqual(readIp(found, 4), four)
		assert.deepEqual(readIp(found, 5), six)
		assert.equal(readU32(found, 6), undefined)
	})
	fc.assert(check)
})

test('messages of one datagram are read as they were written', () => {
	const one = fc.record({
		type: fc.integer({ min: 0, max: 0xffff }),
		sequence: fc.integer({ min: 0, max: 0xffffffff }),
		body: fc.uint8Array({ maxLength: 40 }).map((value) => Buffer.from(value.subarray(0, value.length & ~3))),
	})
	const check = fc.property(fc.array(one), (list) => {
		const datagram = Buffer.concat(
			list.map(({ type, sequence, body }) => encodeMessage({ type, flags: 0, body }, sequence)),
		)
		assert.deepEqual(
			decodeMessages(datagram),
			list.map(({ type, sequence, body }) => ({ type, flags: 5, sequence, body })),
		)
	})
	fc.assert(check)
})

test('what is cut short is refused, what is whole is not', () => {
	const attribute = u32(4, 1450)
	assert.equal(attributes(attribute).size, 1)
	assert.throws(() => attributes(attribute.subarray(0, 6)), RangeError)
	assert.throws(() => attributes(Buffer.from(hex('0300 0400'), 'hex')), RangeError)
	const message = encodeMessage({ type: 16, flags: 0, body: attribute }, 1)
	assert.equal(decodeMessages(message).length, 1)
	assert.throws(() => decodeMessages(message.subarray(0, 20)), RangeError)
})

test('an answer says the error and, where the kernel has words for it, those', () => {
	const [success] = decodeMessages(
		Buffer.from(hex('24000000 0200 0001 01000000 00000000', '00000000', '20000000 1000 0506 01000000 00000000'), 'hex'),
	)
	assert.ok(success)
	assert.deepEqual(outcome(success), { errno: 0, detail: '' })

	const words = hex('0700 0100 6e6f00 00')
	const [failure] = decodeMessages(
		Buffer.from(
			hex('2c000000 0200 0003 01000000 00000000', 'efffffff', '20000000 1000 0506 01000000 00000000', words),
			'hex',
		),
	)
	assert.ok(failure)
	assert.deepEqual(outcome(failure), { errno: 17, detail: 'no' })

	const [done] = decodeMessages(Buffer.from(hex('1c000000 0300 0202 01000000 00000000', 'eaffffff', words), 'hex'))
	assert.ok(done)
	assert.deepEqual(outcome(done), { errno: 22, detail: 'no' })
})
