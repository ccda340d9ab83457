/** The options of mode overlay: defaults, what is accepted, what is refused and how, and what all hosts must have alike. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isCode } from '../../src/errors.ts'
import { BACKENDS } from '../../src/model/options.ts'
import { formatOptions, parseOptions } from '../../src/network/options.ts'
import { formatShared, parseOverlay } from '../../src/network/overlay-options.ts'

const LABEL = 'com.docker.network'

function refused(raw: Record<string, string>, words: RegExp): void {
	assert.throws(
		() => parseOptions({ mode: 'overlay', ...raw }),
		(error: unknown) => isCode(error, 'invalid') && words.test(error.message),
		JSON.stringify(raw),
	)
}

describe('the options of an overlay network', () => {
	it('have defaults, and are taken as given', () => {
		const { backend, id, blocks, replicate, icc, antispoof, masquerade } = parseOverlay({})
		assert.deepEqual([backend, id, replicate, blocks], ['vxlan', undefined, true, { 4: 26, 6: 122 }])
		assert.deepEqual([icc, antispoof, masquerade], [true, true, true])
		const given = parseOverlay({ backend: 'host-gw', id: 'a-b_c.1', replicate: 'false', block: '/28', mtu: '1300' })
		assert.deepEqual(
			[given.backend, given.id, given.replicate, given.blocks, given.mtu],
			['host-gw', 'a-b_c.1', false, { 4: 28, 6: 122 }, 1300],
		)
	})

	it('have blocks of each family', () => {
		for (const [text, blocks] of [
			['26', { 4: 26, 6: 122 }],
			['/16', { 4: 16, 6: 122 }],
			['/64', { 4: 26, 6: 64 }],
			['/30,/126', { 4: 30, 6: 126 }],
			['/126,30', { 4: 30, 6: 126 }],
		] as const) {
			assert.deepEqual(parseOverlay({ block: text }).blocks, blocks, text)
		}
		for (const block of ['/15', '/31', '/33', '/63', '/127', '/129', '/26,/27', '/26,', '26/', 'x', '-1', '/26 ']) {
			refused({ block }, /block=".*" must be a mask length for a family, such as \/26/)
		}
	})

	it('are refused with the value and what is accepted', () => {
		refused({ backend: 'gre' }, /backend="gre" must be one of vxlan, host-gw, wireguard/)
		for (const id of ['a/b', 'a b', 'x'.repeat(65), 'a!b']) refused({ id }, /id=".*" must be 1 to 64 letters/)
		refused({ replicate: 'maybe' }, /replicate="maybe" must be true or false/)
		refused({ parent: 'eth0' }, /parent belongs to mode macvlan and ipvlan; this network's mode is overlay/)
	})

	it('are written so that they are read back the same', () => {
		const raw = fc.record(
			{
				backend: fc.constantFrom(...BACKENDS),
				id: fc.stringMatching(/^[\w.-]{1,64}$/),
				block: fc.constantFrom('/20', '/24,/96', '/100'),
				mtu: fc.integer({ min: 68, max: 9000 }).map(String),
				antispoof: fc.constantFrom('true', 'false'),
				[`${LABEL}.bridge.enable_icc`]: fc.constantFrom('true', 'false'),
				[`${LABEL}.bridge.name`]: fc.constant('mine'),
				[`${LABEL}.host_ipv4`]: fc.constant('192.0.2.1'),
			},
			{ requiredKeys: [] },
		)
		fc.assert(
			fc.property(raw, (each) => {
				const options = parseOptions({ ...each, mode: 'overlay' } as Record<string, string>)
				assert.deepEqual(parseOptions(formatOptions(options)), options)
			}),
		)
	})

	it('have those alone in common on all hosts that are of no host', () => {
		const own = { [`${LABEL}.bridge.name`]: 'mine', [`${LABEL}.bridge.host_binding_ipv4`]: '127.0.0.1', id: 'x' }
		const source = { [`${LABEL}.host_ipv4`]: '192.0.2.1', [`${LABEL}.host_ipv6`]: '2001:db8::1' }
		assert.deepEqual(formatShared(parseOverlay({ ...own, ...source })), formatShared(parseOverlay({})))
		assert.notDeepEqual(formatShared(parseOverlay({ mtu: '1400' })), formatShared(parseOverlay({})))
		assert.notDeepEqual(formatShared(parseOverlay({ antispoof: 'false' })), formatShared(parseOverlay({})))
	})
})
