/** What a container's table is as text; what it does is tried in test/live/networks-host-loopback.test.ts. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { renderLoopbacks, renderNone, type SharedLoopback } from '../../src/kernel/loopback-table.ts'
import { expectGolden } from '../support/golden.ts'

const FOUR: SharedLoopback = {
	own: '10.0.0.2',
	gateway: '10.0.0.1',
	outward: [
		{ protocol: 'tcp', port: 22 },
		{ protocol: 'udp', port: 53 },
	],
	inward: [],
}
const SIX: SharedLoopback = {
	own: 'fd00::2',
	gateway: 'fd00::1',
	outward: [],
	inward: [{ protocol: 'sctp', port: 80 }],
}

describe('the table of a container', () => {
	it('has rules for each family that the container has', () => {
		expectGolden('loopback/dual-stack.nft', renderLoopbacks('wv0123456789a', { 4: FOUR, 6: SIX }))
		expectGolden('loopback/ipv4.nft', renderLoopbacks('wv0123456789a', { 4: FOUR }))
	})

	it('goes whether or not it is there', () => {
		assert.equal(renderNone('wv0'), 'table inet weft-wv0\ndelete table inet weft-wv0\n')
	})

	it('takes no text that is not what it should be', () => {
		assert.throws(() => renderNone('wv0; flush ruleset'), /not a link name/)
		assert.throws(() => renderLoopbacks('wv0', { 4: { ...FOUR, own: '10.0.0.2 drop' } }), /not an IPv4 address/)
		assert.throws(() => renderLoopbacks('wv0', { 4: { ...FOUR, gateway: 'fd00::1' } }), /not an IPv4 address/)
		const bad = [{ protocol: 'tcp', port: 65536 }] as const
		assert.throws(() => renderLoopbacks('wv0', { 6: { ...SIX, inward: bad } }), /not a port/)
	})
})
