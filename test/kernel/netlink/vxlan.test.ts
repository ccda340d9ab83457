/** The bytes of requests for VXLAN devices, field by field, and the reading of one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newVxlan, readVxlan } from '../../../src/kernel/netlink/vxlan.ts'
import { parseIp } from '../../../src/model/address.ts'
import { hex } from './hex.ts'

/** struct ifinfomsg: family, type, index, flags, change. */
const UP = '00 00 0000 00000000 01000000 01000000'
const VXLAN = { name: 'vx', id: 42, port: 4789, mtu: 1450, mac: '02:42:00:00:00:03', learning: false } as const

test('a VXLAN device has its source address in the attribute of its family', () => {
	const front = hex(UP, '0700 0300 767800 00', '0800 0400 aa050000', '0a00 0100 024200000003 0000')
	const kind = '0a00 0100 76786c616e00 0000'
	const data = ['0800 0100 2a000000', '0600 0f00 12b5 0000', '0500 0700 00 000000'] as const
	assert.equal(newVxlan(VXLAN).body.toString('hex'), front + hex('2c00 1280', kind, '1c00 0280', ...data))
	assert.equal(
		newVxlan({ ...VXLAN, local: parseIp('192.0.2.1') }).body.toString('hex'),
		front + hex('3400 1280', kind, '2400 0280', ...data, '0800 0400 c0000201'),
	)
	assert.equal(
		newVxlan({ ...VXLAN, local: parseIp('2001:db8::1') }).body.toString('hex'),
		front + hex('4000 1280', kind, '3000 0280', ...data, '1400 1100 20010db8000000000000000000000001'),
	)
})

test('a VXLAN device is read as it was asked for, and of another link nothing', () => {
	const read = (request: { readonly type: number; readonly body: Buffer }) => {
		return readVxlan({ type: request.type, flags: 0, sequence: 0, body: request.body })
	}
	for (const local of [parseIp('192.0.2.1'), parseIp('2001:db8::1')]) {
		assert.deepEqual(read(newVxlan({ ...VXLAN, local })), { id: 42, port: 4789, local })
	}
	assert.deepEqual(read(newVxlan(VXLAN)), { id: 42, port: 4789 })
	assert.deepEqual(read({ type: 16, body: Buffer.from(hex(UP, '0700 0300 767800 00'), 'hex') }), {})
})
