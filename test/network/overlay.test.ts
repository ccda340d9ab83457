/** Overlay networks on one host of a cluster: made with it, following what it tells, and holding on to that without it. */
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { Neighbour } from '../../src/cluster/verbs.ts'
import { isCode, WeftError } from '../../src/errors.ts'
import { identity } from '../../src/kernel/resource.ts'
import { isOverlay, type OverlayNetwork } from '../../src/model/network.ts'
import type { NetworkRequest } from '../../src/network/verbs.ts'
import { eventually } from '../support/eventually.ts'
import { FakeClusterVerbs } from '../support/fake-cluster-verbs.ts'
import { FakeKernel } from '../support/fake-kernel.ts'
import { MemoryStore } from '../support/memory-store.ts'
import {
	attach,
	type Bench,
	bench,
	ENDPOINT,
	endpointRequest,
	NETWORK,
	networkRequest,
	networks,
	objectsOf,
	planned,
} from './host.ts'

const SELF = { name: 'a', address: '192.0.2.1' }
const B: Neighbour = { name: 'b', address: '192.0.2.2', blocks: ['10.210.1.64/26'], addresses: [] }
const C: Neighbour = { name: 'c', address: '192.0.2.3', blocks: ['10.210.1.128/26'], addresses: [] }

function request(number = 1, options: Record<string, string> = {}, more: Partial<NetworkRequest> = {}): NetworkRequest {
	return networkRequest(number, { options: { mode: 'overlay', id: `net${number}`, ...options }, ipv6: [], ...more })
}

interface Member extends Bench {
	readonly cluster: FakeClusterVerbs
}

/** A host of a cluster, with eth0 on the underlay. */
function member(store = new MemoryStore(), kernel = new FakeKernel(), node = SELF): Member {
	const cluster = new FakeClusterVerbs(node)
	kernel.addForeignLink('eth0', { mtu: 1500, state: { addresses: [`${node.address}/24`], routesLocalnet: false } })
	const made = bench(store, kernel, true, cluster)
	members.push(made)
	return { ...made, cluster }
}

const members: Bench[] = []
/** What a network still waits for would be tried again for ever. */
afterEach(async () => {
	for (const { peering } of members.splice(0)) await peering.close()
})

function overlays({ store }: Bench): OverlayNetwork[] {
	return store.list('network', '').filter(isOverlay)
}

/** Of the main table. */
function routes({ kernel }: Bench): string[] {
	return kernel.objects().filter((each) => /^route \S+ \S+$/.test(each))
}

/** As the kernel does while their source is no address of the host. */
function refuseRoutes({ kernel }: Bench): void {
	kernel.before = (verb, what) => {
		if (verb === 'ensure' && what.startsWith('route ')) throw new WeftError('system', 'Invalid argument')
	}
}

/** The kernel has all that the records ask for, and beside eth0 nothing else. */
function assertWhole(host: Bench): void {
	const wanted = planned(host)
	const own = host.kernel.objects().filter((each) => !/^(link|address) eth0/.test(each))
	assert.deepEqual(own, objectsOf(wanted))
	for (const each of wanted) assert.ok(host.kernel.has(each), identity(each))
	assert.ok(networks(host).every(({ settled }) => settled))
}

describe('an overlay network', () => {
	it('is refused without a cluster, by the name of the setting', async () => {
		const host = bench()
		await assert.rejects(host.verbs.createNetwork(request()), (error: Error) => {
			return isCode(error, 'invalid') && /WEFT_CLUSTER is empty: it takes the endpoints of etcd/.test(error.message)
		})
		assert.deepEqual([networks(host), host.kernel.objects()], [[], []])
	})

	it('is entered in the cluster with what all hosts have of it, and is whole', async () => {
		const host = member()
		const own = { 'com.docker.network.bridge.name': 'mine', 'com.docker.network.bridge.host_binding_ipv4': '127.0.0.1' }
		await host.verbs.createNetwork(request(1, { block: '/27', ...own }))
		const entered = host.cluster.entered.get('net1')
		assert.deepEqual(entered?.blocks, { 4: 27, 6: 122 })
		assert.deepEqual(entered?.subnets, request().ipv4)
		for (const name of ['id', ...Object.keys(own)]) assert.ok(!(name in (entered?.options ?? {})), name)
		assert.deepEqual([entered?.options.backend, entered?.options.block], ['vxlan', '/27,/122'])
		assertWhole(host)
		assert.equal(overlays(host)[0]?.mtu, 1450)
	})

	it('has the id of Docker where none is given', async () => {
		const host = member()
		await host.verbs.createNetwork(networkRequest(1, { options: { mode: 'overlay' } }))
		assert.deepEqual([...host.cluster.entered.keys()], [NETWORK])
	})

	it('leaves nothing behind where the cluster refuses', async () => {
		const host = member()
		const before = host.kernel.objects()
		host.cluster.refusal = new WeftError('unreachable', 'no etcd answers')
		await assert.rejects(host.verbs.createNetwork(request()), /no etcd answers/)
		assert.deepEqual([networks(host), host.kernel.objects()], [[], before])
		host.cluster.refusal = undefined
		await host.verbs.createNetwork(request())
		assertWhole(host)
	})

	it('is refused where the address of the node is none of the host', async () => {
		const host = member(new MemoryStore(), new FakeKernel(), SELF)
		host.kernel.loseLink('eth0')
		await assert.rejects(
			host.verbs.createNetwork(request()),
			/WEFT_NODE_ADDRESS=192\.0\.2\.1 is no address of this host/,
		)
		assert.deepEqual(networks(host), [])
	})

	it('gives a container all of its subnet by the gateway', async () => {
		const host = member()
		await host.verbs.createNetwork(request())
		await host.verbs.createEndpoint(endpointRequest(2, 1, { ipv6: undefined as never }))
		const { gateway, routes } = await host.verbs.join(NETWORK, ENDPOINT)
		const by = { via: '10.210.1.1' }
		assert.equal(gateway, by.via)
		assert.deepEqual(routes, [
			{ destination: '10.210.1.1/32' },
			{ destination: '10.210.1.0/25', ...by },
			{ destination: '10.210.1.128/25', ...by },
		])
	})

	it('has routes to the blocks of others from the start, and follows them', async () => {
		const host = member()
		host.cluster.become('net1', [B])
		await host.verbs.createNetwork(request())
		assert.deepEqual(routes(host), ['route 10.210.1.64/26 weft-vxlan'])
		host.peering.open()
		host.cluster.become('net1', [B, { ...C, addresses: ['10.210.1.70'] }])
		const all = ['10.210.1.128/26', '10.210.1.64/26', '10.210.1.70/32'].map((each) => `route ${each} weft-vxlan`)
		await eventually(() => routes(host).length === 3)
		assert.deepEqual(routes(host), all)
		assertWhole(host)
		host.cluster.become('net1', [C])
		await eventually(() => routes(host).length === 1)
		assertWhole(host)
		await host.peering.close()
	})

	it('has what was told while it was made', async () => {
		const host = member()
		host.peering.open()
		host.kernel.before = (_verb, what) => {
			if (what === 'link weft-vxlan' && overlays(host)[0]?.settled === false) host.cluster.become('net1', [B])
		}
		await host.verbs.createNetwork(request())
		await eventually(() => routes(host).length === 1)
		await host.peering.close()
	})

	it('leads a block to its new host, and an address that this host has borrowed to its own bridge', async () => {
		const host = member()
		host.cluster.become('net1', [B])
		await host.verbs.createNetwork(request())
		host.peering.open()
		host.cluster.become('net1', [{ ...C, blocks: B.blocks }], { blocks: [], addresses: ['10.210.1.70'] })
		await eventually(() => routes(host).length === 2)
		const [bridge] = overlays(host)
		assert.ok(routes(host).includes(`route 10.210.1.70/32 ${bridge?.bridge}`))
		assertWhole(host)
		await host.peering.close()
	})

	it('keeps what it knew while the cluster tells nothing, over a restart too', async () => {
		const host = member()
		host.cluster.become('net1', [B])
		await host.verbs.createNetwork(request())
		await attach(host, endpointRequest(2, 1, { ipv6: undefined as never }))
		const again = member(host.store, host.kernel)
		again.cluster.forget()
		await again.peering.refresh()
		await again.resync()
		again.peering.open()
		again.peering.look()
		assert.deepEqual(routes(again), ['route 10.210.1.64/26 weft-vxlan'])
		again.kernel.reboot()
		const rebooted = member(host.store, host.kernel)
		rebooted.cluster.forget()
		await rebooted.resync()
		assert.deepEqual(routes(rebooted), ['route 10.210.1.64/26 weft-vxlan'])
		await again.peering.close()
	})

	it('has a new address of the host after a restart', async () => {
		const host = member()
		host.cluster.become('net1', [B])
		await host.verbs.createNetwork(request())
		await host.verbs.createNetwork(request(2))
		host.kernel.loseLink('eth0')
		const again = member(host.store, host.kernel, { ...SELF, address: '192.0.2.9' })
		again.cluster.become('net1', [B])
		await again.peering.refresh()
		await again.resync()
		assert.deepEqual(
			overlays(again).map(({ underlay }) => underlay.address),
			['192.0.2.9', '192.0.2.9'],
		)
		assertWhole(again)
	})

	it('has the routes that the kernel refused at the start, as it does before the underlay has its address', async () => {
		const host = member()
		host.cluster.become('net1', [B])
		await host.verbs.createNetwork(request())
		await host.peering.close()
		host.kernel.reboot()
		const again = member(host.store, host.kernel)
		again.cluster.become('net1', [B])
		refuseRoutes(again)
		await again.resync()
		assert.deepEqual(routes(again), [])
		again.peering.open()
		await eventually(() => again.warnings.some((each) => each.includes('does not reach all of the other hosts')))
		again.kernel.before = () => undefined
		await eventually(() => routes(again).length === 1)
		assertWhole(again)
		await again.peering.close()
	})

	it('has the routes again that went with the address of the underlay, once that is back', async () => {
		const host = member()
		host.cluster.become('net1', [B])
		await host.verbs.createNetwork(request())
		host.peering.open()
		await host.kernel.remove(planned(host).filter(({ kind }) => kind === 'route'))
		refuseRoutes(host)
		host.peering.linkStruck('eth1')
		host.peering.linkStruck('eth0')
		await eventually(() => host.warnings.length > 0)
		assert.match(host.warnings.join(), /does not reach all of the other hosts: route .*Invalid argument/)
		host.kernel.before = () => undefined
		await eventually(() => routes(host).length === 1)
		assertWhole(host)
		await host.peering.close()
	})

	it('follows the address of the underlay to another link, and its MTU', async () => {
		const host = member()
		await host.verbs.createNetwork(request())
		host.peering.open()
		const state = { addresses: [`${SELF.address}/24`], routesLocalnet: false }
		host.kernel.loseLink('eth0')
		host.kernel.addForeignLink('br0', { mtu: 1400, state })
		host.peering.lookAround()
		await eventually(() => overlays(host)[0]?.underlay.link === 'br0')
		assert.equal(overlays(host)[0]?.underlay.mtu, 1400)
		await eventually(() => planned(host).every((each) => host.kernel.has(each)))
		await host.peering.close()
	})

	it('leads answers to other hosts by the tunnel, to each in a table of their own, until the last network goes', async () => {
		const host = member()
		const before = host.kernel.objects()
		host.cluster.become('net1', [B, { ...C, blocks: [] }])
		host.cluster.become('net2', [B])
		for (const number of [1, 2]) await host.verbs.createNetwork(request(number))
		const answering = () => host.kernel.objects().filter((each) => / 7766$|^rule |answers/.test(each))
		const [one, two] = overlays(host).map(({ bridge }) => bridge)
		assert.deepEqual(answering(), [
			...[`${one} . 192.0.2.2`, `${one} . 192.0.2.3`, `${two} . 192.0.2.2`]
				.map((each) => `element answers4 ${each}`)
				.sort(),
			...['192.0.2.2/32 weft-vxlan 7766', '192.0.2.3/32 weft-vxlan 7766'].map((each) => `route ${each}`),
			'rule IPv4 0x8000000',
		])
		assertWhole(host)
		await host.verbs.deleteNetwork(NETWORK)
		assert.deepEqual(answering(), [
			`element answers4 ${two} . 192.0.2.2`,
			'route 192.0.2.2/32 weft-vxlan 7766',
			'rule IPv4 0x8000000',
		])
		await host.verbs.deleteNetwork(request(2).id)
		assert.deepEqual(host.kernel.objects(), before)
	})

	it('shares the device with another one, which the last of them takes along', async () => {
		const host = member()
		const before = host.kernel.objects()
		host.cluster.become('net1', [B])
		host.cluster.become('net2', [{ ...B, blocks: ['10.210.2.64/26'] }])
		for (const number of [1, 2]) await host.verbs.createNetwork(request(number))
		assertWhole(host)
		await host.verbs.deleteNetwork(NETWORK)
		assertWhole(host)
		assert.deepEqual(routes(host), ['route 10.210.2.64/26 weft-vxlan'])
		await host.verbs.deleteNetwork(request(2).id)
		assert.deepEqual(host.kernel.objects(), before)
	})

	it('tries again what the kernel refused', async () => {
		const host = member()
		await host.verbs.createNetwork(request())
		host.peering.open()
		let refusals = 1
		host.kernel.before = (verb, what) => {
			if (verb === 'ensure' && what.startsWith('route ') && refusals-- > 0) throw new WeftError('system', 'no memory')
		}
		host.cluster.become('net1', [B])
		await eventually(() => routes(host).length === 1)
		assert.equal(host.warnings.length, 1)
		assert.match(host.warnings[0] ?? '', /does not reach all of the other hosts: route .*no memory/)
		await host.peering.close()
	})
})

describe('wireguard', () => {
	const WIREGUARD = { backend: 'wireguard' }
	const KEYS = ['a', 'b', 'c'].map((name) => Buffer.alloc(32, name).toString('base64')) as [string, string, string]
	const OWN = { ...SELF, publicKey: KEYS[0] }
	const withKey = (publicKey: string): Neighbour => ({ ...B, publicKey })
	const peers = ({ kernel }: Bench) => kernel.objects().filter((each) => each.startsWith('peer '))
	const deviceOf = (host: Bench) => planned(host).find(({ kind }) => kind === 'wireguard')

	it('is refused in words where the kernel has none, before the cluster hears of it', async () => {
		const host = member(undefined, undefined, OWN)
		host.kernel.hasWireguard = false
		await assert.rejects(
			host.verbs.createNetwork(request(1, WIREGUARD)),
			/^WeftError: backend="wireguard" needs WireGuard, which this kernel does not have; vxlan and host-gw do without$/,
		)
		assert.deepEqual([networks(host), [...host.cluster.entered]], [[], []])
		await host.verbs.createNetwork(request(1))
		assertWhole(host)
	})

	it('is refused before this host has a key', async () => {
		const host = member()
		await assert.rejects(host.verbs.createNetwork(request(1, WIREGUARD)), /needs a key of this host/)
		assert.deepEqual(networks(host), [])
	})

	it('follows the key of another host, of all networks that go there', async () => {
		const host = member(undefined, undefined, OWN)
		for (const number of [1, 2]) {
			host.cluster.become(`net${number}`, [{ ...withKey(KEYS[1]), blocks: [`10.210.${number}.64/26`] }])
			await host.verbs.createNetwork(request(number, WIREGUARD))
		}
		assert.equal(overlays(host)[0]?.mtu, 1440)
		assertWhole(host)
		assert.deepEqual(peers(host), [`peer weft-wireguard ${KEYS[1]}`])
		host.peering.open()
		for (const number of [1, 2]) {
			host.cluster.become(`net${number}`, [{ ...withKey(KEYS[2]), blocks: [`10.210.${number}.64/26`] }])
		}
		await eventually(() => peers(host).join() === `peer weft-wireguard ${KEYS[2]}`)
		await eventually(() => planned(host).every((each) => host.kernel.has(each)))
		assertWhole(host)
	})

	it('has another key of its own as soon as the others know, of all its networks', async () => {
		const host = member(undefined, undefined, OWN)
		for (const number of [1, 2]) {
			host.cluster.become(`net${number}`, [{ ...withKey(KEYS[1]), blocks: [`10.210.${number}.64/26`] }])
			await host.verbs.createNetwork(request(number, WIREGUARD))
		}
		host.peering.open()
		host.cluster.node = { ...SELF, publicKey: KEYS[2] }
		host.peering.look()
		await eventually(() => {
			const device = deviceOf(host)
			return device?.kind === 'wireguard' && device.publicKey === KEYS[2] && host.kernel.has(device)
		})
		await eventually(() => planned(host).every((each) => host.kernel.has(each)))
		assertWhole(host)
	})

	it('leaves the keys out of networks that need none', async () => {
		const host = member(undefined, undefined, OWN)
		host.cluster.become('net1', [withKey(KEYS[1])])
		await host.verbs.createNetwork(request())
		assert.deepEqual(
			overlays(host).map(({ remotes }) => remotes.map(({ publicKey }) => publicKey)),
			[[undefined]],
		)
	})
})

describe('host-gw', () => {
	const HOST_GW = { backend: 'host-gw' }

	it('routes by the other hosts themselves', async () => {
		const host = member()
		host.cluster.become('net1', [B])
		await host.verbs.createNetwork(request(1, HOST_GW))
		assert.deepEqual(routes(host), ['route 10.210.1.64/26 eth0'])
		assert.equal(overlays(host)[0]?.mtu, 1500)
		assertWhole(host)
	})

	it('is refused where a host is behind a router, which vxlan does not mind', async () => {
		const host = member()
		host.kernel.ways.set(B.address, { link: 'eth0', router: '192.0.2.254' })
		host.cluster.become('net1', [B])
		host.cluster.become('net2', [B])
		await assert.rejects(
			host.verbs.createNetwork(request(1, HOST_GW)),
			/backend="host-gw" needs all hosts on one segment, and b at 192\.0\.2\.2 is behind 192\.0\.2\.254; vxlan does not/,
		)
		await host.verbs.createNetwork(request(2))
		assertWhole(host)
	})

	it('leaves out a host that comes later and is behind a router, and tells of it once', async () => {
		const host = member()
		await host.verbs.createNetwork(request(1, HOST_GW))
		host.peering.open()
		host.kernel.ways.set(B.address, { link: 'eth0', router: '192.0.2.254' })
		host.cluster.become('net1', [B])
		host.cluster.become('net1', [B, C])
		await eventually(() => routes(host).length === 1)
		assert.deepEqual(routes(host), ['route 10.210.1.128/26 eth0'])
		assert.equal(host.told.filter((each) => each.includes('host b is not on the segment')).length, 1)
		await host.peering.close()
	})

	const ADDRESSES = [`${SELF.address}/24`]

	for (const [what, facts, way] of [
		[
			'the link of the underlay is down',
			{ up: false, state: { addresses: ADDRESSES, routesLocalnet: false } },
			'round',
		],
		['the underlay has no address', {}, 'round'],
		['the kernel knows no way to it', { state: { addresses: ADDRESSES, routesLocalnet: false } }, 'none'],
	] as const) {
		it(`keeps a host that it has, and takes no new one, while ${what}, and has both after that`, async () => {
			const host = member()
			host.cluster.become('net1', [B])
			await host.verbs.createNetwork(request(1, HOST_GW))
			host.kernel.addForeignLink('eth0', facts)
			const round = { link: 'eth9', router: '198.51.100.1' }
			for (const { address } of [B, C]) host.kernel.ways.set(address, way === 'round' ? round : undefined)
			host.peering.open()
			host.cluster.become('net1', [{ ...B, addresses: ['10.210.1.70'] }, C])
			await eventually(() => host.warnings.length > 0)
			assert.match(
				host.warnings.join(),
				/does not reach all of the other hosts: host b at 192\.0\.2\.2 is out of reach/,
			)
			const known = () => overlays(host).flatMap(({ remotes }) => remotes.map((each) => each.destinations.length))
			await eventually(() => known()[0] === 2)
			assert.deepEqual(known(), [2])
			assert.deepEqual(host.told, [])
			host.kernel.addForeignLink('eth0', { state: { addresses: ADDRESSES, routesLocalnet: false } })
			host.kernel.ways.clear()
			await eventually(() => routes(host).length === 3)
			assertWhole(host)
			await host.peering.close()
		})
	}

	it('keeps what it knew while its link is down and the cluster tells nothing', async () => {
		const host = member()
		host.cluster.become('net1', [B])
		await host.verbs.createNetwork(request(1, HOST_GW))
		await host.peering.close()
		const again = member(host.store, host.kernel)
		again.cluster.forget()
		again.kernel.addForeignLink('eth0', { up: false })
		again.kernel.ways.set(B.address, { link: 'eth9', router: '198.51.100.1' })
		again.peering.open()
		await eventually(() => again.warnings.length > 0)
		assert.deepEqual(routes(again), ['route 10.210.1.64/26 eth0'])
		await again.peering.close()
	})
})
