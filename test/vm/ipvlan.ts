/** ipvlan through Docker: whom containers reach in each mode, with a host of the LAN beyond the uplink. Runs in ipvlan-vm.test.ts. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { assertFootprint, type Footprint, footprint } from '../e2e/footprint.ts'
import { createNetwork, endpointOf, refused, runContainer } from '../e2e/networks.ts'
import { type Host, noHost, startHost } from '../support/host.ts'
import { HOST_V4, HOST_V6, OUTSIDE_V4, OUTSIDE_V6 } from '../support/host-namespaces.ts'
import { IMAGE } from '../support/image.ts'
import {
	assertPings,
	assertReaches,
	dial,
	inContainer,
	onHost,
	outsideOf,
	type Place,
	pings,
	type Server,
	serve,
} from '../support/traffic.ts'

const PORT = 9000
const ONE = ['203.0.113.150', '2001:db8:113::150'] as const
const TWO = ['203.0.113.151', '2001:db8:113::151'] as const
const HOST = [HOST_V4, HOST_V6] as const
const LAN_HOST = [OUTSIDE_V4, OUTSIDE_V6] as const
const LAN4 = ['--subnet', '203.0.113.0/24', '--gateway', OUTSIDE_V4]
const LAN6 = ['--ipv6', '--subnet', '2001:db8:113::/64', '--gateway', OUTSIDE_V6]

describe('an ipvlan network', { skip: noHost() }, () => {
	let host: Host
	let clean: Footprint
	const servers: Server[] = []

	before(async () => {
		host = await startHost()
		servers.push(await serve(outsideOf(host), 'tcp', PORT, '::'), await serve(onHost(host), 'tcp', PORT, '::'))
		clean = await footprint(host)
	})
	afterEach(async () => {
		await host.attemptDocker('rm', '-f', 'one', 'two')
		await host.attemptDocker('network', 'rm', 'lan', 'other')
	})
	after(async () => {
		await Promise.all(servers.map((server) => server.stop()))
		await host?.stop()
	})

	const createLan = (...words: readonly string[]): Promise<void> => {
		return createNetwork(host, 'lan', '-o', 'mode=ipvlan', '-o', 'parent=eth0', ...LAN4, ...words)
	}
	const run = ([four, six]: readonly [string, string], name: string): Promise<void> => {
		return runContainer(host, name, 'lan', '--ip', four, '--ip6', six)
	}
	const runPair = async (): Promise<void> => {
		await run(ONE, 'one')
		await run(TWO, 'two')
	}

	async function removeAll(): Promise<void> {
		await host.docker('rm', '-f', 'one', 'two')
		await host.docker('network', 'rm', 'lan')
		await assertFootprint(host, clean)
	}

	async function assertAllPing(from: Place, to: readonly string[], what: string): Promise<void> {
		for (const address of to) await assertPings(from, address, `${what}: ${address}`)
	}

	async function assertNonePings(from: Place, to: readonly string[], what: string): Promise<void> {
		for (const address of to) assert.equal(await pings(from, address), false, `${what}: ${address}`)
	}

	/** A route to the container is what other hosts of the LAN need where the parent routes. */
	async function tellLan(verb: 'add' | 'del', mode: string): Promise<void> {
		if (mode === 'l2') return
		for (const [four, six] of [ONE, TWO]) {
			await host.outside(['ip', 'route', verb, `${four}/32`, 'via', HOST_V4])
			await host.outside(['ip', 'route', verb, `${six}/128`, 'via', HOST_V6])
		}
	}

	async function assertOnLan(): Promise<Place> {
		const place = await inContainer(host, 'one')
		await assertAllPing(place, LAN_HOST, 'container to host of the LAN')
		await assertAllPing(outsideOf(host), ONE, 'host of the LAN to container')
		for (const [own, address] of [
			[ONE[0], LAN_HOST[0]],
			[ONE[1], LAN_HOST[1]],
		] as const) {
			assert.equal(await dial(place, 'tcp', address, PORT), own)
		}
		return place
	}

	async function assertTogether(): Promise<void> {
		const place = await assertOnLan()
		await assertAllPing(onHost(host), ONE, 'host to container')
		await assertAllPing(place, HOST, 'container to host')
		await assertReaches(outsideOf(host), 'tcp', HOST_V4, PORT)
		for (const [own, address] of [
			[ONE[0], HOST[0]],
			[ONE[1], HOST[1]],
		] as const) {
			assert.equal(await dial(place, 'tcp', address, PORT), own)
		}
	}

	for (const mode of ['l2', 'l3', 'l3s']) {
		it(`ipvlan_mode=${mode}: containers reach the LAN and each other, and not the host`, async () => {
			await createLan(...LAN6, '-o', `ipvlan_mode=${mode}`)
			await runPair()
			await tellLan('add', mode)
			const place = await assertOnLan()
			await assertAllPing(place, TWO, 'container to container')
			await assertNonePings(onHost(host), ONE, 'host to container')
			await assertNonePings(place, HOST, 'container to host')
			const seen = await host.docker('exec', 'one', 'ip', 'link')
			assert.equal((await endpointOf(host, 'one', 'lan')).MacAddress, '')
			assert.ok(seen.includes((await host.exec(['cat', '/sys/class/net/eth0/address'])).trim()), seen)
			assert.doesNotMatch(seen, /eth1/)
			const routes = await host.docker('exec', 'one', 'ip', 'route')
			assert.match(routes, mode === 'l2' ? /default via 203\.0\.113\.1 dev eth0/ : /default dev eth0/)
			await tellLan('del', mode)
			await removeAll()
		})

		it(`ipvlan_mode=${mode}, host_access=true: the host and containers reach each other, over the end of weftd and dockerd`, async () => {
			await createLan(...LAN6, '-o', `ipvlan_mode=${mode}`, '-o', 'host_access=true')
			await run(ONE, 'one')
			await tellLan('add', mode)
			await assertTogether()
			await host.killWeftd('SIGKILL')
			await host.startWeftd()
			await assertTogether()
			await host.stopDockerd('SIGKILL')
			await host.startDockerd()
			await host.docker('start', 'one')
			await assertTogether()
			await host.docker('stop', '-t', '0', 'one')
			assert.doesNotMatch(await host.exec(['ip', 'route']), /203\.0\.113\.150/)
			await tellLan('del', mode)
			await host.docker('rm', 'one')
			await host.docker('network', 'rm', 'lan')
			await assertFootprint(host, clean)
		})
	}

	for (const flag of ['private', 'vepa']) {
		it(`ipvlan_flag=${flag}: containers reach the LAN and not each other`, async () => {
			await createLan(...LAN6, '-o', `ipvlan_flag=${flag}`)
			await runPair()
			await assertNonePings(await assertOnLan(), TWO, 'container to container')
			await removeAll()
		})
	}

	it('has no way out where it is internal, but the LAN', async () => {
		await createLan('--internal', '-o', 'ipvlan_mode=l2')
		await runContainer(host, 'one', 'lan', '--ip', ONE[0])
		assert.doesNotMatch(await host.docker('exec', 'one', 'ip', 'route'), /default/)
		await assertPings(await inContainer(host, 'one'), OUTSIDE_V4)
	})

	for (const mode of ['macvlan', 'ipvlan']) {
		it(`without a parent is one of containers alone, on a dummy (${mode})`, async () => {
			await createNetwork(host, 'lan', '-o', `mode=${mode}`, '--subnet', '10.66.0.0/24')
			await runContainer(host, 'one', 'lan', '--ip', '10.66.0.5')
			await runContainer(host, 'two', 'lan', '--ip', '10.66.0.6')
			const place = await inContainer(host, 'one')
			await assertPings(place, '10.66.0.6')
			await assertNonePings(place, [HOST_V4, OUTSIDE_V4], 'container to elsewhere')
			assert.match(await host.exec(['ip', '-d', 'link']), /weft-[0-9a-f]{10}:[^\n]*\n[^\n]*\n? *[^\n]*dummy/)
			await removeAll()
		})
	}

	it('has several subnets, and shares its parent with a network of its mode', async () => {
		await createLan('--subnet', '10.66.1.0/24', '--gateway', '10.66.1.254')
		const parent = ['-o', 'mode=ipvlan', '-o', 'parent=eth0']
		await createNetwork(host, 'other', ...parent, '--subnet', '10.66.2.0/24', '-o', 'mtu=1400')
		await runContainer(host, 'one', 'lan', '--ip', '10.66.1.7')
		await host.docker('network', 'connect', 'other', 'one')
		assert.match(await host.docker('exec', 'one', 'ip', 'route'), /default via 10\.66\.1\.254/)
		const read = (path: string) => host.docker('exec', 'one', 'cat', `/sys/class/net/${path}`)
		assert.deepEqual([await read('eth0/mtu'), await read('eth1/mtu')], ['1500', '1400'])
		await host.docker('rm', '-f', 'one')
		await host.docker('network', 'rm', 'lan', 'other')
		await assertFootprint(host, clean)
	})

	it('is refused in words, and leaves nothing', async () => {
		const create = (...words: readonly string[]) => {
			return ['network', 'create', '--driver', 'weft', '-o', 'mode=ipvlan', ...words, 'other']
		}
		const onEth0 = ['-o', 'parent=eth0', '--subnet', '10.66.3.0/24']
		await refused(
			host,
			create('-o', 'parent=eth0', '-o', 'ipvlan_mode=l4'),
			/ipvlan_mode="l4" must be one of l2, l3, l3s/,
		)
		await refused(host, create('-o', 'parent=lo'), /parent="lo" is the loopback/)
		await refused(host, create(...onEth0, '-o', 'host_access=1'), /needs an address of the host on eth0 in 10\.66\.3/)
		await createLan('-o', 'ipvlan_mode=l3')
		await refused(host, create(...onEth0), /all ipvlans on a parent have one mode and flag, there ipvlan_mode="l3"/)
		const macvlan = ['network', 'create', '--driver', 'weft', '-o', 'mode=macvlan', ...onEth0, 'other']
		await refused(host, macvlan, /that one is of mode ipvlan/)
		const chosen = ['run', '--name', 'one', '--net', 'lan', '--mac-address', '02:00:00:00:00:77', IMAGE]
		await refused(host, chosen, /02:00:00:00:00:77 cannot be had/)
		await removeAll()
	})
})
