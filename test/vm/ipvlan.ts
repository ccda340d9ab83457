/**
 * ipvlan through Docker, in each mode with and without host_access on the same parent: whom containers reach, over the end of
 * weftd and of dockerd. Runs in ipvlan-vm.test.ts.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { isElsewhere } from '../../src/kernel/elsewhere.ts'
import { Rtnetlink } from '../../src/kernel/netlink/rtnetlink.ts'
import { withNetns } from '../../src/kernel/netns.ts'
import { assertFootprint, type Footprint, footprint } from '../e2e/footprint.ts'
import { createNetwork, endpointOf } from '../e2e/networks.ts'
import { assertReachEachOther, assertReaches, assertShutOutBothWays } from '../live/networks-spots.ts'
import { eventually } from '../support/eventually.ts'
import { type Host, noHost } from '../support/host.ts'
import { IMAGE } from '../support/image.ts'
import { Lan, LanHost } from './lan.ts'

const MODES = ['l2', 'l3', 'l3s'].map((mode, index) => {
	const uplink = index + 1
	return {
		mode,
		apart: { network: `${mode}-apart`, lan: new Lan(uplink, 0) },
		beside: { network: `${mode}-beside`, lan: new Lan(uplink, 1) },
		one: `${mode}-one`,
		// On the other network, which is another subnet: where the parent routes, it leads there too.
		three: `${mode}-three`,
		neighbour: mode === 'l2' ? 'l2-two' : `${mode}-three`,
	}
})
const HTTPD = ['httpd', '-f', '-h', '/www', '-p', '8080']
const CONTAINERS = [...new Set(MODES.flatMap(({ one, neighbour, three }) => [one, neighbour, three]))]
const NETWORKS = MODES.flatMap(({ apart, beside }) => [apart.network, beside.network])

describe('ipvlan networks', { skip: noHost() }, () => {
	let bed: LanHost
	let host: Host
	let clean: Footprint
	let used: Footprint

	before(async () => {
		bed = await LanHost.start(MODES.flatMap(({ apart, beside }) => [apart.lan, beside.lan]))
		host = bed.host
		clean = await footprint(host)
		for (const { mode, apart, beside, one, neighbour, three } of MODES) {
			const words = ['-o', 'mode=ipvlan', '-o', `ipvlan_mode=${mode}`]
			await createNetwork(host, apart.network, ...words, ...apart.lan.words)
			await createNetwork(host, beside.network, ...words, ...beside.lan.words, '-o', 'host_access=true')
			await bed.run(one, apart.network, apart.lan, 11)
			await bed.run(three, beside.network, beside.lan, 13)
			if (neighbour !== three) await bed.run(neighbour, apart.network, apart.lan, 12)
		}
		await bed.meet()
		used = await footprint(host)
	})
	after(() => bed?.stop())

	async function replaceWeftd(): Promise<void> {
		await host.killWeftd('SIGKILL')
		await host.startWeftd()
	}

	async function replaceDockerd(): Promise<void> {
		await bed.leave()
		await host.stopDockerd('SIGKILL')
		await host.startDockerd()
		await host.docker('start', ...CONTAINERS)
		await bed.meet()
	}

	for (const { mode, apart, one } of MODES) {
		it(`ipvlan_mode=${mode}: containers have the MAC address of the parent, and a way out`, async () => {
			assert.equal((await endpointOf(host, one, apart.network)).MacAddress, '')
			const seen = await host.docker('exec', one, 'sh', '-c', 'ip link; ip route; ip -6 route')
			assert.ok(seen.includes((await host.exec(['cat', `/sys/class/net/${apart.lan.link}/address`])).trim()), seen)
			assert.doesNotMatch(seen, /eth1/)
			for (const gateway of Object.values(apart.lan.at(1))) {
				assert.ok(seen.includes(mode === 'l2' ? `default via ${gateway} dev eth0` : 'default dev eth0'), seen)
			}
		})
	}

	for (const { mode, one, neighbour } of MODES) {
		it(`ipvlan_mode=${mode}: a container with Docker’s --net container has the addresses of the other, and is reached there`, async () => {
			await host.docker('run', '-d', '--name', 'guest', '--net', `container:${one}`, IMAGE, ...HTTPD)
			const addresses = (name: string) => host.docker('exec', name, 'ip', '-o', 'addr')
			assert.equal(await addresses('guest'), await addresses(one))
			for (const address of Object.values(bed.container(one).at)) {
				const url = `http://${address.includes(':') ? `[${address}]` : address}:8080/`
				const get = () => host.docker('exec', neighbour, 'wget', '-q', '-O', '-', url).catch(() => '')
				await eventually(async () => (await get()) === 'hello from a container on weft', { what: url })
			}
			await host.docker('rm', '-f', 'guest')
		})
	}

	it('are found in their containers by the addresses that those have', async (t) => {
		const rtnetlink = new Rtnetlink()
		withNetns(host.path('/proc/1/ns/net'), () => rtnetlink.open())
		t.after(() => rtnetlink.close())
		for (const { apart } of MODES) {
			const sort = { kind: 'ipvlan', mode: 'l2', flag: 'bridge' } as const
			const isFound = (cidr: string) =>
				isElsewhere(rtnetlink, { kind: 'lan', name: '', parent: apart.lan.link, sort }, [cidr])
			for (const cidr of apart.lan.cidrs(11)) assert.equal(await isFound(cidr), true, cidr)
			for (const cidr of apart.lan.cidrs(99)) assert.equal(await isFound(cidr), false, cidr)
		}
	})

	for (const [when, happen] of [
		['at first', async () => undefined],
		['when weftd was killed', replaceWeftd],
		['when dockerd was killed', replaceDockerd],
	] as const) {
		describe(when, () => {
			before(happen)

			for (const { mode, apart, beside, one, neighbour, three } of MODES) {
				it(`ipvlan_mode=${mode}: containers reach the LAN and each other, and with host_access the host, ${when}`, async () => {
					const [first, third] = [bed.container(one), bed.container(three)]
					await assertReachEachOther(first, bed.outsideOn(apart.lan))
					await assertReaches(first, bed.container(neighbour))
					await assertShutOutBothWays(first, bed.hostOn(apart.lan))
					await assertReachEachOther(third, bed.outsideOn(beside.lan))
					await assertReachEachOther(third, bed.hostOn(beside.lan))
				})
			}

			it(`the host has the same links, routes and rules ${when}`, () => assertFootprint(host, used))
		})
	}

	it('have routes of the host while their containers run, and leave it as it was', async () => {
		await bed.leave()
		await host.docker('stop', '-t', '0', ...CONTAINERS)
		const routes = await host.exec(['sh', '-c', 'ip route; ip -6 route'])
		for (const { beside } of MODES) {
			for (const address of Object.values(beside.lan.at(13))) assert.ok(!routes.includes(address), routes)
		}
		await host.docker('rm', ...CONTAINERS)
		await host.docker('network', 'rm', ...NETWORKS)
		await assertFootprint(host, clean)
	})
})
