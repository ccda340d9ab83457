/** The bytes of requests for rules about marks, field by field, and the reading of what others have beside them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deleteRule, getRules, newRule, readRule } from '../../../src/kernel/netlink/rule.ts'
import { hex } from './hex.ts'

const RULE = { family: 4, mark: 0x8000000, table: 7766, priority: 7000 } as const
const ATTRIBUTES = '0800 0600 581b0000 0800 0a00 00000008 0800 1000 00000008 0800 0f00 561e0000'

test('a rule leads packets with a bit of the mark to a table', () => {
	// struct fib_rule_hdr: family, lengths, tos, table, two reserved, action, flags.
	const made = newRule(RULE)
	assert.deepEqual([made.type, made.flags], [32, 0x600])
	assert.equal(made.body.toString('hex'), hex('02 00 00 00 00 00 00 01 00000000', ATTRIBUTES))
	const gone = deleteRule({ ...RULE, family: 6 })
	assert.deepEqual([gone.type, gone.flags], [33, 0])
	assert.equal(gone.body.toString('hex'), hex('0a 00 00 00 00 00 00 01 00000000', ATTRIBUTES))
	assert.equal(getRules(6).body.toString('hex'), hex('0a 00 00 00 00 00 00 00 00000000'))
})

test('a rule is read as it was made, and one about something else not at all', () => {
	const read = (...attributes: string[]) => {
		const body = Buffer.from(hex('02 00 00 00 fe 00 00 01 00000000', ...attributes), 'hex')
		return readRule({ type: 32, flags: 0, sequence: 1, body })
	}
	assert.deepEqual(read(ATTRIBUTES), { mark: 0x8000000, table: 7766, priority: 7000 })
	assert.equal(read('0800 0600 fe7f0000 0800 0f00 fe000000'), undefined)
	assert.equal(read('0800 0a00 00000008 0800 1000 000000ff 0800 0f00 561e0000'), undefined)
})
