/** What nftables tells of a transaction, message by message. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type RuleNotice, readRuleNotice } from '../../../src/kernel/netlink/nftables.ts'
import { hex } from './hex.ts'

/** struct nfgenmsg of a family, then `weft` as the table's name. */
const IN_WEFT = '01 00 0003 0900 0100 7765667400 000000'
const HANDLE = '0c00 0400 0000000000000001'

function notice(type: number, ...body: string[]): RuleNotice | undefined {
	return readRuleNotice({ type, flags: 0, sequence: 0, body: Buffer.from(hex(...body), 'hex') })
}

const WEFT = { kind: 'change', family: 'inet', table: 'weft' }

test('a table that comes or goes', () => {
	assert.deepEqual(notice(0xa00, IN_WEFT, '0800 0300 00000000', HANDLE), { ...WEFT, whole: 'new' })
	assert.deepEqual(notice(0xa02, IN_WEFT, HANDLE), { ...WEFT, whole: 'gone' })
})

test('a chain and a rule, by the name of the chain', () => {
	for (const type of [0xa03, 0xa05]) {
		assert.deepEqual(notice(type, IN_WEFT, '0600 0300 6300 0000', HANDLE), { ...WEFT, chain: 'c' })
	}
	for (const type of [0xa06, 0xa08]) {
		assert.deepEqual(notice(type, IN_WEFT, '0600 0200 6300 0000', HANDLE), { ...WEFT, chain: 'c' })
	}
})

test('anything else in a table', () => {
	for (const type of [0xa09, 0xa0b, 0xa0c, 0xa0e, 0xa12]) {
		assert.deepEqual(notice(type, IN_WEFT, '0600 0200 7300 0000', HANDLE), WEFT)
	}
})

test('the families by their names', () => {
	const families = [1, 2, 3, 5, 7, 10].map((family) => {
		const read = notice(0xa00, family.toString(16).padStart(2, '0'), IN_WEFT.slice(2))
		return read?.kind === 'change' ? read.family : undefined
	})
	assert.deepEqual(families, ['inet', 'ip', 'arp', 'netdev', 'bridge', 'ip6'])
})

test('the end of a transaction, with the program that made it', () => {
	const ended = notice(0xa0f, '00 00 0007', '0800 0100 00000007', '0800 0200 00000fcb', '0800 0300 6e667400')
	assert.deepEqual(ended, { kind: 'done', program: 'nft' })
})

test('nothing of other subsystems', () => {
	assert.equal(notice(0x100, IN_WEFT), undefined)
})
