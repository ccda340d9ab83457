/** The bytes of requests about connections, field by field, and a connection as a kernel listed it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deleteFlow, type FlowFilter, getFlows, readFlow } from '../../../src/kernel/netlink/conntrack.ts'
import type { Message } from '../../../src/kernel/netlink/message.ts'
import { formatIp, parseIp } from '../../../src/model/address.ts'
import { hex } from './hex.ts'

/** From 192.0.2.1:4000 to 192.0.2.1:53 by UDP, which leads to 127.0.0.9:5353. */
const ORIGINAL = [
	'3400 0180 1400 0180 0800 0100 c0000201 0800 0200 c0000201',
	'1c00 0280 0500 0100 11000000 0600 0200 0fa0 0000 0600 0300 0035 0000',
]
const REPLY = [
	'3400 0280 1400 0180 0800 0100 7f000009 0800 0200 c0000201',
	'1c00 0280 0500 0100 11000000 0600 0200 14e9 0000 0600 0300 0fa0 0000',
]
const ID = '0800 0c00 2560b0c5'

function listed(...parts: string[]): Message {
	return { type: 0x100, flags: 2, sequence: 1, body: Buffer.from(hex('02 00 0000', ...parts), 'hex') }
}

test('connections are asked for by protocol, by the port that they were sent to, and by a source', () => {
	const { type, flags } = getFlows({ family: 4, protocol: 'udp' })
	assert.deepEqual([type, flags], [0x101, 0])
	const asked = (filter: FlowFilter, ...parts: string[]) => {
		assert.equal(getFlows(filter).body.toString('hex'), hex(...parts))
	}
	const [v4, v6] = ['02 00 0000', '0a 00 0000']
	const all = '1000 0180 0c00 0280 0500 0100 11 000000'
	asked({ family: 4, protocol: 'udp' }, v4, all, '1400 1980 0800 0100 08000000 0800 0200 00000000')
	const toPort = '1800 0180 1400 0280 0500 0100 84 000000 0600 0300 1f90 0000'
	asked({ family: 6, protocol: 'sctp', toPort: 8080 }, v6, toPort, '1400 1980 0800 0100 28000000 0800 0200 00000000')
	const from = '1c00 0180 0c00 0180 0800 0100 0a000002 0c00 0280 0500 0100 11 000000'
	asked(
		{ family: 4, protocol: 'udp', from: { direction: 'original', ip: parseIp('10.0.0.2') } },
		...[v4, from, '1400 1980 0800 0100 09000000 0800 0200 00000000'],
	)
	const answeredFrom = '2800 0280 1800 0180 1400 0300 fd00000000000000 0000000000000002 0c00 0280 0500 0100 11 000000'
	asked(
		{ family: 6, protocol: 'udp', from: { direction: 'reply', ip: parseIp('fd00::2') } },
		...[v6, answeredFrom, '1400 1980 0800 0100 00000000 0800 0200 09000000'],
	)
})

test('a connection is read with both directions, and deleted by what names it', () => {
	const flow = readFlow(listed(...ORIGINAL, ...REPLY, '0800 0300 000001a8', '0800 0800 00000000', ID))
	assert.ok(flow)
	const ends = [flow.original.source, flow.original.destination, flow.reply.source, flow.reply.destination]
	assert.equal(flow.protocol, 'udp')
	assert.deepEqual(
		ends.map(({ ip, port }) => `${formatIp(ip)} ${port}`),
		['192.0.2.1 4000', '192.0.2.1 53', '127.0.0.9 5353', '192.0.2.1 4000'],
	)
	const request = deleteFlow(flow)
	assert.deepEqual([request.type, request.flags], [0x102, 0])
	assert.equal(request.body.toString('hex'), hex('02 00 0000', ...ORIGINAL, ID))
})

test('a connection of a zone is deleted in that zone', () => {
	const flow = readFlow(listed(...ORIGINAL, ...REPLY, ID, '0600 1200 0007 0000'))
	assert.ok(flow)
	assert.equal(deleteFlow(flow).body.toString('hex'), hex('02 00 0000', ...ORIGINAL, '0600 1200 0007 0000', ID))
})

test('what has no ports of ours is passed over', () => {
	const icmp = [...ORIGINAL, ...REPLY].map((part) => part.replace('0100 11000000', '0100 01000000'))
	assert.equal(readFlow(listed(...icmp, ID)), undefined)
	assert.equal(readFlow(listed(...ORIGINAL, ID)), undefined)
})
