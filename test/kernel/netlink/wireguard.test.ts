/** The bytes of requests for WireGuard devices, field by field, and the reading of one that comes in several messages. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Message } from '../../../src/kernel/netlink/message.ts'
import {
	allow,
	disallow,
	getDevice,
	readDevice,
	removePeer,
	setDevice,
	setPeer,
} from '../../../src/kernel/netlink/wireguard.ts'
import { parseCidr, parseIp } from '../../../src/model/address.ts'
import { hex } from './hex.ts'

const FAMILY = 28
/** struct genlmsghdr of WG_CMD_SET_DEVICE, and the name wg0. */
const SET = '01 01 0000 0800 0200 776730 00'
const [ONE, TWO] = ['11', '22'].map((digits) => digits.repeat(32)) as [string, string]

function key(digits: string): string {
	return Buffer.from(digits, 'hex').toString('base64')
}

function sent({ type, flags, body }: { type: number; flags: number; body: Buffer }): string {
	assert.deepEqual([type, flags], [FAMILY, 0])
	return body.toString('hex')
}

test('a device gets its private key and its port', () => {
	const expected = hex(SET, '2400 0300', ONE, '0600 0600 6cca 0000')
	assert.equal(sent(setDevice(FAMILY, 'wg0', key(ONE), 51820)), expected)
})

test('a peer is made with its address of either family, and taken away', () => {
	const four = setPeer(FAMILY, 'wg0', key(ONE), { ip: parseIp('192.0.2.2'), port: 51820 }, 25)
	const peer = hex('2400 0100', ONE)
	const keepalive = '0600 0500 1900 0000'
	assert.equal(
		sent(four),
		hex(SET, '4800 0880', '4400 0080', peer, '1400 0400 0200 ca6c c0000202 0000000000000000', keepalive),
	)
	const six = setPeer(FAMILY, 'wg0', key(ONE), { ip: parseIp('2001:db8::2'), port: 51820 }, 25)
	const endpoint = '2000 0400 0a00 ca6c 00000000 20010db8000000000000000000000002 00000000'
	assert.equal(sent(six), hex(SET, '5400 0880', '5000 0080', peer, endpoint, keepalive))
	const gone = removePeer(FAMILY, 'wg0', key(ONE))
	assert.equal(sent(gone), hex(SET, '3400 0880', '3000 0080', peer, '0800 0300 01000000'))
})

test('what a peer is allowed is added to it alone, and taken away with a peer for that', () => {
	const four = '1c00 0080 0600 0100 0200 0000 0800 0200 0a620040 0500 0300 1a 000000'
	assert.equal(
		sent(allow(FAMILY, 'wg0', key(ONE), parseCidr('10.98.0.64/26'))),
		hex(SET, '5400 0880', '5000 0080', '2400 0100', ONE, '0800 0300 04000000', '2000 0980', four),
	)
	const six = '2800 0080 0600 0100 0a00 0000 1400 0200 fd980000000000000000000000000040 0500 0300 7a 000000'
	const [carrier, end] = [
		['5400 0080', '2400 0100', TWO, '2c00 0980', six],
		['3000 0080', '2400 0100', TWO, '0800 0300 01000000'],
	] as const
	assert.equal(
		sent(disallow(FAMILY, 'wg0', key(TWO), parseCidr('fd98::40/122'))),
		hex(SET, '8800 0880', ...carrier, ...end),
	)
})

test('a device is asked for by its name, and read as a whole from several messages', () => {
	assert.equal(sent(getDevice(FAMILY, 'wg0')), hex('00 01 0000 0800 0200 776730 00'))
	const part = (...attributes: string[]): Message => {
		return { type: FAMILY, flags: 2, sequence: 1, body: Buffer.from(hex('00 01 0000', ...attributes), 'hex') }
	}
	const four = '1c00 0080 0600 0100 0200 0000 0800 0200 0a620040 0500 0300 1a 000000'
	const six = '2800 0080 0600 0100 0a00 0000 1400 0200 fd980000000000000000000000000040 0500 0300 7a 000000'
	const endpoint = '1400 0400 0200 ca6c c0000202 0000000000000000'
	const first = part(
		'0600 0600 6cca 0000',
		...['2400 0400', TWO],
		...['6000 0880', '5c00 0080', '2400 0100', ONE, endpoint, '2000 0980', four],
	)
	const second = part(
		...['8000 0880', '5400 0080', '2400 0100', ONE, '2c00 0980', six],
		...['2800 0180', '2400 0100', TWO],
	)
	assert.deepEqual(readDevice([first, second]), {
		publicKey: key(TWO),
		port: 51820,
		peers: new Map([
			[
				key(ONE),
				{
					publicKey: key(ONE),
					endpoint: { ip: parseIp('192.0.2.2'), port: 51820 },
					allowed: [parseCidr('10.98.0.64/26'), parseCidr('fd98::40/122')],
				},
			],
			[key(TWO), { publicKey: key(TWO), allowed: [] }],
		]),
	})
	assert.deepEqual(readDevice([part()]), { port: 0, peers: new Map() })
	assert.equal(readDevice([]), undefined)
})
