/** Networks on a link of the host: what they need of it, who may share it, and the life of a container's link. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCode } from '../../src/errors.ts'
import type { LinkFacts } from '../../src/kernel/host.ts'
import { hasParent } from '../../src/model/network.ts'
import { diff } from '../../src/network/diff.ts'
import { repairNetwork } from '../../src/network/resync.ts'
import {
	attach,
	type Bench,
	bench,
	ENDPOINT,
	endpointRequest,
	endpoints,
	idOf,
	NETWORK,
	networkRequest,
	networks,
} from './host.ts'

function macvlan(number = 1, options: Readonly<Record<string, string>> = {}) {
	return networkRequest(number, { options: { mode: 'macvlan', parent: 'eth0', ...options } })
}

function withParent(more: Partial<LinkFacts> = {}): Bench {
	const host = bench()
	host.kernel.addForeignLink('eth0', more)
	return host
}

describe('a macvlan network', () => {
	it('leaves the parent alone, and takes the whole of a container’s link from the host', async () => {
		const host = withParent()
		const before = host.kernel.objects()
		await host.verbs.createNetwork(macvlan())
		assert.deepEqual(host.kernel.objects(), before)
		assert.deepEqual(await host.verbs.createEndpoint(endpointRequest()), { mac: '02:42:0a:d2:01:02' })
		const answer = await host.verbs.join(NETWORK, ENDPOINT)
		const [{ link } = { link: '' }] = endpoints(host)
		const gateways = { gateway: '10.210.1.1', gatewayIpv6: 'fd00:1::1' }
		assert.deepEqual(answer, { link, prefix: 'eth', ...gateways, routes: [], noGatewayService: true })
		assert.deepEqual(host.kernel.objects(), [...before, `link ${link}`])
		host.kernel.moveAway(link)
		await host.verbs.leave(NETWORK, ENDPOINT)
		host.kernel.moveBack(link)
		await host.verbs.deleteEndpoint(NETWORK, ENDPOINT)
		await host.verbs.deleteNetwork(NETWORK)
		assert.deepEqual([networks(host), endpoints(host), host.kernel.objects()], [[], [], before])
	})

	it('gives an address again when nobody has it, and not while the macvlan that has it is in a container', async () => {
		const host = withParent()
		await host.verbs.createNetwork(macvlan())
		await attach(host, endpointRequest())
		const [{ link } = { link: '' }] = endpoints(host)
		const again = { ...endpointRequest(), id: idOf('again') }
		await assert.rejects(host.verbs.createEndpoint(again), (error: Error) => {
			return isCode(error, 'in-use') && error.message === `the address 10.210.1.2/24 is in use by endpoint ${ENDPOINT}`
		})
		host.kernel.moveBack(link)
		await host.verbs.createEndpoint(again)
		assert.deepEqual(
			endpoints(host).map(({ id }) => id),
			[again.id],
		)
	})

	it('without a parent has a dummy for as long as it is there', async () => {
		const host = bench()
		await host.verbs.createNetwork(networkRequest(1, { options: { mode: 'macvlan' } }))
		assert.deepEqual(host.kernel.objects(), [`link weft-${NETWORK.slice(0, 10)}`])
		await attach(host, endpointRequest())
		await host.verbs.deleteNetwork(NETWORK)
		assert.deepEqual(host.kernel.objects(), [])
	})

	for (const [what, parent, words] of [
		['missing', undefined, /parent="eth0" is no link of this host/],
		['down', { up: false }, /parent="eth0" is down; "ip link set eth0 up" first/],
		['the loopback', { loopback: true }, /is the loopback/],
		['a port of a bridge', { masterKind: 'bridge' }, /is a port of a bridge/],
		['a macvlan', { kind: 'macvlan' }, /is itself on another link \(macvlan\)/],
		['an ipvlan', { kind: 'ipvlan' }, /is itself on another link \(ipvlan\)/],
	] as const) {
		it(`is refused where its parent is ${what}`, async () => {
			const host = parent === undefined ? bench() : withParent(parent)
			const before = host.kernel.objects()
			await assert.rejects(
				host.verbs.createNetwork(macvlan()),
				(error: Error) => isCode(error, 'invalid') && words.test(error.message),
			)
			assert.deepEqual([networks(host), host.kernel.objects()], [[], before])
		})
	}

	it('has no larger packets than its parent', async () => {
		const host = withParent({ mtu: 1400 })
		await assert.rejects(
			host.verbs.createNetwork(macvlan(1, { mtu: '1500' })),
			/mtu="1500" is more than the 1400 bytes/,
		)
		await host.verbs.createNetwork(macvlan(1, { mtu: '1400' }))
	})

	it('shares its parent and even its subnet, but for passthru', async () => {
		const host = withParent()
		const passthru = macvlan(4, { macvlan_mode: 'passthru' })
		await host.verbs.createNetwork(macvlan(1))
		await host.verbs.createNetwork({ ...macvlan(1, { macvlan_mode: 'private' }), id: idOf('network 2') })
		await assert.rejects(
			host.verbs.createNetwork(passthru),
			(error: Error) =>
				isCode(error, 'in-use') && /parent eth0 is that of network .*to have it alone/.test(error.message),
		)
		for (const number of [1, 2]) await host.verbs.deleteNetwork(idOf(`network ${number}`))
		await host.verbs.createNetwork(passthru)
		await assert.rejects(host.verbs.createNetwork(macvlan(5)), /that network has it alone/)
	})

	it('is on its parent by whatever name that is called', async () => {
		const host = withParent()
		host.kernel.addForeignLink('enp3s0', { name: 'eth0' })
		await host.verbs.createNetwork(macvlan(1, { parent: 'enp3s0', macvlan_mode: 'passthru' }))
		assert.deepEqual(
			networks(host).map((network) => hasParent(network) && network.parent),
			['eth0'],
		)
		await assert.rejects(host.verbs.createNetwork(macvlan(2)), /that network has it alone/)
	})

	it('says where a container with -p is reached', async () => {
		const host = withParent()
		await host.verbs.createNetwork(macvlan())
		await host.verbs.createEndpoint(endpointRequest(2, 1, { publishes: true }))
		await host.verbs.createEndpoint(endpointRequest(3))
		const name = NETWORK.slice(0, 12)
		const where = 'all are reached at 10.210.1.2 and fd00:1::2'
		assert.deepEqual(host.told, [`ports are not published on network ${name}, of mode macvlan: ${where}`])
	})

	it('keeps a running container over a restart, and one that dockerd is on its way to fetch', async () => {
		const first = withParent()
		await first.verbs.createNetwork(macvlan())
		await attach(first, endpointRequest(2))
		await first.verbs.createEndpoint(endpointRequest(3))
		const { link = '' } = await first.verbs.join(NETWORK, endpointRequest(3).id)
		const host = bench(first.store, first.kernel)
		assert.deepEqual(await host.resync(), { networks: 1, endpoints: 2, dead: 0 })
		assert.equal(host.kernel.hasLink(link), true)
		host.kernel.moveAway(link)
	})

	it('takes away at the start what dockerd has put back meanwhile', async () => {
		const first = withParent()
		await first.verbs.createNetwork(macvlan())
		await attach(first, endpointRequest())
		const [{ link } = { link: '' }] = endpoints(first)
		first.kernel.moveBack(link)
		const host = bench(first.store, first.kernel)
		assert.deepEqual(await host.resync(), { networks: 1, endpoints: 0, dead: 1 })
		assert.equal(host.kernel.hasLink(link), false)
	})

	it('starts containers again when its parent is back', async () => {
		const host = withParent()
		await host.verbs.createNetwork(macvlan())
		host.kernel.loseLink('eth0')
		await host.verbs.createEndpoint(endpointRequest())
		await assert.rejects(host.verbs.join(NETWORK, ENDPOINT), /the parent eth0 is not there/)
		host.kernel.addForeignLink('eth0')
		await host.verbs.join(NETWORK, ENDPOINT)
	})
})

describe('a macvlan network with host_access', () => {
	const state = {
		addresses: ['10.210.1.200/24', '192.0.2.1/24', 'fd00:1::200/64', 'fe80::1/64'],
		routesLocalnet: false,
	}
	const request = macvlan(1, { host_access: 'true' })
	const shim = `weft${NETWORK.slice(0, 11)}`
	const ofNetwork = [
		`address ${shim} 10.210.1.200/32`,
		`address ${shim} fd00:1::200/128`,
		`element shims ${shim}`,
		`link ${shim}`,
	]
	const ofEndpoint = [
		`element beside ${shim} . 02:42:0a:d2:01:02`,
		`route 10.210.1.2/32 ${shim}`,
		`route fd00:1::2/128 ${shim}`,
	]

	async function joined(): Promise<Bench> {
		const host = withParent({ state })
		await host.verbs.createNetwork(request)
		await attach(host, endpointRequest())
		return host
	}

	const ofShim = (host: Bench) => host.kernel.objects().filter((each) => each.includes(shim))

	it('has a link of the host with the host’s own address, and a route for each container while it runs', async () => {
		const host = await joined()
		assert.deepEqual(ofShim(host), [...ofNetwork, ...ofEndpoint].sort())
		await host.verbs.leave(NETWORK, ENDPOINT)
		assert.deepEqual(ofShim(host), ofNetwork)
		await host.verbs.deleteNetwork(NETWORK)
		assert.deepEqual(ofShim(host), [])
	})

	it('has no route to a container that has left, after a look at everything and after the next start', async () => {
		const first = await joined()
		await first.verbs.leave(NETWORK, ENDPOINT)
		await repairNetwork(first.host, NETWORK)
		assert.deepEqual([ofShim(first), await diff(first.host)], [ofNetwork, []])
		const host = bench(first.store, first.kernel)
		assert.deepEqual(await host.resync(), { networks: 1, endpoints: 0, dead: 1 })
		assert.deepEqual(ofShim(host), ofNetwork)
		await host.verbs.deleteEndpoint(NETWORK, ENDPOINT)
		assert.deepEqual(endpoints(host), [])
	})

	it('has the route again for one that joins once more', async () => {
		const first = await joined()
		await first.verbs.leave(NETWORK, ENDPOINT)
		const { link = '' } = await first.verbs.join(NETWORK, ENDPOINT)
		first.kernel.moveAway(link)
		const host = bench(first.store, first.kernel)
		assert.deepEqual(await host.resync(), { networks: 1, endpoints: 1, dead: 0 })
		assert.deepEqual(ofShim(host), [...ofNetwork, ...ofEndpoint].sort())
	})

	it('has its routes again after a reboot and after somebody took the link away', async () => {
		const first = await joined()
		const before = ofShim(first)
		first.kernel.reboot()
		first.kernel.addForeignLink('eth0', { state })
		const host = bench(first.store, first.kernel)
		await host.resync()
		assert.deepEqual(ofShim(host), before)
		host.kernel.loseLink(shim)
		await repairNetwork(host.host, NETWORK)
		assert.deepEqual(ofShim(host), before)
	})

	it('is refused where the host has no address of the subnet on the parent', async () => {
		const host = withParent()
		const words = /host_access="true" needs an address of the host on eth0 in 10\.210\.1\.0\/24, and there is none/
		await assert.rejects(host.verbs.createNetwork(request), words)
		host.kernel.addForeignLink('eth0', { state: { addresses: ['10.210.1.200/24'], routesLocalnet: false } })
		await assert.rejects(
			host.verbs.createNetwork(request),
			/an address of the host on eth0 in fd00:1::\/64, and there is/,
		)
		assert.deepEqual(networks(host), [])
		assert.deepEqual(ofShim(host), [])
	})
})

describe('an ipvlan network', () => {
	const ipvlan = (number = 1, options: Readonly<Record<string, string>> = {}) => {
		return networkRequest(number, { options: { mode: 'ipvlan', parent: 'eth0', ...options } })
	}

	it('never answers with a MAC address, and has no chosen one', async () => {
		const host = withParent()
		await host.verbs.createNetwork(ipvlan())
		assert.deepEqual(await host.verbs.createEndpoint(endpointRequest()), {})
		assert.deepEqual(await host.verbs.createEndpoint(endpointRequest()), {})
		await assert.rejects(
			host.verbs.createEndpoint(endpointRequest(3, 1, { mac: '02:00:00:00:00:07' })),
			(error: Error) => isCode(error, 'invalid') && /02:00:00:00:00:07 cannot be had.*mode ipvlan/.test(error.message),
		)
		assert.equal(endpoints(host).length, 1)
	})

	for (const [mode, way] of [
		['l2', { gateway: '10.210.1.1', gatewayIpv6: 'fd00:1::1', routes: [] }],
		['l3', { routes: [{ destination: '0.0.0.0/0' }, { destination: '::/0' }] }],
		['l3s', { routes: [{ destination: '0.0.0.0/0' }, { destination: '::/0' }] }],
	] as const) {
		it(`has a way out by ${mode === 'l2' ? 'its gateways' : 'its link'} in ${mode}, and none where it is internal`, async () => {
			const host = withParent()
			await host.verbs.createNetwork(ipvlan(1, { ipvlan_mode: mode }))
			await host.verbs.createNetwork({ ...ipvlan(2, { ipvlan_mode: mode }), internal: true })
			for (const [number, wanted] of [
				[1, way],
				[2, { routes: [] }],
			] as const) {
				const request = endpointRequest(2, number)
				await host.verbs.createEndpoint(request)
				const { link = '', ...answer } = await host.verbs.join(request.networkId, request.id)
				assert.deepEqual(answer, { prefix: 'eth', noGatewayService: true, ...wanted })
				host.kernel.moveAway(link)
			}
		})
	}

	it('shares its parent with those of its mode and flag, and with no macvlan', async () => {
		const host = withParent()
		await host.verbs.createNetwork(ipvlan(1, { ipvlan_mode: 'l3' }))
		await host.verbs.createNetwork(ipvlan(2, { ipvlan_mode: 'l3' }))
		for (const [request, words] of [
			[
				ipvlan(3),
				/parent eth0 is that of network .*: all ipvlans on a parent have one mode and flag, there ipvlan_mode="l3"/,
			],
			[ipvlan(3, { ipvlan_mode: 'l3', ipvlan_flag: 'vepa' }), /there ipvlan_mode="l3" and ipvlan_flag="bridge"/],
			[macvlan(3), /that one is of mode ipvlan, and a link can be the parent of macvlans or of ipvlans, not of both/],
		] as const) {
			await assert.rejects(
				host.verbs.createNetwork(request),
				(error: Error) => isCode(error, 'in-use') && words.test(error.message),
			)
		}
		for (const number of [1, 2]) await host.verbs.deleteNetwork(idOf(`network ${number}`))
		await host.verbs.createNetwork(macvlan(3))
		await assert.rejects(host.verbs.createNetwork(ipvlan(4)), /that one is of mode macvlan/)
		host.kernel.addForeignLink('eth1')
		await host.verbs.createNetwork(ipvlan(4, { parent: 'eth1' }))
	})

	it('without a parent has a dummy for as long as it is there', async () => {
		const host = bench()
		await host.verbs.createNetwork(networkRequest(1, { options: { mode: 'ipvlan', ipvlan_mode: 'l3' } }))
		assert.deepEqual(host.kernel.objects(), [`link weft-${NETWORK.slice(0, 10)}`])
		await attach(host, endpointRequest())
		await host.verbs.deleteNetwork(NETWORK)
		assert.deepEqual(host.kernel.objects(), [])
	})
})

describe('an ipvlan network with host_access', () => {
	const shim = `weft${NETWORK.slice(0, 11)}`
	const ofShim = (host: Bench) => host.kernel.objects().filter((each) => each.includes(shim))
	const request = (mode: string) => {
		return networkRequest(1, { options: { mode: 'ipvlan', parent: 'eth0', ipvlan_mode: mode, host_access: 'true' } })
	}
	const addressed = (...addresses: readonly string[]) => ({ state: { addresses, routesLocalnet: false } })

	for (const [mode, addresses, proxies] of [
		['l2', ['10.210.1.200/24', 'fd00:1::200/64'], [`proxy ${shim} fd00:1::200`]],
		['l3', ['192.0.2.1/24', '2001:db8::1/64', 'fe80::1/64'], []],
	] as const) {
		it(`in ${mode} has a link of the host without an address, and routes while containers run`, async () => {
			const host = withParent(addressed(...addresses))
			await host.verbs.createNetwork(request(mode))
			const ofNetwork = [`link ${shim}`, ...proxies]
			assert.deepEqual(ofShim(host), ofNetwork)
			await attach(host, endpointRequest())
			const neighbours = mode === 'l2' ? [`neighbour ${shim} 10.210.1.2`, `neighbour ${shim} fd00:1::2`] : []
			const routes = [`route 10.210.1.2/32 ${shim}`, `route fd00:1::2/128 ${shim}`]
			assert.deepEqual(ofShim(host), [...ofNetwork, ...neighbours, ...routes].sort())
			await host.verbs.leave(NETWORK, ENDPOINT)
			await host.verbs.deleteNetwork(NETWORK)
			assert.deepEqual(ofShim(host), [])
		})
	}

	it('gives no container the address of the host', async () => {
		const host = withParent(addressed('10.210.1.200/24', 'fd00:1::200/64'))
		await host.verbs.createNetwork(request('l2'))
		await assert.rejects(host.verbs.createEndpoint(endpointRequest(200)), /10\.210\.1\.200 is the host's own/)
		await host.verbs.createEndpoint(endpointRequest(201))
	})

	it('is refused where the host has no address there, or would drop what containers send', async () => {
		for (const [mode, facts, words] of [
			[
				'l2',
				addressed('192.0.2.1/24', 'fd00:1::9/64'),
				/an address of the host on eth0 in 10\.210\.1\.0\/24, and there is none/,
			],
			['l3', addressed('192.0.2.1/24', 'fe80::1/64'), /needs an IPv6 address of the host on eth0, and there is none/],
			[
				'l2',
				{ ...addressed('10.210.1.9/24', 'fd00:1::9/64'), strict: true },
				/needs net\.ipv4\.conf\.eth0\.rp_filter=2/,
			],
		] as const) {
			const host = withParent(facts)
			await assert.rejects(host.verbs.createNetwork(request(mode)), words)
			assert.deepEqual([networks(host), ofShim(host)], [[], []])
		}
		const strict = withParent({ ...addressed('10.210.1.9/24', 'fd00:1::9/64'), strict: true })
		await strict.verbs.createNetwork(request('l3s'))
	})
})
