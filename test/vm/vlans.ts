/**
 * VLANs and VLANs in VLANs as parents, through Docker, with a host of each beyond the uplink: kept apart, made on demand,
 * had together, put back. Runs in vlans-vm.test.ts.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { assertFootprint, type Footprint, footprint } from '../e2e/footprint.ts'
import { createNetwork, refused, runContainer } from '../e2e/networks.ts'
import { eventually } from '../support/eventually.ts'
import { type Host, noHost, startHost } from '../support/host.ts'
import { IMAGE } from '../support/image.ts'
import { assertPings, assertReaches, inContainer, outsideOf, pings, type Server, serve } from '../support/traffic.ts'

const PORT = 9000
/** The hosts of the LAN: all have addresses of both subnets, of which each is told in one VLAN. */
const OUTSIDE = `
sysctl -qw net.ipv4.conf.all.arp_ignore=1
ip link add up0.50 link up0 type vlan id 50
ip link add up0.100 link up0 type vlan id 100
ip link add up0.100.50 link up0.100 type vlan id 50
for each in up0.50 up0.100 up0.100.50; do ip link set $each up; done
ip addr add 10.50.0.1/24 dev up0.50
ip addr add 10.50.0.2/24 dev up0
ip addr add 10.50.0.3/24 dev up0.100.50
ip addr add 10.100.0.1/24 dev up0.100.50
ip addr add 10.100.0.2/24 dev up0.100
ip addr add 10.100.0.3/24 dev up0.50
`

describe('VLANs as parents', { skip: noHost() }, () => {
	let host: Host
	let clean: Footprint
	let server: Server

	before(async () => {
		host = await startHost()
		await host.outside(['sh', '-ec', OUTSIDE])
		server = await serve(outsideOf(host), 'tcp', PORT, '::')
		clean = await footprint(host)
	})
	afterEach(async () => {
		await host.attemptDocker('rm', '-f', 'one', 'two')
		await host.attemptDocker('network', 'rm', 'fifty', 'again', 'inner', 'lan')
		await host.attempt(['ip', 'link', 'del', 'eth0.60'])
	})
	after(async () => {
		await server?.stop()
		await host?.stop()
	})

	const create = (name: string, mode: string, parent: string, subnet: string, ...words: readonly string[]) => {
		return createNetwork(host, name, '-o', `mode=${mode}`, '-o', `parent=${parent}`, '--subnet', subnet, ...words)
	}
	const vlans = async (): Promise<string[]> => {
		const links = JSON.parse(await host.exec(['ip', '-j', '-d', 'link', 'show', 'type', 'vlan']))
		return links.map(({ ifname }: { ifname: string }) => ifname).sort()
	}

	async function assertInVlan(container: string, mine: string, others: readonly string[]): Promise<void> {
		const place = await inContainer(host, container)
		await assertPings(place, mine)
		await assertReaches(place, 'tcp', mine, PORT)
		for (const other of others) assert.equal(await pings(place, other), false, `${container} to ${other}`)
	}

	async function assertApart(): Promise<void> {
		await assertInVlan('one', '10.50.0.1', ['10.50.0.2', '10.50.0.3'])
		await assertInVlan('two', '10.100.0.1', ['10.100.0.2', '10.100.0.3'])
	}

	it('keep their containers apart, for macvlan and ipvlan, over the end of weftd and dockerd, and go with the last network', async () => {
		await create('fifty', 'macvlan', 'eth0.50', '10.50.0.0/24')
		await create('inner', 'ipvlan', 'eth0.100.50', '10.100.0.0/24')
		await create('again', 'macvlan', 'eth0.50', '10.51.0.0/24')
		assert.deepEqual(await vlans(), ['eth0.100', 'eth0.100.50', 'eth0.50'])
		await runContainer(host, 'one', 'fifty', '--ip', '10.50.0.20')
		await runContainer(host, 'two', 'inner', '--ip', '10.100.0.20')
		await assertApart()
		await host.killWeftd('SIGKILL')
		await host.startWeftd()
		await host.stopDockerd('SIGKILL')
		await host.startDockerd()
		await host.docker('start', 'one', 'two')
		await assertApart()
		await host.docker('rm', '-f', 'one', 'two')
		await host.docker('network', 'rm', 'fifty')
		assert.deepEqual(await vlans(), ['eth0.100', 'eth0.100.50', 'eth0.50'])
		await host.docker('network', 'rm', 'again', 'inner')
		assert.deepEqual(await vlans(), [])
		await assertFootprint(host, clean)
	})

	it('that were there stay, and what goes with one comes back with it', async () => {
		const make = () => host.exec(['sh', '-ec', 'ip link add eth0.60 link eth0 type vlan id 50; ip link set eth0.60 up'])
		await make()
		await create('lan', 'ipvlan', 'eth0.60', '10.50.0.0/24')
		await runContainer(host, 'one', 'lan', '--ip', '10.50.0.20')
		await assertInVlan('one', '10.50.0.1', ['10.50.0.2'])
		await host.exec(['ip', 'link', 'del', 'eth0.60'])
		await host.docker('rm', '-f', 'one')
		await refused(host, ['run', '--name', 'two', '--net', 'lan', IMAGE], /the parent eth0\.60 is not there/)
		await make()
		await runContainer(host, 'one', 'lan', '--ip', '10.50.0.20')
		await assertInVlan('one', '10.50.0.1', ['10.50.0.2'])
		await host.docker('rm', '-f', 'one')
		await host.docker('network', 'rm', 'lan')
		assert.deepEqual(await vlans(), ['eth0.60'])
		await host.exec(['ip', 'link', 'del', 'eth0.60'])
		await assertFootprint(host, clean)
	})

	it('of weft that somebody takes away are made again, and the host is beside the containers again', async () => {
		await host.exec([
			'sh',
			'-ec',
			'ip link add eth0.60 link eth0 type vlan id 50; ip addr add 10.50.0.9/24 dev eth0.60',
		])
		await host.exec(['ip', 'link', 'set', 'eth0.60', 'up'])
		await create('lan', 'ipvlan', 'eth0.60', '10.50.0.0/24', '-o', 'host_access=true')
		await create('inner', 'macvlan', 'eth0.100.50', '10.100.0.0/24')
		const there = async () =>
			(await host.exec(['ip', '-br', 'link'])).match(/\bweft[0-9a-f]{11}@|eth0\.100\S*/g)?.length
		assert.equal(await there(), 3)
		await host.exec(['ip', 'link', 'del', 'eth0.100'])
		await host.exec(['ip', 'link', 'del', 'eth0.60'])
		await host.exec([
			'sh',
			'-ec',
			'ip link add eth0.60 link eth0 type vlan id 50; ip addr add 10.50.0.9/24 dev eth0.60',
		])
		await host.exec(['ip', 'link', 'set', 'eth0.60', 'up'])
		await eventually(async () => (await there()) === 3, { what: 'the VLANs and the link of the host', within: 30_000 })
		await runContainer(host, 'one', 'lan', '--ip', '10.50.0.20')
		await runContainer(host, 'two', 'inner', '--ip', '10.100.0.20')
		await assertApart()
		await assertPings((argv) => host.enter(argv), '10.50.0.20')
		await host.docker('rm', '-f', 'one', 'two')
		await host.docker('network', 'rm', 'lan', 'inner')
		await host.exec(['ip', 'link', 'del', 'eth0.60'])
		await assertFootprint(host, clean)
	})

	it('follow the MTU of their parent, whether it gets smaller or larger', async () => {
		await create('inner', 'macvlan', 'eth0.100.50', '10.100.0.0/24')
		for (const mtu of [1300, 1400, 1500]) {
			await host.exec(['ip', 'link', 'set', 'eth0', 'mtu', String(mtu)])
			const read = () => host.exec(['sh', '-c', 'cat /sys/class/net/eth0.100/mtu /sys/class/net/eth0.100.50/mtu'])
			const what = `an MTU of ${mtu}`
			await eventually(async () => (await read()).trim() === `${mtu}\n${mtu}`, { what, within: 30_000 })
		}
		const read = ['cat', '/sys/class/net/eth0/mtu']
		assert.equal(await host.docker('run', '--rm', '--net', 'inner', IMAGE, ...read), '1500')
		await host.docker('network', 'rm', 'inner')
		await assertFootprint(host, clean)
	})

	it('are refused in words with a number that is none, and nothing is left', async () => {
		const words = ['network', 'create', '--driver', 'weft', '--subnet', '10.50.0.0/24', '-o']
		for (const [parent, mode] of [
			['eth0.0', 'macvlan'],
			['eth0.4095', 'ipvlan'],
			['eth0.100.4095', 'ipvlan'],
		] as const) {
			await refused(
				host,
				[...words, `mode=${mode}`, '-o', `parent=${parent}`, 'lan'],
				/their numbers are from 1 to 4094/,
			)
		}
		await create('fifty', 'macvlan', 'eth0.50', '10.50.0.0/24', '-o', 'macvlan_mode=passthru')
		const second = ['-o', 'macvlan_mode=passthru', '--subnet', '10.51.0.0/24', '-o', 'parent=eth0.50', 'again']
		await refused(host, ['network', 'create', '--driver', 'weft', '-o', 'mode=macvlan', ...second], /to have it alone/)
		await host.docker('network', 'rm', 'fifty')
		await assertFootprint(host, clean)
	})
})
