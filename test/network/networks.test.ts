/** Networks on a host in memory: made, repeated, refused, taken away, and made side by side. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCode } from '../../src/errors.ts'
import {
	attach,
	bench,
	bridgeNetworks,
	endpointRequest,
	idOf,
	networkRequest,
	networks,
	objectsOf,
	planned,
} from './host.ts'

const BRIDGE = 'com.docker.network.bridge.name'

describe('skipsGateway', () => {
	const MODE = 'com.docker.network.bridge.gateway_mode_ipv4'

	it('is decided from the options, before there is a network', () => {
		const { verbs } = bench()
		assert.deepEqual(verbs.skipsGateway({ options: {}, internal: true }), { 4: false, 6: false })
		assert.deepEqual(verbs.skipsGateway({ options: { [MODE]: 'isolated' }, internal: true }), { 4: true, 6: false })
	})

	it('refuses what createNetwork would refuse', () => {
		const { verbs } = bench()
		assert.throws(
			() => verbs.skipsGateway({ options: { [MODE]: 'tunnel' }, internal: true }),
			/gateway_mode_ipv4="tunnel"/,
		)
	})
})

describe('createNetwork', () => {
	it('makes what the mode plans, and a settled record', async () => {
		const host = bench()
		await host.verbs.createNetwork(networkRequest())
		const [network] = bridgeNetworks(host)
		assert.equal(network?.settled, true)
		assert.equal(network.mtu, 1450)
		assert.ok(planned(host).every((resource) => host.kernel.has(resource)))
		assert.deepEqual(host.kernel.objects(), objectsOf(planned(host)))
	})

	it('may be repeated with the same content', async () => {
		const host = bench()
		await host.verbs.createNetwork(networkRequest())
		const before = [networks(host), host.kernel.objects()]
		await host.verbs.createNetwork(networkRequest())
		assert.deepEqual([networks(host), host.kernel.objects()], before)
	})

	it('repeated makes again what somebody has taken away', async () => {
		const host = bench()
		await host.verbs.createNetwork(networkRequest())
		const before = host.kernel.objects()
		host.kernel.loseLink(bridgeNetworks(host)[0]?.bridge ?? '')
		assert.notDeepEqual(host.kernel.objects(), before)
		await host.verbs.createNetwork(networkRequest())
		assert.deepEqual(host.kernel.objects(), before)
	})

	for (const [what, more] of Object.entries({
		options: { options: { mtu: '1400' } },
		internal: { internal: true },
		'an IPv4 subnet': { ipv4: [] },
		'an IPv6 subnet': { ipv6: [] },
	})) {
		it(`is refused with the same id and another content: ${what}`, async () => {
			const host = bench()
			await host.verbs.createNetwork(networkRequest())
			const before = [networks(host), host.kernel.objects()]
			await assert.rejects(host.verbs.createNetwork(networkRequest(1, more)), (error: unknown) => {
				return isCode(error, 'exists') && error.message.includes('other settings')
			})
			assert.deepEqual([networks(host), host.kernel.objects()], before)
		})
	}

	it('comes and goes whatever its id is, also that of its own endpoint', { timeout: 20_000 }, async () => {
		for (const id of ['networks', 'n1', idOf('network 1')]) {
			const host = bench()
			await host.verbs.createNetwork(networkRequest(1, { id }))
			await host.verbs.createEndpoint({ networkId: id, id, ipv4: '10.210.1.2/24' })
			await host.verbs.join(id, id)
			await host.verbs.deleteNetwork(id)
			assert.deepEqual([networks(host), host.kernel.objects()], [[], []])
		}
	})

	it('is refused for a bad option and leaves nothing', async () => {
		const host = bench()
		await assert.rejects(host.verbs.createNetwork(networkRequest(1, { options: { mtu: 'x' } })), /mtu="x"/)
		assert.deepEqual([networks(host), host.kernel.objects(), host.store.commits], [[], [], []])
	})

	it('is refused where the kernel cannot filter on bridges and the network needs it', async () => {
		const host = bench(undefined, undefined, false)
		const cases = [
			[{ 'com.docker.network.bridge.enable_icc': 'false' }, /enable_icc="false" cannot be had.*bridges/],
			[{ antispoof: 'true' }, /antispoof cannot be had.*bridges; -o antispoof=false does without/],
			[{}, /antispoof cannot be had/],
		] as const
		for (const [options, words] of cases) {
			await assert.rejects(host.verbs.createNetwork(networkRequest(1, { options })), (error: unknown) => {
				return isCode(error, 'invalid') && words.test(error.message)
			})
			assert.deepEqual([networks(host), host.kernel.objects()], [[], []])
			await bench().verbs.createNetwork(networkRequest(1, { options }))
		}
		await host.verbs.createNetwork(networkRequest(1, { options: { antispoof: 'false' } }))
	})

	it('is refused where a label names other families than the flags, and for no family at all', async () => {
		const host = bench()
		const options = { 'com.docker.network.enable_ipv6': 'true' }
		await assert.rejects(host.verbs.createNetwork(networkRequest(1, { options, ipv6: [] })), /enable_ipv6="true"/)
		await assert.rejects(host.verbs.createNetwork(networkRequest(1, { ipv4: [], ipv6: [] })), /needs IPv4 or IPv6/)
		assert.deepEqual([networks(host), host.kernel.objects()], [[], []])
		await host.verbs.createNetwork(networkRequest(1, { options }))
	})

	it('is refused where another network has part of the subnet, and not beside it', async () => {
		const host = bench()
		await host.verbs.createNetwork(networkRequest(1, { ipv6: [] }))
		const inside = networkRequest(2, { ipv4: [{ pool: '10.210.1.128/25', reserved: {} }], ipv6: [] })
		await assert.rejects(host.verbs.createNetwork(inside), (error: unknown) => {
			return isCode(error, 'exists') && /10\.210\.1\.128\/25/.test(error.message)
		})
		const around = networkRequest(3, { ipv4: [{ pool: '10.210.0.0/16', reserved: {} }], ipv6: [] })
		await assert.rejects(host.verbs.createNetwork(around), (error: unknown) => isCode(error, 'exists'))
		await host.verbs.createNetwork(networkRequest(2))
		assert.equal(networks(host).length, 2)
	})

	it('takes any number of networks that Docker addresses nothing on', async () => {
		const host = bench()
		const ipv4 = [{ pool: '0.0.0.0/0', reserved: {} }]
		await host.verbs.createNetwork(networkRequest(1, { ipv4, ipv6: [] }))
		await host.verbs.createNetwork(networkRequest(2, { ipv4, ipv6: [] }))
		assert.equal(networks(host).length, 2)
	})

	it('gives two networks with the same first digits two bridges', async () => {
		const host = bench()
		const [a, b] = [`${'0'.repeat(32)}${'a'.repeat(32)}`, `${'0'.repeat(32)}${'b'.repeat(32)}`]
		await Promise.all([
			host.verbs.createNetwork(networkRequest(1, { id: a })),
			host.verbs.createNetwork(networkRequest(2, { id: b })),
		])
		assert.equal(new Set(bridgeNetworks(host).map(({ bridge }) => bridge)).size, 2)
	})

	it('leaves alone a link of that name that is somebody else’s', async () => {
		const host = bench()
		const first = bench()
		await first.verbs.createNetwork(networkRequest())
		const name = bridgeNetworks(first)[0]?.bridge ?? ''
		host.kernel.addForeignLink(name)
		await host.verbs.createNetwork(networkRequest())
		assert.notEqual(bridgeNetworks(host)[0]?.bridge, name)
	})

	it('refuses a bridge name that is taken, by a link, by another network or by Docker, and takes a free one', async () => {
		const host = bench()
		host.kernel.addForeignLink('eth0')
		host.kernel.addForeignLink('docker0', { kind: 'bridge' })
		const named = (number: number, name: string) => networkRequest(number, { options: { [BRIDGE]: name } })
		const inUse = (error: unknown) => isCode(error, 'in-use') && error.message.includes(BRIDGE)
		await assert.rejects(host.verbs.createNetwork(named(1, 'eth0')), inUse)
		await assert.rejects(host.verbs.createNetwork(named(1, 'docker0')), inUse)
		await host.verbs.createNetwork(named(2, 'mine'))
		host.kernel.addForeignLink('alias', { name: 'mine', kind: 'bridge' })
		for (const name of ['mine', 'alias']) await assert.rejects(host.verbs.createNetwork(named(3, name)), inUse)
		assert.deepEqual(
			bridgeNetworks(host).map(({ bridge }) => bridge),
			['mine'],
		)
	})

	it('takes over a bridge that is there, with its MTU, and leaves it as it was', async () => {
		const host = bench()
		const state = { addresses: ['10.210.1.1/24', '192.0.2.1/24'], routesLocalnet: false }
		host.kernel.addForeignLink('brook', { kind: 'bridge', mtu: 1300, state })
		const before = host.kernel.objects()
		await host.verbs.createNetwork(networkRequest(1, { options: { [BRIDGE]: 'brook' } }))
		const [network] = bridgeNetworks(host)
		assert.deepEqual([network?.bridge, network?.mtu, network?.adopted], ['brook', 1300, state])
		assert.ok(host.kernel.objects().includes('address brook fd00:1::1/64'))
		await attach(host, endpointRequest())
		await host.verbs.deleteNetwork(idOf('network 1'))
		assert.deepEqual(host.kernel.objects(), before)
		assert.equal(host.kernel.settings.get('net/ipv4/conf/brook/route_localnet'), '0')
	})

	it('takes over a bridge by another name that it has', async () => {
		const host = bench()
		host.kernel.addForeignLink('brook', { kind: 'bridge' })
		host.kernel.addForeignLink('alias', { kind: 'bridge', name: 'brook' })
		await host.verbs.createNetwork(networkRequest(1, { options: { [BRIDGE]: 'alias' } }))
		assert.equal(bridgeNetworks(host)[0]?.bridge, 'brook')
		await attach(host, endpointRequest())
	})

	it('gives containers the MTU that a bridge of somebody else’s has by then, unless another was asked for', async () => {
		for (const [options, wanted] of [
			[{}, 1400],
			[{ mtu: '1300' }, 1300],
		] as const) {
			const host = bench()
			const has = (mtu: number) => host.kernel.addForeignLink('brook', { kind: 'bridge', mtu })
			has(1500)
			await host.verbs.createNetwork(networkRequest(1, { options: { [BRIDGE]: 'brook', ...options } }))
			await attach(host, endpointRequest(2))
			has(1400)
			await attach(host, endpointRequest(3))
			const mtus = () => planned(host).flatMap((each) => (each.kind === 'veth' ? [each.mtu] : []))
			assert.deepEqual(mtus(), [wanted === 1300 ? 1300 : 1500, wanted])
		}
	})

	it('makes a bridge that it took over anew after a boot without it, and leaves it then too', async () => {
		const host = bench()
		host.kernel.addForeignLink('brook', { kind: 'bridge' })
		await host.verbs.createNetwork(networkRequest(1, { options: { [BRIDGE]: 'brook' } }))
		host.kernel.reboot()
		const again = bench(host.store, host.kernel)
		await again.resync()
		assert.deepEqual(again.kernel.objects(), objectsOf(planned(again)))
		await attach(again, endpointRequest())
		await again.verbs.deleteNetwork(idOf('network 1'))
		assert.deepEqual(again.kernel.objects(), ['link brook'])
	})

	it('is refused for a gateway that another link of the host has as its address', async () => {
		const host = bench()
		host.kernel.addForeignLink('eth0', { state: { addresses: ['10.210.1.1/16'], routesLocalnet: false } })
		await assert.rejects(host.verbs.createNetwork(networkRequest()), (error: unknown) => {
			return isCode(error, 'in-use') && /10\.210\.1\.1\/24 .* on eth0/.test(error.message)
		})
		assert.deepEqual(networks(host), [])
		const inhibited = { options: { 'com.docker.network.bridge.inhibit_ipv4': 'true' } }
		await host.verbs.createNetwork(networkRequest(1, inhibited))
		await host.verbs.createNetwork(networkRequest(2))
	})

	it('side by side lets one of two have a name or a subnet', async () => {
		const host = bench()
		const named = (number: number) => networkRequest(number, { options: { [BRIDGE]: 'mine' } })
		const byName = await Promise.allSettled([host.verbs.createNetwork(named(1)), host.verbs.createNetwork(named(2))])
		assert.deepEqual(byName.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
		const twin = (name: string) => networkRequest(5, { id: idOf(name) })
		const bySubnet = await Promise.allSettled([
			host.verbs.createNetwork(twin('one')),
			host.verbs.createNetwork(twin('two')),
		])
		assert.deepEqual(bySubnet.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
		assert.deepEqual(host.kernel.objects(), objectsOf(planned(host)))
	})

	it('leaves nothing where the disk refuses, and succeeds when asked again', async () => {
		const host = bench()
		host.store.failure = new Error('disk full')
		await assert.rejects(host.verbs.createNetwork(networkRequest()), /disk full/)
		assert.deepEqual([networks(host), host.kernel.objects()], [[], []])
		host.store.failure = undefined
		await host.verbs.createNetwork(networkRequest())
		assert.deepEqual(host.kernel.objects(), objectsOf(planned(host)))
	})
})

describe('the passage through other firewalls', () => {
	it('is kept for the bridges that there are, and given back with the last', async () => {
		const host = bench()
		await host.verbs.createNetwork(networkRequest(1))
		await host.verbs.createNetwork(networkRequest(2))
		await new Promise(setImmediate)
		assert.deepEqual(
			[...host.kernel.passage.iptables].sort(),
			bridgeNetworks(host)
				.map(({ bridge }) => bridge)
				.sort(),
		)
		assert.equal(host.kernel.passage.iptables.length, 2)
		await host.verbs.deleteNetwork(idOf('network 1'))
		assert.deepEqual(
			host.kernel.passage.iptables,
			bridgeNetworks(host).map(({ bridge }) => bridge),
		)
		await host.verbs.deleteNetwork(idOf('network 2'))
		assert.deepEqual(host.kernel.passage.iptables, [])
	})
})

describe('deleteNetwork', () => {
	it('takes everything away, with endpoints that Docker has forgotten', async () => {
		const host = bench()
		await host.verbs.createNetwork(networkRequest())
		await attach(host, endpointRequest())
		await host.verbs.deleteNetwork(idOf('network 1'))
		assert.deepEqual([networks(host), host.kernel.objects()], [[], []])
		assert.deepEqual(host.store.list('endpoint', idOf('network 1')), [])
	})

	it('leaves other networks as they are', async () => {
		const host = bench()
		await host.verbs.createNetwork(networkRequest(1))
		await attach(host, endpointRequest(2, 1))
		await host.verbs.createNetwork(networkRequest(2))
		await host.verbs.deleteNetwork(idOf('network 2'))
		assert.deepEqual(host.kernel.objects(), objectsOf(planned(host)))
		assert.ok(planned(host).every((resource) => host.kernel.has(resource)))
		assert.equal(networks(host).length, 1)
	})

	it('succeeds for the unknown and when repeated', async () => {
		const host = bench()
		await host.verbs.deleteNetwork(idOf('nobody'))
		await host.verbs.createNetwork(networkRequest())
		await host.verbs.deleteNetwork(idOf('network 1'))
		await host.verbs.deleteNetwork(idOf('network 1'))
		assert.deepEqual(networks(host), [])
	})

	it('waits for the creation that is under way', async () => {
		const host = bench()
		await Promise.all([host.verbs.createNetwork(networkRequest()), host.verbs.deleteNetwork(idOf('network 1'))])
		assert.deepEqual([networks(host), host.kernel.objects()], [[], []])
	})
})
