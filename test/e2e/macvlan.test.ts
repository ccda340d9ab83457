/** Docker's own commands for macvlan on weft: containers as hosts of the network beyond the uplink. */

import assert from 'node:assert/strict'
import { after, afterEach, before, it } from 'node:test'
import { isSince } from '../support/engine.ts'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4, HOST_V6, INTERNET_V4, OUTSIDE_V4, OUTSIDE_V6 } from '../support/host-namespaces.ts'
import { IMAGE } from '../support/image.ts'
import {
	assertPings,
	assertReaches,
	dial,
	inContainer,
	onHost,
	outsideOf,
	pings,
	type Server,
	serve,
} from '../support/traffic.ts'
import { assertFootprint, type Footprint, footprint } from './footprint.ts'
import {
	createNetwork,
	endpointOf,
	haveForwarding,
	onEngines,
	refused,
	runContainer,
	startDockerHost,
} from './networks.ts'

const PORT = 9000
const LAN4 = ['--subnet', '203.0.113.0/24', '--ip-range', '203.0.113.128/25', '--gateway', OUTSIDE_V4]
const LAN6 = [
	'--ipv6',
	'--subnet',
	'2001:db8:113::/64',
	'--ip-range',
	'2001:db8:113::8000/113',
	'--gateway',
	OUTSIDE_V6,
]

/** The word of `docker inspect`, the host of the LAN, this host. */
interface Family {
	readonly address: 'IPAddress' | 'GlobalIPv6Address'
	readonly outside: string
	readonly own: string
}

const IPV4: Family = { address: 'IPAddress', outside: OUTSIDE_V4, own: HOST_V4 }
const IPV6: Family = { address: 'GlobalIPv6Address', outside: OUTSIDE_V6, own: HOST_V6 }
const FAMILIES = [IPV4, IPV6]

onEngines('a macvlan network', (engine) => {
	let host: Host
	let clean: Footprint
	const servers: Server[] = []

	before(async () => {
		host = await startDockerHost(engine)
		servers.push(await serve(outsideOf(host), 'tcp', PORT, '::'))
		await haveForwarding(host)
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
		return createNetwork(host, 'lan', '-o', 'mode=macvlan', '-o', 'parent=eth0', ...LAN4, ...words)
	}

	async function runPair(): Promise<void> {
		await runContainer(host, 'one', 'lan')
		await runContainer(host, 'two', 'lan')
	}

	/** Container, LAN host, the way beyond it, and the other container; and not the host, as with Docker's driver. */
	async function assertOnLan(families: readonly Family[] = FAMILIES): Promise<void> {
		const [one, two] = [await endpointOf(host, 'one', 'lan'), await endpointOf(host, 'two', 'lan')]
		const place = await inContainer(host, 'one')
		for (const { address, outside, own } of families) {
			await assertPings(place, outside)
			await assertPings(place, two[address])
			await assertPings(outsideOf(host), one[address])
			assert.equal(await dial(place, 'tcp', outside, PORT), one[address])
			assert.equal(await pings(place, own), false)
			assert.equal(await pings(onHost(host), one[address]), false)
		}
		await assertReaches(place, 'tcp', INTERNET_V4, PORT)
		await host.docker('exec', 'one', 'ping', '-c', '1', '-W', '1', 'two')
	}

	it('gives containers addresses, names and a gateway of the LAN, and leaves the host as it was', async () => {
		await createLan(...LAN6)
		await runPair()
		await assertOnLan()
		const routes = await host.docker('exec', 'one', 'ip', 'route')
		assert.match(routes, new RegExp(`default via ${OUTSIDE_V4} dev eth0`))
		await host.docker('network', 'disconnect', 'lan', 'two')
		await host.docker('network', 'connect', 'lan', 'two')
		await host.docker('restart', '-t', '0', 'one')
		await assertOnLan()
		await host.docker('rm', '-f', 'one', 'two')
		await host.docker('network', 'rm', 'lan')
		await assertFootprint(host, clean)
	})

	it("works with Docker's address management", async () => {
		await createLan('--ipam-driver', 'default')
		await runContainer(host, 'one', 'lan', '--ip', '203.0.113.140', '--mac-address', '02:00:00:00:00:77')
		await runContainer(host, 'two', 'lan')
		await assertOnLan([IPV4])
		assert.match(await host.docker('exec', 'one', 'cat', '/sys/class/net/eth0/address'), /02:00:00:00:00:77/)
	})

	it('goes on over the death of weftd and of dockerd', async () => {
		await createLan(...LAN6)
		await runPair()
		await host.killWeftd('SIGKILL')
		await assertPings(await inContainer(host, 'one'), OUTSIDE_V4)
		await host.startWeftd()
		await assertOnLan()
		await host.stopDockerd('SIGKILL')
		await host.startDockerd()
		await host.docker('start', 'one', 'two')
		await assertOnLan()
		await host.docker('rm', '-f', 'one', 'two')
		await host.docker('network', 'rm', 'lan')
		await assertFootprint(host, clean)
	})

	it('lets the host and containers reach each other with host_access, and leaves the host as it was', async () => {
		await createLan('-o', 'host_access=true', ...LAN6)
		const [four, six] = ['203.0.113.150', '2001:db8:113::8150']
		await runContainer(host, 'one', 'lan', '--ip', four, '--ip6', six)
		const assertTogether = async (): Promise<void> => {
			const place = await inContainer(host, 'one')
			for (const protocol of ['tcp', 'udp'] as const) {
				const [server, own] = [await serve(place, protocol, 80, '::'), await serve(onHost(host), protocol, 81, '::')]
				for (const [its, ours, outside] of [
					[four, HOST_V4, OUTSIDE_V4],
					[six, HOST_V6, OUTSIDE_V6],
				] as const) {
					await assertPings(onHost(host), its)
					await assertPings(place, ours)
					assert.equal(await dial(onHost(host), protocol, its, 80), ours)
					assert.equal(await dial(place, protocol, ours, 81), its)
					assert.equal(await dial(outsideOf(host), protocol, its, 80), outside)
					assert.equal(await dial(outsideOf(host), protocol, ours, 81), outside)
				}
				await Promise.all([server.stop(), own.stop()])
			}
		}
		await assertTogether()
		await host.docker('restart', '-t', '0', 'one')
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
		await host.docker('rm', '-f', 'one')
		await host.docker('network', 'rm', 'lan')
		await assertFootprint(host, clean)
	})

	it('is reached by containers of a bridge network through the host with host_access, and not without', async () => {
		await createNetwork(host, 'other', '--ipv6')
		await runContainer(host, 'two', 'other')
		const through = await inContainer(host, 'two')
		for (const access of [true, false]) {
			await createLan('-o', `host_access=${access}`, ...LAN6)
			await runContainer(host, 'one', 'lan')
			const server = await serve(await inContainer(host, 'one'), 'tcp', 80, '::')
			const one = await endpointOf(host, 'one', 'lan')
			for (const { address, own } of FAMILIES) {
				if (access) assert.equal(await dial(through, 'tcp', one[address], 80), own)
				assert.equal(await pings(through, one[address]), access)
			}
			await server.stop()
			await host.docker('rm', '-f', 'one')
			await host.docker('network', 'rm', 'lan')
		}
	})

	it('gives containers no address of the host, nor of the gateway, where nobody keeps to a range', async () => {
		const words = ['-o', 'mode=macvlan', '-o', 'parent=eth0', '-o', 'host_access=true', '--ipv6']
		const four = ['--subnet', '203.0.113.0/24', '--gateway', OUTSIDE_V4]
		await createNetwork(host, 'lan', ...words, ...four, '--subnet', '2001:db8:113::/64', '--gateway', OUTSIDE_V6)
		await runPair()
		const given = await Promise.all(['one', 'two'].map((name) => endpointOf(host, name, 'lan')))
		const sorted = ({ address }: Family) => given.map((each) => each[address]).toSorted()
		assert.deepEqual(FAMILIES.map(sorted), [
			['203.0.113.3', '203.0.113.4'],
			['2001:db8:113::3', '2001:db8:113::4'],
		])
		for (const each of given) await assertPings(onHost(host), each.IPAddress)
	})

	it('refuses a container the address of the host, which Docker’s address management gives it, and not another', async () => {
		const words = ['-o', 'mode=macvlan', '-o', 'parent=eth0', '--ipam-driver', 'default']
		await createNetwork(host, 'lan', ...words, '--subnet', '203.0.113.0/24', '--gateway', OUTSIDE_V4)
		const start = ['run', '--name', 'one', '--net', 'lan', IMAGE]
		await refused(host, start, new RegExp(`the address ${HOST_V4} is the host's own on the link of this network`))
		await host.docker('rm', 'one')
		await runContainer(host, 'one', 'lan', '--ip', '203.0.113.7')
		await runContainer(host, 'two', 'lan', '--ip', '203.0.113.8')
		await assertOnLan([IPV4])
	})

	it('is on its parent by another name of that, too', async (t) => {
		await host.exec(['ip', 'link', 'property', 'add', 'dev', 'eth0', 'altname', 'enp0s31f6'])
		t.after(() => host.attempt(['ip', 'link', 'property', 'del', 'dev', 'eth0', 'altname', 'enp0s31f6']))
		await createNetwork(host, 'lan', '-o', 'mode=macvlan', '-o', 'parent=enp0s31f6', '-o', 'host_access=true', ...LAN4)
		await runContainer(host, 'one', 'lan')
		const { IPAddress } = await endpointOf(host, 'one', 'lan')
		for (const place of [outsideOf(host), onHost(host)]) await assertPings(place, IPAddress)
	})

	it('takes -p, and says in the log where the container is reached', async () => {
		await createLan()
		await runContainer(host, 'one', 'lan', '-p', '8080:80')
		const { IPAddress } = await endpointOf(host, 'one', 'lan')
		const words = `all are reached at ${IPAddress}`
		await eventually(async () => host.weftd.log.includes(words), { what: words })
		await assertPings(outsideOf(host), IPAddress)
		assert.equal(await pings(onHost(host), IPAddress), false)
	})

	it('has no way out where it is internal, but the LAN', async () => {
		await createLan('--internal')
		await runPair()
		const place = await inContainer(host, 'one')
		assert.doesNotMatch(await host.docker('exec', 'one', 'ip', 'route'), /default/)
		await assertPings(place, (await endpointOf(host, 'two', 'lan')).IPAddress)
		await assertPings(place, OUTSIDE_V4)
		assert.equal(await pings(place, INTERNET_V4), false)
	})

	it('has the MTU and the names that were asked for, and shares its parent with others', async () => {
		await createLan('-o', 'mtu=1400', '-o', 'com.docker.network.container_iface_prefix=lan')
		const [private10, parent] = [
			['--subnet', '10.66.0.0/24'],
			['-o', 'mode=macvlan', '-o', 'parent=eth0'],
		]
		await createNetwork(host, 'other', ...parent, '-o', 'macvlan_mode=private', ...private10)
		await runContainer(host, 'one', 'lan')
		await host.docker('network', 'connect', 'other', 'one')
		const read = (path: string) => host.docker('exec', 'one', 'cat', `/sys/class/net/${path}`)
		assert.deepEqual([await read('lan0/mtu'), await read('eth0/mtu')], ['1400', '1500'])
		await host.outside(['ip', 'addr', 'add', '10.66.0.99/24', 'dev', 'up0'])
		for (const there of [OUTSIDE_V4, '10.66.0.99']) await assertPings(await inContainer(host, 'one'), there)
		await host.outside(['ip', 'addr', 'del', '10.66.0.99/24', 'dev', 'up0'])
	})

	it('has several subnets, each with its gateway', async () => {
		const second = ['--subnet', '10.66.1.0/24', '--gateway', '10.66.1.254']
		await createLan(...second)
		await runContainer(host, 'one', 'lan', '--ip', '10.66.1.7')
		assert.match(await host.docker('exec', 'one', 'ip', 'route'), /default via 10\.66\.1\.254/)
	})

	// An older one takes an address for a gateway that nobody has named.
	if (isSince(engine, 28)) {
		it('has two containers on a subnet of two addresses, with Docker 28 and newer', async () => {
			const parent = ['-o', 'mode=macvlan', '-o', 'parent=eth0']
			await createNetwork(host, 'lan', ...parent, '--subnet', '192.168.135.0/31')
			await runPair()
			const addresses = [await endpointOf(host, 'one', 'lan'), await endpointOf(host, 'two', 'lan')]
			const plain = addresses.map(({ IPAddress }) => IPAddress)
			assert.deepEqual(plain.toSorted(), ['192.168.135.0', '192.168.135.1'])
			await assertPings(await inContainer(host, 'one'), plain[1] ?? '')
			await assertPings(await inContainer(host, 'two'), plain[0] ?? '')
		})
	}

	it('is refused in words, and leaves nothing', async () => {
		const create = (...words: readonly string[]) => {
			return ['network', 'create', '--driver', 'weft', '-o', 'mode=macvlan', ...words, 'lan']
		}
		await refused(host, create('-o', 'parent=eth9'), /parent="eth9" is no link of this host/)
		await refused(host, create('-o', 'parent=lo'), /parent="lo" is the loopback/)
		await refused(
			host,
			create('-o', 'parent=eth0', '-o', 'macvlan_mode=vpea'),
			/macvlan_mode="vpea" must be one of bridge/,
		)
		const access = ['-o', 'parent=eth0', '-o', 'host_access=true']
		await refused(host, create(...access, '-o', 'macvlan_mode=vepa'), /host_access="true" needs macvlan_mode="bridge"/)
		await refused(host, create(...access, '--subnet', '10.66.0.0/24'), /needs an address of the host on eth0 in 10\.66/)
		await refused(host, create('-o', 'parent=eth0', '-o', 'mtu=9000'), /mtu="9000" is more than the 1500 bytes/)
		await refused(host, create('-o', 'parent=eth0', '--ipam-driver', 'null'), /needs a subnet of addresses/)
		await createLan('-o', 'macvlan_mode=passthru')
		const second = ['-o', 'mode=macvlan', '-o', 'parent=eth0', '--subnet', '10.66.0.0/24', 'other']
		await refused(host, ['network', 'create', '--driver', 'weft', ...second], /that network has it alone/)
		await runContainer(host, 'one', 'lan')
		await refused(host, ['run', '--name', 'two', '--net', 'lan', IMAGE], /the parent eth0 has a link in passthru/)
		await host.docker('rm', '-f', 'one', 'two')
		await host.docker('network', 'rm', 'lan')
		await assertFootprint(host, clean)
	})
})
