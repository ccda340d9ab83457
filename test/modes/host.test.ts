/** What a host network is in the kernel: a bridge network, but for what it refuses. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { element } from '../../src/kernel/resource.ts'
import type { BridgeNetwork, Endpoint, PublishedPort } from '../../src/model/network.ts'
import { bridge } from '../../src/modes/bridge.ts'
import { host } from '../../src/modes/host.ts'
import { parseOptions } from '../../src/network/options.ts'

function network(mode: 'bridge' | 'host', more: Partial<BridgeNetwork> = {}): BridgeNetwork {
	const options = parseOptions({ mode })
	assert.ok(options.mode === 'bridge' || options.mode === 'host')
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

const PORT: PublishedPort = {
	protocol: 'tcp',
	hostIp: '::',
	hostPort: 80,
	containerIp: 'fd00::2',
	containerPort: 80,
	found: true,
}
const ENDPOINT: Endpoint = {
	id: 'e1',
	networkId: 'n1',
	ipv4: '10.0.0.2/24',
	ipv6: 'fd00::2/64',
	mac: '02:42:0a:00:00:02',
	link: 'wv0',
	published: [PORT],
}

describe('a host network', () => {
	it('is in the kernel what a bridge network is, and its ports are what published ports are', () => {
		const gateways = [element('gateways4', ['weft0', '10.0.0.1']), element('gateways6', ['weft0', 'fd00::1'])]
		assert.deepEqual(host.network(network('host')), [...bridge.network(network('bridge')), ...gateways])
		assert.deepEqual(host.attached(network('host'), ENDPOINT), bridge.attached(network('bridge'), ENDPOINT))
		const { found: _found, ...asked } = PORT
		const same = { ...ENDPOINT, published: [asked] }
		assert.deepEqual(host.published(network('host'), ENDPOINT), bridge.published(network('bridge'), same))
		assert.equal(host.published(network('host'), ENDPOINT).filter(({ kind }) => kind === 'port').length, 1)
	})

	it('refuses to be internal, and what a bridge network refuses', () => {
		assert.throws(() => host.validate(network('host', { internal: true })), /--internal forbids/)
		assert.throws(() => host.validate(network('host', { ipv4: [], ipv6: [] })), /needs IPv4 or IPv6/)
		host.validate(network('host'))
	})
})
