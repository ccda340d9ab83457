/** The bytes of the question for a family's number, and the reading of the answer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getFamily, readFamily } from '../../../src/kernel/netlink/generic.ts'
import { hex } from './hex.ts'

test('a family is asked for by its name, and its number is read', () => {
	const { type, body } = getFamily('wireguard')
	// struct genlmsghdr: command, version, reserved.
	assert.deepEqual([type, body.toString('hex')], [16, hex('03 01 0000', '0e00 0200 776972656775617264 00 0000')])
	const answer = (...attributes: string[]) => {
		return { type: 16, flags: 0, sequence: 1, body: Buffer.from(hex('01 02 0000', ...attributes), 'hex') }
	}
	assert.equal(readFamily(answer('0e00 0200 776972656775617264 00 0000', '0600 0100 1c00 0000')), 28)
	assert.equal(readFamily(answer('0e00 0200 776972656775617264 00 0000')), undefined)
})
