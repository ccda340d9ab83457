/** What a host network is in the kernel: a bridge network, but for what it refuses. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { element } from '../../src/kernel/resource.ts'
import type { BridgeNetwork } from '../../src/model/network.ts'
import { bridge } from '../../src/modes/bridge.ts'
import { host } from '../../src/modes/host.ts'
import { parseOptions } from '../../src/network/options.ts'
import { DUAL_STACK, ENDPOINT, foundPort } from './shared.ts'

function network(mode: 'bridge' | 'host', more: Partial<BridgeNetwork> = {}): BridgeNetwork {
	const options = parseOptions({ mode })
	assert.ok(options.mode === 'bridge' || options.mode === 'host')
	return { ...DUAL_STACK, options, ...more }
}

const PORT = foundPort('::', 'fd00::2')
const PUBLISHING = { ...ENDPOINT, published: [PORT] }

describe('a host network', () => {
	it('is in the kernel what a bridge network is, and its ports are what published ports are', () => {
		const gateways = [element('gateways4', ['weft0', '10.0.0.1']), element('gateways6', ['weft0', 'fd00::1'])]
		assert.deepEqual(host.network(network('host')), [...bridge.network(network('bridge')), ...gateways])
		assert.deepEqual(host.attached(network('host'), PUBLISHING), bridge.attached(network('bridge'), PUBLISHING))
		const { found: _found, ...asked } = PORT
		const same = { ...PUBLISHING, published: [asked] }
		assert.deepEqual(host.published(network('host'), PUBLISHING), bridge.published(network('bridge'), same))
		assert.equal(host.published(network('host'), PUBLISHING).filter(({ kind }) => kind === 'port').length, 1)
	})

	it('refuses to be internal, and what a bridge network refuses', () => {
		assert.throws(() => host.validate(network('host', { internal: true })), /--internal forbids/)
		assert.throws(() => host.validate(network('host', { ipv4: [], ipv6: [] })), /needs IPv4 or IPv6/)
		host.validate(network('host'))
	})
})
