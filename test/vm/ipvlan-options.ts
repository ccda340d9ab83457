/**
 * What else `docker network create` may say of an ipvlan, and what is refused: whom containers reach then. Runs in
 * ipvlan-options-vm.test.ts.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { assertFootprint, type Footprint, footprint } from '../e2e/footprint.ts'
import { createNetwork, haveForwarding, refused, runContainer } from '../e2e/networks.ts'
import { assertReachEachOther, assertReaches, assertShutOut } from '../live/networks-spots.ts'
import { ENGINES } from '../support/engine.ts'
import { eventually } from '../support/eventually.ts'
import { type Host, noHost } from '../support/host.ts'
import { IMAGE } from '../support/image.ts'
import { Lan, LanHost } from './lan.ts'

const LAN = new Lan(1, 0)
const OTHER = new Lan(1, 1)
const IPVLAN = ['-o', 'mode=ipvlan']
/** Another one than that of ipvlan.ts, the newest. */
const ENGINE = ENGINES.at(-1)

describe('an ipvlan network', { skip: noHost(ENGINE) }, () => {
	let bed: LanHost
	let host: Host
	let clean: Footprint

	before(async () => {
		bed = await LanHost.start([LAN, OTHER], ENGINE === undefined ? {} : { engine: ENGINE })
		host = bed.host
		await haveForwarding(host)
		clean = await footprint(host)
	})
	afterEach(() => bed.clear('lan', 'other'))
	after(() => bed?.stop())

	const create = (...words: readonly string[]) => createNetwork(host, 'lan', ...IPVLAN, ...LAN.words, ...words)

	async function runPair(): Promise<void> {
		await bed.run('one', 'lan', LAN, 11)
		await bed.run('two', 'lan', LAN, 12)
		await bed.meet()
	}

	async function removeAll(): Promise<void> {
		await bed.clear('lan', 'other')
		await assertFootprint(host, clean)
	}

	for (const flag of ['private', 'vepa']) {
		it(`ipvlan_flag=${flag}: containers reach the LAN and not each other`, async () => {
			await create('-o', `ipvlan_flag=${flag}`)
			await runPair()
			await assertReachEachOther(bed.container('one'), bed.outsideOn(LAN))
			await assertShutOut(bed.container('one'), bed.container('two'))
			await removeAll()
		})
	}

	for (const mode of ['l2', 'l3']) {
		it(`has no way out where it is internal, but the LAN (${mode})`, async () => {
			await create('--internal', '-o', `ipvlan_mode=${mode}`)
			await runPair()
			const [one, two] = [bed.container('one'), bed.container('two')]
			assert.doesNotMatch(await one.place.run('sh', '-c', 'ip route; ip -6 route'), /default/)
			await assertReaches(one, two)
			await assertReachEachOther(one, bed.outsideOn(LAN))
			await removeAll()
		})
	}

	for (const [what, mode, words] of [
		['', 'macvlan', []],
		['', 'ipvlan', []],
		[', internal', 'ipvlan', ['--internal']],
	] as const) {
		it(`without a parent is one of containers alone, on a dummy (${mode}${what})`, async () => {
			await createNetwork(host, 'lan', '-o', `mode=${mode}`, ...LAN.subnets, ...words)
			await runPair()
			const one = bed.container('one')
			await assertReaches(one, bed.container('two'))
			await assertShutOut(one, bed.hostOn(LAN))
			await assertShutOut(one, bed.outsideOn(LAN))
			assert.doesNotMatch(await one.place.run('sh', '-c', 'ip route; ip -6 route'), /default/)
			const dummies = JSON.parse(await host.exec(['ip', '-j', 'link', 'show', 'type', 'dummy']))
			assert.match(dummies[0]?.ifname, /^weft-[0-9a-f]{10}$/)
			await removeAll()
		})
	}

	it('has several subnets, and shares its parent with a network of its mode', async () => {
		await create('--subnet', '10.67.0.0/24', '--gateway', '10.67.0.254')
		await createNetwork(host, 'other', ...IPVLAN, ...OTHER.words, '-o', 'mtu=1400')
		await bed.run('one', 'other', OTHER, 11)
		await runContainer(host, 'two', 'lan', '--ip', '10.67.0.7')
		assert.match(await host.docker('exec', 'two', 'ip', 'route'), /default via 10\.67\.0\.254/)
		await host.docker('network', 'connect', 'lan', 'one')
		const read = (path: string) => host.docker('exec', 'one', 'cat', `/sys/class/net/${path}`)
		assert.deepEqual([await read('eth0/mtu'), await read('eth1/mtu')], ['1400', '1500'])
		await host.docker('rm', '-f', 'two')
		await removeAll()
	})

	for (const [first, priority, ways] of [
		['the ipvlan', '1', (link: string) => [`default dev ${link}`]],
		['the bridge', '-1', (link: string) => [`default via`, `dev ${link}`]],
	] as const) {
		it(`in l3 has one way out beside a bridge, where ${first} is the gateway`, async () => {
			await create('-o', 'ipvlan_mode=l3')
			await createNetwork(host, 'other', '--ipv6')
			await runContainer(host, 'two', 'other')
			const { 4: four, 6: six } = LAN.at(11)
			const words = ['network', 'connect', '--gw-priority', priority, '--ip', four, '--ip6', six]
			await host.docker(...words, 'lan', 'two')
			const link = first === 'the ipvlan' ? 'eth1' : 'eth0'
			for (const family of ['-4', '-6']) {
				const routes = await host.docker('exec', 'two', 'ip', family, 'route')
				const [only = '', ...others] = routes.split('\n').filter((route) => route.startsWith('default'))
				assert.deepEqual([ways(link).filter((part) => !only.includes(part)), others], [[], []], routes)
			}
			await host.docker('rm', '-f', 'two')
			await removeAll()
		})
	}

	it('takes -p, and says in the log where the container is reached', async () => {
		await create()
		await bed.run('one', 'lan', LAN, 11, '-p', '8080:7000')
		await bed.meet()
		const words = `all are reached at ${LAN.at(11)[4]} and ${LAN.at(11)[6]}`
		await eventually(() => host.weftd.log.includes(words), { what: words })
		await assertReachEachOther(bed.container('one'), bed.outsideOn(LAN))
		assert.ok(await bed.outsideOn(LAN).place.isShutOut('tcp', LAN.at(2)[4], 8080))
		await removeAll()
	})

	it('is refused in words, and leaves nothing', async () => {
		const words = (mode: string, ...more: readonly string[]) => {
			return ['network', 'create', '--driver', 'weft', '-o', `mode=${mode}`, ...more, 'other']
		}
		const link = (...lines: readonly string[]) => host.exec(['ip', '-batch', '-'], { input: lines.join('\n') })
		await link('link add bond0 type bond', 'link add b0 type dummy', 'link set b0 master bond0', 'link set b0 up')
		await link('link add i0 link eth0 type ipvlan mode l2', 'link set i0 up', 'link add d0 type dummy')
		const subnet = ['--subnet', '10.67.0.0/24']
		const onEth1 = ['-o', 'parent=eth1', ...subnet]
		for (const [more, expected] of [
			[['-o', 'parent=eth1', '-o', 'ipvlan_mode=l4'], /ipvlan_mode="l4" must be one of l2, l3, l3s/],
			[['-o', 'parent=eth1', '-o', 'ipvlan_flag=public'], /ipvlan_flag="public" must be one of bridge, private, vepa/],
			[['-o', 'parent=eth9', ...subnet], /parent="eth9" is no link of this host/],
			[['-o', 'parent=lo', ...subnet], /parent="lo" is the loopback/],
			[['-o', 'parent=d0', ...subnet], /parent="d0" is down; "ip link set d0 up" first/],
			[['-o', 'parent=b0', ...subnet], /parent="b0" is a port of a bond/],
			[['-o', 'parent=i0', ...subnet], /parent="i0" is itself on another link \(ipvlan\)/],
			[[...onEth1, '-o', 'host_access=1'], /needs an address of the host on eth1 in 10\.67\.0/],
			[[...onEth1, '-o', 'host_access=1', '-o', 'ipvlan_flag=vepa'], /host_access="true" needs ipvlan_flag="bridge"/],
		] as const) {
			await refused(host, words('ipvlan', ...more), expected)
		}
		await link('link del d0', 'link del i0', 'link del b0', 'link del bond0')
		await create('-o', 'ipvlan_mode=l3')
		await refused(
			host,
			words('ipvlan', ...onEth1),
			/all ipvlans on a parent have one mode and flag, there ipvlan_mode="l3"/,
		)
		await refused(host, words('macvlan', ...onEth1), /that one is of mode ipvlan/)
		const chosen = ['run', '--name', 'one', '--net', 'lan', '--mac-address', '02:00:00:00:00:77', IMAGE]
		await refused(host, chosen, /02:00:00:00:00:77 cannot be had/)
		await host.docker('rm', '-f', 'one')
		await removeAll()
	})
})
