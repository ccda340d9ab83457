/** What a network of mode container is: on the host a link for each container, and with its owner what mode host is on the host. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Endpoint, OwnedNetwork, PublishedPort } from '../../src/model/network.ts'
import { container } from '../../src/modes/container.ts'
import { host } from '../../src/modes/host.ts'
import { parseOptions } from '../../src/network/options.ts'
import { expectGolden } from '../support/golden.ts'
import { renderPlan } from '../support/plan.ts'

function network(more: Partial<OwnedNetwork> = {}): OwnedNetwork {
	const options = parseOptions({ mode: 'container', container: 'web' })
	assert.ok(options.mode === 'container')
	const subnet = (pool: string, gateway: string) => [{ pool, gateway, reserved: {} }]
	return {
		id: 'n1',
		bridge: 'weft0',
		mtu: 1500,
		internal: false,
		ipv4: subnet('10.0.0.0/24', '10.0.0.1/24'),
		ipv6: subnet('fd00::/64', 'fd00::1/64'),
		settled: true,
		options,
		...more,
	}
}

function port(hostIp: string, containerIp: string): PublishedPort {
	return { protocol: 'tcp', hostIp, hostPort: 80, containerIp, containerPort: 80, found: true }
}

const ENDPOINT: Endpoint = {
	id: 'e1',
	networkId: 'n1',
	ipv4: '10.0.0.2/24',
	ipv6: 'fd00::2/64',
	mac: '02:42:0a:00:00:02',
	link: 'wv0',
	published: [port('0.0.0.0', '10.0.0.2'), port('::1', 'fd00::2')],
}

describe('a network of mode container', () => {
	it('with both families is on file', () => {
		expectGolden('container/dual-stack.txt', renderPlan(container, network(), ENDPOINT))
	})

	it('with IPv4 alone is on file', () => {
		const { ipv6: _, ...four } = ENDPOINT
		const published = [port('0.0.0.0', '10.0.0.2')]
		expectGolden('container/ipv4.txt', renderPlan(container, network({ ipv6: [] }), { ...four, published }))
	})

	it('is with its owner what mode host is on the host, but for where links end', () => {
		const owned = container.owned
		assert.ok(owned)
		assert.deepEqual(owned.network(network()), host.network(network()))
		assert.deepEqual(owned.published(network(), ENDPOINT), host.published(network(), ENDPOINT))
		const [link, ...rest] = owned.attached(network(), ENDPOINT)
		assert.deepEqual(link, { kind: 'passthru', name: 'wv0', master: 'weft0' })
		assert.deepEqual(rest, host.attached(network(), ENDPOINT).slice(1))
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
