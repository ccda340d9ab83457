/** The bytes of neighbour and forwarding requests, field by field, and entries read as they were written. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
	addProxy,
	deleteForwarding,
	deleteNeighbour,
	deleteProxy,
	getForwardings,
	getNeighbours,
	readForwarding,
	readNeighbour,
	setForwarding,
	setNeighbour,
} from '../../../src/kernel/netlink/neighbour.ts'
import { parseIp } from '../../../src/model/address.ts'
import { anyIp, anyMac } from './arbitraries.ts'
import { hex } from './hex.ts'

const mac = '02:42:00:00:00:01'

test('a neighbour is permanent and takes the place of what is known', () => {
	const request = setNeighbour({ index: 3, ip: parseIp('10.0.0.5'), mac })
	assert.deepEqual([request.type, request.flags], [28, 0x500])
	assert.equal(
		request.body.toString('hex'),
		hex('02 00 0000 03000000 8000 00 00', '0800 0100 0a000005', '0a00 0200 024200000001 0000'),
	)
	const gone = deleteNeighbour(3, parseIp('10.0.0.5'))
	assert.deepEqual([gone.type, gone.flags], [29, 0])
	assert.equal(gone.body.toString('hex'), hex('02 00 0000 03000000 0000 00 00', '0800 0100 0a000005'))
})

test('a proxy is an address for which this host answers', () => {
	const request = addProxy(3, parseIp('fd00::5'))
	const body = hex('0a 00 0000 03000000 8000 08 00', '1400 0100 fd000000000000000000000000000005')
	assert.deepEqual([request.type, request.flags, request.body.toString('hex')], [28, 0x500, body])
	const gone = deleteProxy(3, parseIp('fd00::5'))
	assert.deepEqual([gone.type, gone.flags, gone.body.toString('hex')], [29, 0, body])
})

test('neighbours are asked for by link or all', () => {
	assert.equal(getNeighbours(0).body.toString('hex'), hex('00 00 0000 00000000 0000 00 00'))
	assert.equal(getNeighbours(3).body.toString('hex'), hex('00 00 0000 00000000 0000 00 00', '0800 0800 03000000'))
})

test('a forwarding entry is permanent and belongs to the device itself', () => {
	const request = setForwarding({ index: 3, mac, remote: parseIp('192.0.2.7') })
	assert.deepEqual([request.type, request.flags], [28, 0x500])
	assert.equal(
		request.body.toString('hex'),
		hex('07 00 0000 03000000 8000 02 00', '0a00 0200 024200000001 0000', '0800 0100 c0000207'),
	)
	const gone = deleteForwarding(3, mac)
	assert.deepEqual([gone.type, gone.flags], [29, 0])
	assert.equal(gone.body.toString('hex'), hex('07 00 0000 03000000 0000 02 00', '0a00 0200 024200000001 0000'))
	assert.equal(getForwardings(3).body.toString('hex'), hex('07 00 0000 03000000 0000 00 00'))
})

test('entries are read as they were written', () => {
	const check = fc.property(anyIp, anyMac, fc.integer({ min: 1, max: 0x7fffffff }), (ip, address, index) => {
		const neighbour = setNeighbour({ index, ip, mac: address })
		assert.deepEqual(readNeighbour({ ...neighbour, sequence: 1 }), { index, ip, mac: address, permanent: true })
		const forwarding = setForwarding({ index, mac: address, remote: ip })
		assert.deepEqual(readForwarding({ ...forwarding, sequence: 1 }), { index, mac: address, remote: ip })
	})
	fc.assert(check)
})

test('what the kernel made up itself is left out, what it learned is not', () => {
	const read = (state: string) =>
		readNeighbour({
			type: 28,
			flags: 0,
			sequence: 1,
			body: Buffer.from(hex(`02 00 0000 03000000 ${state} 00 00`, '0800 0100 0a000005'), 'hex'),
		})
	assert.equal(read('4000'), undefined)
	assert.deepEqual(read('0200'), { index: 3, ip: parseIp('10.0.0.5'), permanent: false })
	const local = { type: 28, flags: 0, sequence: 1, body: setNeighbour({ index: 3, ip: parseIp('::1'), mac }).body }
	assert.equal(readForwarding(local), undefined)
})
