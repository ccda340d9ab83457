/** Networks whose containers have no link: records alone, from the first call to the last. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
	bench,
	ENDPOINT,
	endpointRequest,
	endpoints,
	idOf,
	NETWORK,
	networkRequest,
	networks,
	portRequest,
} from './host.ts'

const NONE = { options: { mode: 'none' } }

describe('a network of mode none', () => {
	it('gives a container neither link nor MAC nor gateway, and ports go nowhere', async () => {
		const host = bench()
		host.kernel.addSpare('wvs0000000001')
		const before = host.kernel.objects()
		await host.verbs.createNetwork(networkRequest(1, NONE))
		assert.deepEqual(await host.verbs.createEndpoint(endpointRequest()), {})
		assert.deepEqual(await host.verbs.join(NETWORK, ENDPOINT), { noGatewayService: true, routes: [] })
		await host.verbs.publish(NETWORK, ENDPOINT, [portRequest(8080)])
		await host.verbs.unpublish(NETWORK, ENDPOINT)
		assert.deepEqual(host.kernel.objects(), before)
		assert.deepEqual(host.kernel.passage.iptables, [])
		await host.verbs.leave(NETWORK, ENDPOINT)
		await host.verbs.deleteEndpoint(NETWORK, ENDPOINT)
		await host.verbs.deleteNetwork(NETWORK)
		assert.deepEqual([networks(host), endpoints(host), host.kernel.objects()], [[], [], before])
	})

	it('survives a restart with its containers, and gives an address again that Docker gives again', async () => {
		const first = bench()
		await first.verbs.createNetwork(networkRequest(1, NONE))
		await first.verbs.createEndpoint(endpointRequest())
		await first.verbs.join(NETWORK, ENDPOINT)
		const host = bench(first.store, first.kernel)
		assert.deepEqual(await host.resync(), { networks: 1, endpoints: 1, dead: 0 })
		assert.equal(endpoints(host).length, 1)
		await host.verbs.createEndpoint(endpointRequest(2, 1, { id: idOf('next') }))
		assert.deepEqual(
			endpoints(host).map(({ id }) => id),
			[idOf('next')],
		)
	})

	it('may have the subnet of another network, and none at all', async () => {
		const host = bench()
		await host.verbs.createNetwork(networkRequest(1))
		await host.verbs.createNetwork(networkRequest(1, { ...NONE, id: idOf('same') }))
		await host.verbs.createNetwork(networkRequest(1, { ...NONE, id: idOf('bare'), ipv4: [], ipv6: [] }))
		assert.equal(networks(host).length, 3)
	})

	it('needs no gateway, and refuses options of links', () => {
		const { verbs } = bench()
		assert.deepEqual(verbs.skipsGateway({ ...NONE, internal: false }), { 4: true, 6: true })
		const options = { mode: 'none', mtu: '1400' }
		assert.throws(() => verbs.skipsGateway({ options, internal: false }), /option mtu belongs to mode bridge.* is none/)
	})
})
