/** ipvlan through Docker: whom containers reach in each mode, with a host of the LAN beyond the uplink. Runs in ipvlan-vm.test.ts. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { assertFootprint, type Footprint, footprint } from '../e2e/footprint.ts'
import { createNetwork, endpointOf, refused, runContainer } from '../e2e/networks.ts'
import { type Host, noHost } from '../support/host.ts'
import { HOST_V4, OUTSIDE_V4 } from '../support/host-namespaces.ts'
import { IMAGE } from '../support/image.ts'
import { assertPings, inContainer, onHost } from '../support/traffic.ts'
import { assertAllPing, assertNonePings, HOST, LAN6, Lan, ONE, TWO } from './lan.ts'

describe('an ipvlan network', { skip: noHost() }, () => {
	let lan: Lan
	let host: Host
	let clean: Footprint

	before(async () => {
		lan = await Lan.start()
		host = lan.host
		clean = await footprint(host)
	})
	afterEach(() => lan.clear())
	after(() => lan?.stop())

	async function removeAll(): Promise<void> {
		await host.docker('rm', '-f', 'one', 'two')
		await host.docker('network', 'rm', 'lan')
		await assertFootprint(host, clean)
	}

	for (const mode of ['l2', 'l3', 'l3s']) {
		it(`ipvlan_mode=${mode}: containers reach the LAN and each other, and not the host`, async () => {
			await lan.create(...LAN6, '-o', `ipvlan_mode=${mode}`)
			await lan.run('one', ONE)
			await lan.run('two', TWO)
			await lan.tell('add', mode)
			const place = await lan.assertOnLan()
			await assertAllPing(place, TWO, 'container to container')
			await assertNonePings(onHost(host), ONE, 'host to container')
			await assertNonePings(place, HOST, 'container to host')
			const seen = await host.docker('exec', 'one', 'ip', 'link')
			assert.equal((await endpointOf(host, 'one', 'lan')).MacAddress, '')
			assert.ok(seen.includes((await host.exec(['cat', '/sys/class/net/eth0/address'])).trim()), seen)
			assert.doesNotMatch(seen, /eth1/)
			const routes = await host.docker('exec', 'one', 'ip', 'route')
			assert.match(routes, mode === 'l2' ? /default via 203\.0\.113\.1 dev eth0/ : /default dev eth0/)
			await lan.tell('del', mode)
			await removeAll()
		})
	}

	for (const flag of ['private', 'vepa']) {
		it(`ipvlan_flag=${flag}: containers reach the LAN and not each other`, async () => {
			await lan.create(...LAN6, '-o', `ipvlan_flag=${flag}`)
			await lan.run('one', ONE)
			await lan.run('two', TWO)
			await assertNonePings(await lan.assertOnLan(), TWO, 'container to container')
			await removeAll()
		})
	}

	it('has no way out where it is internal, but the LAN', async () => {
		await lan.create('--internal', '-o', 'ipvlan_mode=l2')
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
		await lan.create('--subnet', '10.66.1.0/24', '--gateway', '10.66.1.254')
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
		await lan.create('-o', 'ipvlan_mode=l3')
		await refused(host, create(...onEth0), /all ipvlans on a parent have one mode and flag, there ipvlan_mode="l3"/)
		const macvlan = ['network', 'create', '--driver', 'weft', '-o', 'mode=macvlan', ...onEth0, 'other']
		await refused(host, macvlan, /that one is of mode ipvlan/)
		const chosen = ['run', '--name', 'one', '--net', 'lan', '--mac-address', '02:00:00:00:00:77', IMAGE]
		await refused(host, chosen, /02:00:00:00:00:77 cannot be had/)
		await removeAll()
	})
})
