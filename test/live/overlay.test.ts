/** What an overlay network plans, on the kernel: all of it comes into being, what others take away comes back, all of it goes. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Departures } from '../../src/kernel/departures.ts'
import { Firewall } from '../../src/kernel/firewall.ts'
import { Flows } from '../../src/kernel/flows.ts'
import { LinuxKernel } from '../../src/kernel/kernel.ts'
import { routeMonitor } from '../../src/kernel/netlink/route-monitor.ts'
import { Rtnetlink } from '../../src/kernel/netlink/rtnetlink.ts'
import { Nft } from '../../src/kernel/nftables.ts'
import { HostPorts } from '../../src/kernel/ports.ts'
import type { Resource } from '../../src/kernel/resource.ts'
import { Wireguard } from '../../src/kernel/wireguard.ts'
import type { OverlayNetwork, Remote } from '../../src/model/network.ts'
import { overlay } from '../../src/modes/overlay.ts'
import { parseOverlay } from '../../src/network/overlay-options.ts'
import { attempt, run } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { enterOwnNamespace, noBed } from './networks-bed.ts'

const REMOTE: Remote = {
	node: 'b',
	address: '192.0.2.2',
	// The first address of a block by itself, which the kernel tells of when it is asked for the block.
	destinations: ['10.98.0.64/26', '10.98.0.64/32', '10.98.1.0/26', 'fd98::40/122'],
}

function network(backend: string, addresses: readonly [string, string], remotes = [REMOTE]): OverlayNetwork {
	const [address, other] = addresses
	return {
		id: '0123456789abcdef'.repeat(4),
		clusterId: 'wide',
		options: parseOverlay({ backend }),
		internal: false,
		ipv4: [{ pool: '10.98.0.0/20', gateway: '10.98.0.1/20', reserved: {} }],
		ipv6: [{ pool: 'fd98::/64', gateway: 'fd98::1/64', reserved: {} }],
		bridge: 'weft0123456789a',
		mtu: 1400,
		settled: true,
		underlay: { node: 'a', address, link: 'eth0', mtu: 1500, port: 4789 },
		remotes: remotes.map((each) => ({ ...each, address: other })),
		borrowed: ['10.98.0.70/32'],
	}
}

const CASES = {
	'VXLAN over IPv4': network('vxlan', ['192.0.2.1', '192.0.2.2']),
	'VXLAN over IPv6': network('vxlan', ['2001:db8::1', '2001:db8::2']),
	'host-gw over IPv6': network('host-gw', ['2001:db8::1', '2001:db8::2']),
}

describe('an overlay network on the kernel', { skip: noBed() }, () => {
	let kernel: LinuxKernel
	let rtnetlink: Rtnetlink

	before(async () => {
		const place = await enterOwnNamespace()
		await place.ip(
			'link add eth0 type veth peer name up0',
			'addr add 192.0.2.1/24 dev eth0',
			'addr add 2001:db8::1/64 dev eth0 nodad',
			'link set eth0 up',
			'link set up0 up',
		)
		rtnetlink = new Rtnetlink()
		rtnetlink.open()
		const nft = Nft.open()
		kernel = new LinuxKernel(
			rtnetlink,
			new Firewall((commands) => nft.run(commands)),
			new HostPorts(),
			new Flows(),
			new Departures(),
			new Wireguard(() => undefined),
		)
	})
	after(async () => {
		await rtnetlink?.close()
	})

	const links = async (): Promise<string[]> => {
		const found: { ifname: string }[] = JSON.parse(await run(['ip', '-j', 'link']))
		return found.map(({ ifname }) => ifname).sort()
	}
	/** Of a packet that goes back to another host. */
	const wayBack = async (address: string): Promise<string> => {
		const { code, stdout, stderr } = await attempt(['ip', 'route', 'get', address, 'mark', '0x8000000'])
		return code === 0 ? stdout : stderr
	}
	const wayTo = (address: string): Promise<string> => run(['ip', 'route', 'get', address])

	for (const [name, wanted] of Object.entries(CASES)) {
		const plan: readonly Resource[] = overlay.network(wanted)
		const link = wanted.options.backend === 'vxlan' ? 'weft-vxlan' : 'eth0'

		it(`of ${name} is there as planned, also a second time`, async () => {
			for (let i = 0; i < 2; i++) {
				await kernel.ensure(plan)
				assert.deepEqual(await kernel.differences(plan), [])
			}
			for (const address of ['10.98.0.64', '10.98.0.65', '10.98.1.9', 'fd98::41']) {
				assert.match(await wayTo(address), new RegExp(`dev ${link} `), address)
			}
			for (const address of ['10.98.0.70', '10.98.2.1']) assert.match(await wayTo(address), /dev weft0123456789a/)
		})

		it(`of ${name} is put back as it was, whatever is taken away`, async () => {
			const vxlan = wanted.options.backend === 'vxlan'
			const family = wanted.underlay.address.includes(':') ? '-6' : '-4'
			for (const [command, what] of [
				['ip route del 10.98.0.64/26', /route 10\.98\.0\.64\/26 .* was gone/],
				['ip -6 route del fd98::40/122', /route fd98::40\/122 .* was gone/],
				[`ip route replace 10.98.1.0/26 dev ${link} scope link`, /route 10\.98\.1\.0\/26 .* was by nobody instead of/],
				['ip route flush 10.98.0.70/32', /route 10\.98\.0\.70\/32 weft0123456789a was gone/],
				...(vxlan
					? ([
							['ip neigh flush dev weft-vxlan nud permanent', /neighbour weft-vxlan .* was gone/],
							['ip -6 neigh flush dev weft-vxlan nud permanent', /neighbour weft-vxlan fe80.* was gone/],
							['bridge fdb del 02:77:bf:9b:25:a1 dev weft-vxlan', /forwarding weft-vxlan .* was gone/],
							[`ip ${family} rule del fwmark 0x8000000/0x8000000`, /rule IPv[46] 0x8000000 was gone/],
							[`ip ${family} route flush table 7766`, /route \S+ weft-vxlan 7766 was gone/],
							[
								`ip ${family} route del unreachable ${wanted.remotes[0]?.address} table 7766 metric 4294967295`,
								/route \S+ weft-vxlan 7766 was without its dead end/,
							],
							['ip link set weft-vxlan down', /link weft-vxlan was down/],
							['ip link set weft-vxlan mtu 1300', /link weft-vxlan was with the MTU 1300 instead of 14/],
							['ip link del weft-vxlan', /link weft-vxlan was gone/],
						] as const)
					: []),
			] as const) {
				await run(['sh', '-c', command])
				const found = await kernel.repair(plan)
				assert.match(found.join('\n'), what, command)
				assert.deepEqual(await kernel.differences(plan), [], command)
			}
		})

		it(`of ${name} goes without a trace`, async () => {
			await kernel.remove(plan)
			assert.deepEqual(await links(), ['eth0', 'lo', 'up0'])
			assert.equal(await run(['ip', 'route', 'show', 'root', '10.0.0.0/8']), '')
			assert.equal(await run(['ip', '-6', 'route', 'show', 'root', 'fd98::/16']), '')
		})
	}

	it('leads answers to another host by its tunnel, and nowhere while that is gone', async () => {
		for (const name of ['VXLAN over IPv4', 'VXLAN over IPv6'] as const) {
			const plan = overlay.network(CASES[name])
			const other = CASES[name].remotes[0]?.address ?? ''
			await kernel.ensure(plan)
			assert.match(await wayBack(other), /dev weft-vxlan /)
			await run(['ip', 'link', 'del', 'weft-vxlan'])
			assert.match(await wayBack(other), /unreachable|No route to host/)
			assert.match(await wayTo(other), /dev eth0 /)
			await kernel.repair(plan)
			assert.match(await wayBack(other), /dev weft-vxlan /)
			await kernel.remove(plan)
			assert.match(await wayBack(other), /dev eth0 /)
		}
	})

	it('that cannot be made takes along nothing of what another one has', async () => {
		const first = CASES['VXLAN over IPv4']
		const plan = overlay.network(first)
		await kernel.ensure(plan)
		try {
			const subnets = { ipv4: [{ pool: '10.99.0.0/20', gateway: '10.99.0.1/20', reserved: {} }], ipv6: [] }
			const remotes = [{ ...REMOTE, address: '192.0.2.2', destinations: [...REMOTE.destinations, '10.99.1.0/26'] }]
			const second = overlay.network({ ...first, ...subnets, bridge: 'weft1123456789a', remotes, borrowed: [] })
			const impossible: Resource = { kind: 'route', destination: '10.99.2.0/26', link: 'none' }
			await assert.rejects(kernel.ensure([...second, impossible]), /link none: No such device/)
			const made = second.filter(({ kind }) => kind === 'route' || kind === 'bridge')
			assert.equal((await kernel.differences(made)).length, 2)
			assert.deepEqual(await kernel.differences(plan.filter(({ kind }) => kind !== 'element')), [])
		} finally {
			await kernel.remove(plan)
		}
	})

	it('is refused where its device is a link of somebody else’s, which stays', async () => {
		await run(['ip', 'link', 'add', 'weft-vxlan', 'type', 'bridge'])
		try {
			const plan = overlay.network(CASES['VXLAN over IPv4'])
			await assert.rejects(kernel.ensure(plan), /link weft-vxlan: exists and is not a VXLAN device/)
			assert.ok((await links()).includes('weft-vxlan'))
		} finally {
			await run(['ip', 'link', 'del', 'weft-vxlan'])
		}
	})

	it('has its device anew where the address, the port or the MAC is another one', async () => {
		const first = CASES['VXLAN over IPv4']
		await kernel.ensure(overlay.network(first))
		await run(['ip', 'addr', 'add', '192.0.2.9/24', 'dev', 'eth0'])
		for (const more of [{ address: '192.0.2.9' }, { port: 4790 }, { node: 'z' }]) {
			const plan = overlay.network({ ...first, underlay: { ...first.underlay, ...more } })
			assert.notDeepEqual(await kernel.differences(plan), [])
			await kernel.ensure(plan)
			assert.deepEqual(await kernel.differences(plan), [])
		}
		await kernel.remove(overlay.network(first))
	})

	it('is told of routes, neighbours, forwarding entries and rules about marks that go, and of nothing else', async () => {
		const plan = overlay.network(CASES['VXLAN over IPv4'])
		await kernel.ensure(plan)
		const heard: number[] = []
		const unled: number[] = []
		const monitor = routeMonitor({
			stripped: (index) => heard.push(index),
			unled: (table) => unled.push(table),
			lost: () => heard.push(-1),
		})
		monitor.open()
		try {
			await run(['ip', 'route', 'add', '10.97.0.0/24', 'dev', 'weft-vxlan'])
			await run(['ip', 'neigh', 'add', '10.97.0.1', 'lladdr', '02:00:00:00:00:01', 'dev', 'weft-vxlan'])
			const index = rtnetlink.indexOf('weft-vxlan')
			for (const command of [
				'ip route del 10.98.0.64/26',
				'ip -6 route del fd98::40/122',
				'ip neigh del 192.0.2.2 dev weft-vxlan',
				'bridge fdb del 02:77:bf:9b:25:a1 dev weft-vxlan',
			]) {
				const before = heard.filter((each) => each === index).length
				await run(['sh', '-c', command])
				const more = () => heard.filter((each) => each === index).length > before
				await eventually(more, { what: command })
			}
			// The device of the test before may still be on its way out.
			const here = heard.filter((each) => each === index || each === -1)
			assert.deepEqual(here, [index, index, index, index])
			for (const command of [
				'ip rule del fwmark 0x8000000/0x8000000',
				'ip rule add from 10.97.0.0/24 table 7790 && ip rule del from 10.97.0.0/24 table 7790',
				'ip -6 rule add fwmark 8/8 table 7767 && ip -6 rule del fwmark 8/8 table 7767',
			]) {
				await run(['sh', '-c', command])
			}
			await eventually(() => unled.includes(7767))
			assert.deepEqual(unled, [7766, 7767])
		} finally {
			monitor.close()
			await kernel.remove(plan)
		}
	})
})
