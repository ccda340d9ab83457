/**
 * An overlay network by WireGuard on two hosts, each with a Docker of its own, seen through `wg` and real packets. Runs in
 * wireguard-vm.test.ts.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { DifferenceView } from '../../src/admin/api.ts'
import type { Family } from '../../src/model/address.ts'
import { addressOf, createNetwork, endpointOf, runContainer } from '../e2e/networks.ts'
import { type ClusterHosts, segmentAddress, settingsOf, startClusterHosts } from '../support/cluster-hosts.ts'
import { run } from '../support/command.ts'
import { OWN_ENGINE } from '../support/engine.ts'
import { noEtcd } from '../support/etcd.ts'
import { eventually } from '../support/eventually.ts'
import { type Host, noHost } from '../support/host.ts'
import { converse, dial, inContainer, onHost, type Place, pings, type Server, serve } from '../support/traffic.ts'

const WEFT = fileURLToPath(new URL('../../src/weft.js', import.meta.url))
const WG = '/var/cache/weft-test/wireguard/usr/bin/wg'
const LINK = 'weft-wireguard'
const SUBNETS = ['--subnet', '10.98.0.0/20', '--ipv6', '--subnet', 'fd98::/64']
const [PORT, PORT6] = [7000, 7006]
/** What leaves by the segment: encrypted, and as containers send and get it. */
const COUNTERS = `
table inet seen {
	counter tunnel {}
	counter plain {}
	chain out {
		type filter hook postrouting priority 0
		oifname eth1 udp dport 51820 counter name tunnel
		oifname eth1 ip saddr 10.98.0.0/20 counter name plain
		oifname eth1 ip daddr 10.98.0.0/20 counter name plain
		oifname eth1 ip6 saddr fd98::/64 counter name plain
		oifname eth1 ip6 daddr fd98::/64 counter name plain
	}
}
`

const noWg = existsSync(WG) ? false : `needs wg in ${WG}, where test/support/fetch-programs puts it`

describe('an overlay network by WireGuard', { skip: noHost() || noEtcd() || noWg }, () => {
	let cluster: ClusterHosts
	let hosts: readonly Host[] = []
	const ends: { readonly place: Place; readonly four: string; readonly six: string }[] = []
	const servers: Server[] = []

	before(async () => {
		cluster = await startClusterHosts(2, OWN_ENGINE)
		hosts = cluster.hosts
		const words = ['-o', 'mode=overlay', '-o', 'backend=wireguard', '-o', 'id=red', '-o', 'replicate=false', ...SUBNETS]
		for (const each of hosts) {
			await createNetwork(each, 'red', ...words)
			await runContainer(each, 'one', 'red')
			const place = await inContainer(each, 'one')
			const six = (await endpointOf(each, 'one', 'red')).GlobalIPv6Address
			ends.push({ place, four: await addressOf(each, 'one', 'red'), six })
			servers.push(await serve(place, 'tcp', PORT), await serve(place, 'tcp', PORT6, '::'))
			await each.exec(['nft', '-f', '-'], { input: COUNTERS })
		}
	})
	after(async () => {
		await Promise.all(servers.map((server) => server.stop()))
		await cluster?.stop()
	})

	function host(number: 1 | 2): Host {
		const found = hosts[number - 1]
		assert.ok(found)
		return found
	}

	function end(number: 1 | 2) {
		const found = ends[number - 1]
		assert.ok(found)
		return found
	}

	const wg = (on: Host, ...words: readonly string[]): Promise<string> => on.exec([WG, ...words])
	const show = async (on: Host, what: string) => (await wg(on, 'show', LINK, what)).trim()
	const weft = (on: Host, ...words: readonly string[]) => on.exec([process.execPath, WEFT, ...words])

	async function assertTalking(): Promise<void> {
		for (const [from, to] of [
			[end(1), end(2)],
			[end(2), end(1)],
		] as const) {
			assert.equal(await dial(from.place, 'tcp', to.four, PORT), from.four)
			assert.equal(await dial(from.place, 'tcp', to.six, PORT6), from.six)
		}
	}

	/** Of the family that the hosts have in the underlay. */
	async function assertHostReaches(family: Family): Promise<void> {
		const { four, six } = end(2)
		const [address, port] = family === 4 ? [four, PORT] : [six, PORT6]
		assert.equal(await dial(onHost(host(1)), 'tcp', address, port), segmentAddress(1, family))
	}

	const mtuOf = async (on: Host) => (await on.exec(['cat', `/sys/class/net/${LINK}/mtu`])).trim()

	async function packets(on: Host, counter: string): Promise<number> {
		const { nftables } = JSON.parse(await on.exec(['nft', '-j', 'list', 'counter', 'inet', 'seen', counter]))
		return nftables.find((each: object) => 'counter' in each).counter.packets
	}

	/** In what the kernel is not as it should be. */
	async function differences(on: Host): Promise<string[]> {
		// Its exit status tells of them, too.
		const { stdout } = await on.attempt([process.execPath, WEFT, 'diff', '--json'])
		const found: DifferenceView[] = JSON.parse(stdout)
		return found.map(({ what }) => what)
	}

	/** Nothing is amiss for long. */
	async function assertRight(on: Host): Promise<void> {
		await eventually(async () => (await differences(on)).length === 0, { what: 'no difference', within: 60_000 })
	}

	it('leads from container to container, both ways and of both families, and nothing of it is plain on the segment', async () => {
		await assertTalking()
		await assertHostReaches(4)
		for (const each of hosts) {
			assert.ok((await packets(each, 'tunnel')) > 0)
			assert.equal(await packets(each, 'plain'), 0)
			await assertRight(each)
		}
		assert.equal(await host(1).docker('exec', 'one', 'cat', '/sys/class/net/eth0/mtu'), '1440')
		assert.equal(await mtuOf(host(1)), '1440')
		// As large as can be with the headers of IPv4 and ICMP.
		await run(end(1).place(['busybox', 'ping', '-c', '1', '-W', '5', '-s', '1412', end(2).four]))
	})

	it('has the public keys alone in the cluster', async () => {
		const all = await cluster.etcd.ctl('get', '--prefix', 'weft/')
		for (const each of hosts) {
			assert.ok(all.includes(await show(each, 'public-key')))
			assert.ok(!all.includes(await show(each, 'private-key')))
		}
		assert.equal(await show(host(1), 'peers'), await show(host(2), 'public-key'))
	})

	it('goes on with another key of a host', async () => {
		const talk = await converse(end(1).place, end(2).four, PORT)
		try {
			await talk.echo('before')
			const [former, private1] = [await show(host(1), 'public-key'), await show(host(1), 'private-key')]
			await weft(host(1), 'node', 'rekey')
			await eventually(async () => (await show(host(1), 'public-key')) !== former)
			assert.notEqual(await show(host(1), 'private-key'), private1)
			await talk.echo('after')
			assert.equal(await show(host(2), 'peers'), await show(host(1), 'public-key'))
		} finally {
			await talk.stop()
		}
		await assertTalking()
		await assertRight(host(2))
	})

	it('tells what is taken away, and has it again', async () => {
		const peer = await show(host(1), 'peers')
		for (const [command, what] of [
			[`${WG} set ${LINK} peer ${peer} allowed-ips ""`, /^allowed weft-wireguard 10\.98\.\S+ was gone$/],
			[
				`${WG} set ${LINK} peer ${peer} endpoint 192.0.2.77:9`,
				/^peer .* was at 192\.0\.2\.77 port 9 instead of 192\.0\.2\.2 port 51820$/,
			],
			[`${WG} set ${LINK} peer ${peer} remove`, /^peer .* was gone$/],
			[`${WG} genkey | ${WG} set ${LINK} private-key /proc/self/fd/0`, /^link weft-wireguard was with the key /],
		] as const) {
			await host(1).exec(['sh', '-c', command])
			const found = await differences(host(1))
			assert.ok(
				found.some((each) => what.test(each)),
				`${command}: ${found.join()}`,
			)
		}
		assert.ok(!(await pings(end(1).place, end(2).four)))
		// Of these the kernel tells.
		for (const command of [`ip route flush dev ${LINK}`, `ip link del ${LINK}`]) {
			await host(1).exec(['sh', '-c', command])
			await assertTalking()
			await assertRight(host(1))
		}
	})

	it('goes over hosts with IPv6 addresses as well', async () => {
		for (const [i, each] of hosts.entries()) {
			await each.stopWeftd()
			await each.startWeftd(settingsOf(i + 1, cluster.etcd, 6))
		}
		const place = `[${segmentAddress(2, 6)}]:51820`
		await eventually(async () => (await show(host(1), 'endpoints')).includes(place), { within: 60_000 })
		await assertTalking()
		await assertHostReaches(6)
		for (const each of hosts) assert.equal(await packets(each, 'plain'), 0)
		assert.equal(await mtuOf(host(1)), '1420')
	})

	it('goes with the last network', async () => {
		for (const each of hosts) {
			await each.docker('rm', '-f', 'one')
			await each.docker('network', 'rm', 'red')
			assert.equal((await each.attempt(['ip', 'link', 'show', LINK])).code, 1)
		}
	})
})
