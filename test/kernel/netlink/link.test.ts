/** The bytes of link requests, field by field, and the reading of a link. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
	deleteLink,
	getLink,
	getLinks,
	newBridge,
	newVeth,
	readLink,
	setBridgePort,
	setLink,
	setMtuByName,
} from '../../../src/kernel/netlink/link.ts'
import {
	deleteLinkAt,
	getAddressesAt,
	getLinkAt,
	getLinksAt,
	getNamespaceIds,
} from '../../../src/kernel/netlink/namespace.ts'
import { hex } from './hex.ts'

const CREATE = 0x600
/** struct ifinfomsg: family, type, index, flags, change. */
const NOTHING = '00 00 0000 00000000 00000000 00000000'
const UP = '00 00 0000 00000000 01000000 01000000'

test('a bridge is created up, with its MAC, deaf to what hosts say to bridges', () => {
	const request = newBridge({ name: 'weft0', mac: '02:42:00:00:00:01' })
	assert.deepEqual([request.type, request.flags], [16, CREATE])
	assert.equal(
		request.body.toString('hex'),
		hex(
			UP,
			'0a00 0300 776566743000 0000',
			'0a00 0100 024200000001 0000',
			'2000 1280',
			'0b00 0100 62726964676500 00',
			'1000 0280',
			'0c00 2e00 01000000 01000000',
		),
	)
})

test('both ends of a veth pair are in one message', () => {
	const request = newVeth({ name: 'weft1', peer: 'c1', peerMac: '02:42:00:00:00:02', master: 7, mtu: 1450 })
	assert.deepEqual([request.type, request.flags], [16, CREATE])
	assert.equal(
		request.body.toString('hex'),
		hex(
			UP,
			'0a00 0300 776566743100 0000',
			'0800 0400 aa050000',
			'0800 0a00 07000000',
			'4400 1280',
			'0900 0100 7665746800 000000',
			'3400 0280',
			'3000 0180',
			NOTHING,
			'0700 0300 633100 00',
			'0800 0400 aa050000',
			'0a00 0100 024200000002 0000',
		),
	)
})

test('a link is deleted by name', () => {
	const request = deleteLink('weft1')
	assert.deepEqual([request.type, request.flags], [17, 0])
	assert.equal(request.body.toString('hex'), hex(NOTHING, '0a00 0300 776566743100 0000'))
})

test('a link of another namespace is named by that and its index', () => {
	const there = hex('00 00 0000 07000000 00000000 00000000', '0800 2e00 03000000')
	assert.equal(deleteLinkAt({ namespace: 3, index: 7 }).type, 17)
	assert.equal(deleteLinkAt({ namespace: 3, index: 7 }).body.toString('hex'), there)
	assert.equal(getLinkAt({ namespace: 3, index: 7 }).type, 18)
	assert.equal(getLinkAt({ namespace: 3, index: 7 }).body.toString('hex'), there)
})

test('all of another namespace is asked for by its number, and all numbers are', () => {
	assert.deepEqual([getLinksAt(3).type, getLinksAt(3).flags], [18, 0])
	assert.equal(getLinksAt(3).body.toString('hex'), hex(NOTHING, '0800 1d00 08000000', '0800 2e00 03000000'))
	assert.deepEqual([getAddressesAt(3).type, getAddressesAt(3).flags], [22, 0])
	assert.equal(getAddressesAt(3).body.toString('hex'), hex('00 00 00 00 00000000', '0800 0a00 03000000'))
	assert.deepEqual(getNamespaceIds(), { type: 90, flags: 0, body: Buffer.alloc(4) })
})

test('a change carries what changes and nothing else', () => {
	assert.equal(setLink({ index: 9 }).type, 19)
	assert.equal(setLink({ index: 9 }).body.toString('hex'), hex('00 00 0000 09000000 00000000 00000000'))
	assert.equal(setLink({ index: 9, up: false }).body.toString('hex'), hex('00 00 0000 09000000 00000000 01000000'))
	assert.equal(
		setLink({ index: 9, up: true, master: 0, mtu: 1400, mac: '02:42:00:00:00:04' }).body.toString('hex'),
		hex(
			'00 00 0000 09000000 01000000 01000000',
			'0800 0a00 00000000',
			'0800 0400 78050000',
			'0a00 0100 024200000004 0000',
		),
	)
	assert.equal(setMtuByName('vx', 1400).body.toString('hex'), hex(NOTHING, '0700 0300 767800 00 0800 0400 78050000'))
})

test('options of a bridge port go in the family of bridges', () => {
	const header = '07 00 0000 09000000 00000000 00000000'
	assert.equal(
		setBridgePort({ index: 9, hairpin: true, isolated: false }).body.toString('hex'),
		hex(header, '1400 0c80', '0500 0400 01 000000', '0500 2100 00 000000'),
	)
	assert.equal(setBridgePort({ index: 9 }).body.toString('hex'), hex(header, '0400 0c80'))
})

test('links are asked for without their counters, and one with them', () => {
	assert.equal(getLinks().body.toString('hex'), hex(NOTHING, '0800 1d00 08000000'))
	assert.equal(getLink('lo').body.toString('hex'), hex(NOTHING, '0700 0300 6c6f00 00'))
	assert.equal(getLink(7).body.toString('hex'), '00000000070000000000000000000000')
})

test('a link is read with what it has', () => {
	const message = (...groups: string[]) => ({
		type: 16,
		flags: 0,
		sequence: 1,
		body: Buffer.from(hex(...groups), 'hex'),
	})
	const port = message(
		'00 00 0100 05000000 43100100 00000000',
		'0a00 0300 776566743100 0000',
		'0800 0400 aa050000',
		'0800 0500 04000000',
		'0800 0a00 02000000',
		'0800 1b00 03000000',
		'0a00 0100 024200000004 0000',
		'1000 1200 0900 0100 7665746800 000000',
	)
	assert.deepEqual(readLink(port), {
		index: 5,
		name: 'weft1',
		kind: 'veth',
		mac: '02:42:00:00:00:04',
		mtu: 1450,
		up: true,
		masterIndex: 2,
		linkIndex: 4,
		group: 3,
	})
	const tunnel = message('00 00 0003 06000000 80000000 00000000', '0900 0300 74756e6c00 000000', '0800 0100 00000000')
	assert.deepEqual(readLink(tunnel), { index: 6, name: 'tunl', mac: '', mtu: 0, up: false, group: 0 })
	const moved = message('00 00 0000 06000000 80000000 00000000', '0800 2d00 03000000', '0800 3100 09000000')
	assert.deepEqual(readLink(moved).movedTo, { namespace: 3, index: 9 })
})
