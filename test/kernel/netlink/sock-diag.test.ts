/** The bytes of requests for listening sockets, field by field, and sockets as a kernel listed them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Message } from '../../../src/kernel/netlink/message.ts'
import { getListeners, readListener } from '../../../src/kernel/netlink/sock-diag.ts'
import { formatIp, parseIp, toBytes } from '../../../src/model/address.ts'
import { hex } from './hex.ts'

const ZEROS = (bytes: number) => '00'.repeat(bytes)
/** Attributes that the kernel adds to each socket of this machine: shutdown, mark, control group. */
const REST = '0500 0800 00000000 0800 0f00 00000000 0c00 1500 0100000000000000'

/** struct inet_diag_msg: the four bytes in front, the two ports, the source, the link, and attributes. */
function listed(front: string, port: string, source: string, link: string, ...attributes: string[]): Message {
	const id = [port, '0000', source, ZEROS(16), link, '0100000000000000']
	const text = hex(front, ...id, ZEROS(16), 'ed8f0000', ...attributes)
	return { type: 20, flags: 2, sequence: 1, body: Buffer.from(text, 'hex') }
}

test('listening sockets are asked for by family and protocol, and by the state in which each protocol has them', () => {
	const asked = (...about: Parameters<typeof getListeners>) => {
		const { type, flags, body } = getListeners(...about)
		assert.deepEqual([type, flags, body.length], [20, 0, 56])
		assert.equal(body.subarray(8).toString('hex'), ZEROS(48))
		return body.subarray(0, 8).toString('hex')
	}
	assert.equal(asked(4, 'tcp'), hex('02 06 00 00 00040000'))
	assert.equal(asked(6, 'tcp'), hex('0a 06 00 00 00040000'))
	assert.equal(asked(4, 'udp'), hex('02 11 00 00 80000000'))
	assert.equal(asked(6, 'sctp'), hex('0a 84 00 00 00040000'))
})

test('a socket is read with its address, its port and what else it hears', () => {
	const local = readListener('tcp', listed('02 0a 00 00', '1fbb', `7f000001${ZEROS(12)}`, '00000000', REST))
	assert.deepEqual(local, { protocol: 'tcp', ip: parseIp('127.0.0.1'), port: 8123, both: false })
	const any = listed('0a 0a 00 00', '1fbc', ZEROS(16), '00000000', '0500 0800 00000000', '0500 0b00 00000000')
	assert.deepEqual(readListener('tcp', any), { protocol: 'tcp', ip: parseIp('::'), port: 8124, both: true })
	const only = listed('0a 07 00 00', '0035', ZEROS(16), '03000000', '0500 0b00 01000000')
	assert.deepEqual(readListener('udp', only), { protocol: 'udp', ip: parseIp('::'), port: 53, both: false, link: 3 })
	const own = listed('0a 0a 00 00', '0050', 'fd000000000000000000000000000002', '00000000', '0500 0b00 00000000')
	assert.deepEqual(readListener('tcp', own), { protocol: 'tcp', ip: parseIp('fd00::2'), port: 80, both: false })
	const mapped = listed('0a 0a 00 00', '0050', `${ZEROS(10)}ffff0a000002`, '00000000', '0500 0b00 00000000')
	assert.deepEqual(readListener('tcp', mapped), { protocol: 'tcp', ip: parseIp('10.0.0.2'), port: 80, both: false })
})

test('what nobody can send to is none: a socket without a port, and an answer that is cut', () => {
	const none = listed('02 07 00 00', '0000', ZEROS(16), '00000000')
	assert.equal(readListener('udp', none), undefined)
	assert.equal(readListener('udp', { ...none, body: none.body.subarray(0, 71) }), undefined)
})

test('every address and port comes out as it went in', () => {
	const part = fc.integer({ min: 0, max: 255 })
	const address = fc.oneof(
		fc.array(part, { minLength: 4, maxLength: 4 }),
		fc.array(part, { minLength: 16, maxLength: 16 }).filter((bytes) => bytes.slice(0, 10).some((byte) => byte !== 0)),
	)
	fc.assert(
		fc.property(address, fc.integer({ min: 1, max: 65535 }), (bytes, port) => {
			const [front, pad] = bytes.length === 4 ? ['02 0a 00 00', ZEROS(12)] : ['0a 0a 00 00', '']
			const source = `${Buffer.from(bytes).toString('hex')}${pad}`
			const read = readListener('tcp', listed(front, port.toString(16).padStart(4, '0'), source, '00000000'))
			assert.ok(read)
			assert.deepEqual([Array.from(toBytes(read.ip)), read.port], [bytes, port], formatIp(read.ip))
		}),
	)
})
