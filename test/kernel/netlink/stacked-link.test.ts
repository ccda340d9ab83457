/** The bytes of requests for links that sit on another one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newDummy, newIpvlan, newMacvlan, newVlan } from '../../../src/kernel/netlink/stacked-link.ts'
import { hex } from './hex.ts'

const CREATE = 0x600
/** struct ifinfomsg: family, type, index, flags, change. */
const DOWN = '00 00 0000 00000000 00000000 00000000'
const UP = '00 00 0000 00000000 01000000 01000000'

test('a macvlan is on its parent, with its mode and MAC, and down', () => {
	const link = { name: 'wv1', parent: 7, mode: 'bridge', mac: '02:42:0a:00:00:02', up: false } as const
	const request = newMacvlan(link)
	assert.deepEqual([request.type, request.flags], [16, CREATE])
	const [front, mac] = ['0800 0300 77763100 0800 0500 07000000', '0a00 0100 02420a000002 0000']
	const kind = '0c00 0100 6d6163766c616e00'
	assert.equal(request.body.toString('hex'), hex(DOWN, front, mac, '1c00 1280', kind, '0c00 0280 0800 0100 04000000'))
	assert.equal(
		newMacvlan({ ...link, mtu: 1400, up: true }).body.toString('hex'),
		hex(UP, front, '0800 0400 78050000', mac, '1c00 1280', kind, '0c00 0280 0800 0100 04000000'),
	)
	for (const [mode, number] of [
		['private', '01'],
		['vepa', '02'],
		['passthru', '08'],
	] as const) {
		assert.ok(
			newMacvlan({ ...link, mode })
				.body.toString('hex')
				.endsWith(hex('0800 0100', number, '000000')),
		)
	}
})

test('a macvlan may be made in another network namespace, with the MAC of its parent', () => {
	const link = { name: 'wv1', parent: 7, mode: 'passthru', up: false, namespace: 9 } as const
	const place = '0800 1c00 09000000'
	const kind = ['1c00 1280', '0c00 0100 6d6163766c616e00', '0c00 0280 0800 0100 08000000']
	assert.equal(
		newMacvlan(link).body.toString('hex'),
		hex(DOWN, '0800 0300 77763100 0800 0500 07000000', place, ...kind),
	)
})

test('an ipvlan has a mode and a flag, and no MAC', () => {
	const link = { name: 'wv1', parent: 7, mode: 'l2', flag: 'bridge', up: false } as const
	const front = hex(DOWN, '0800 0300 77763100 0800 0500 07000000', '2400 1280', '0b00 0100 6970766c616e00 00')
	assert.equal(
		newIpvlan(link).body.toString('hex'),
		front + hex('1400 0280', '0600 0100 0000 0000 0600 0200 0000 0000'),
	)
	assert.equal(
		newIpvlan({ ...link, mode: 'l3s', flag: 'vepa' }).body.toString('hex'),
		front + hex('1400 0280', '0600 0100 0200 0000 0600 0200 0200 0000'),
	)
	assert.equal(
		newIpvlan({ ...link, mode: 'l3', flag: 'private' }).body.toString('hex'),
		front + hex('1400 0280', '0600 0100 0100 0000 0600 0200 0100 0000'),
	)
})

test('a VLAN has its number', () => {
	assert.equal(
		newVlan({ name: 'e.50', parent: 7, id: 50, up: true }).body.toString('hex'),
		hex(
			UP,
			'0900 0300 652e353000 000000 0800 0500 07000000',
			'1c00 1280',
			'0900 0100 766c616e00 000000',
			'0c00 0280 0600 0100 3200 0000',
		),
	)
})

test('a dummy has a name and no more', () => {
	assert.equal(
		newDummy('d').body.toString('hex'),
		hex(UP, '0600 0300 6400 0000', '1000 1280', '0a00 0100 64756d6d7900 0000'),
	)
})
