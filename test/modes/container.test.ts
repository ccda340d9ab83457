/** What a network of mode container is: on the host a link for each container, and with its owner what mode host is on the host. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { OwnedNetwork } from '../../src/model/network.ts'
import { container } from '../../src/modes/container.ts'
import { host } from '../../src/modes/host.ts'
import { parseOptions } from '../../src/network/options.ts'
import { expectGolden } from '../support/golden.ts'
import { renderPlan } from '../support/plan.ts'
import { DUAL_STACK, ENDPOINT, foundPort } from './shared.ts'

function network(more: Partial<OwnedNetwork> = {}): OwnedNetwork {
	const options = parseOptions({ mode: 'container', container: 'web' })
	assert.ok(options.mode === 'container')
	return { ...DUAL_STACK, options, ...more }
}

const PUBLISHING = { ...ENDPOINT, published: [foundPort('0.0.0.0', '10.0.0.2'), foundPort('::1', 'fd00::2')] }

describe('a network of mode container', () => {
	it('with both families is on file', () => {
		expectGolden('container/dual-stack.txt', renderPlan(container, network(), PUBLISHING))
	})

	it('with IPv4 alone is on file', () => {
		const { ipv6: _, ...four } = ENDPOINT
		const published = [foundPort('0.0.0.0', '10.0.0.2')]
		expectGolden('container/ipv4.txt', renderPlan(container, network({ ipv6: [] }), { ...four, published }))
	})

	it('is with its owner what mode host is on the host, but for where links end', () => {
		const owned = container.owned
		assert.ok(owned)
		assert.deepEqual(owned.network(network()), host.network(network()))
		assert.deepEqual(owned.published(network(), PUBLISHING), host.published(network(), PUBLISHING))
		const [link, ...rest] = owned.attached(network(), PUBLISHING)
		assert.deepEqual(link, { kind: 'passthru', name: 'wv0', master: 'weft0' })
		assert.deepEqual(rest, host.attached(network(), PUBLISHING).slice(1))
	})

	it('refuses to be internal, and what a bridge network refuses', () => {
		assert.throws(
			() => container.validate(network({ internal: true })),
			/mode container leads to container web and its ways out, which --internal forbids/,
		)
		assert.throws(() => container.validate(network({ ipv4: [], ipv6: [] })), /needs IPv4 or IPv6/)
		container.validate(network())
	})
})
