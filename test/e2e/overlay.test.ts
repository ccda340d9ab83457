/** One network on two hosts, each with a Docker of its own: who reaches whom, with which address, and who does not. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { type ClusterHosts, ETCD_ADDRESS, segmentAddress, startClusterHosts } from '../support/cluster-hosts.ts'
import { attempt, run } from '../support/command.ts'
import { noEtcd } from '../support/etcd.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4, HOST_V6, INTERNET_V4, INTERNET_V6, OUTSIDE_V4 } from '../support/host-namespaces.ts'
import {
	assertPings,
	assertReaches,
	dial,
	inContainer,
	onHost,
	outsideOf,
	type Place,
	pings,
	reaches,
	type Server,
	serve,
} from '../support/traffic.ts'
import { assertFootprint, type Footprint, footprint } from './footprint.ts'
import { addressOf, createNetwork, endpointOf, onOuterEngines, runContainer } from './networks.ts'

const PORT = 7000
const PORT6 = 7006

/** What comes out of the tunnel from somebody with that address. */
const STRANGERS = `
table inet seen {
	counter stranger {}
	chain in {
		type filter hook prerouting priority 0
		iifname weft-vxlan ip saddr 10.98.15.9 counter name stranger
	}
}
`

/** What comes from the port that callers have in the test of connections that are there. */
const CALLER = 7077
const CALLS = `
table inet calls {
	counter calls {}
	chain in {
		type filter hook prerouting priority -350
		udp sport ${CALLER} counter name calls
	}
}
`

/** It knows no containers, and the hosts take nothing that has its sender elsewhere. */
const WARY_UNDERLAY = `
sysctl -qw net.ipv4.conf.eth1.rp_filter=1
nft 'add table inet underlay { chain out { type filter hook postrouting priority 300; oifname eth1 ip saddr 10.98.0.0/20 drop; }; }'
`
const OPEN_UNDERLAY = 'sysctl -qw net.ipv4.conf.eth1.rp_filter=0; nft delete table inet underlay'

interface Spot {
	readonly place: Place
	readonly address: string
}

onOuterEngines('an overlay network', (engine) => {
	describe('of two hosts', { skip: noEtcd() }, () => {
		let cluster: ClusterHosts
		let [one, two]: Host[] = []
		let clean: Footprint[] = []
		const servers: Server[] = []

		before(async () => {
			cluster = await startClusterHosts(2, engine)
			;[one, two] = cluster.hosts
			servers.push(await serve(outsideOf(host(1)), 'tcp', PORT), await serve(outsideOf(host(2)), 'tcp', PORT))
			await createEverywhere('warm', '10.97.0.0/24')
			await clear()
			clean = await Promise.all(cluster.hosts.map((each) => footprint(each)))
		})
		after(async () => {
			await Promise.all(servers.map((server) => server.stop()))
			await cluster?.stop()
		})

		function host(number: 1 | 2): Host {
			const found = number === 1 ? one : two
			assert.ok(found)
			return found
		}

		async function onEach(script: string): Promise<void> {
			for (const each of cluster.hosts) await each.exec(['sh', '-ec', script])
		}

		/** By hand, on one host after the other. */
		async function createEverywhere(name: string, subnet: string, ...more: string[]): Promise<void> {
			const words = ['-o', 'mode=overlay', '-o', `id=${name}`, '-o', 'replicate=false', '--subnet', subnet]
			for (const each of cluster.hosts) await createNetwork(each, name, ...words, ...more)
		}

		/** A container that listens. */
		async function settle(on: Host, name: string, network: string, ...options: string[]): Promise<Spot> {
			await runContainer(on, name, network, ...options)
			const place = await inContainer(on, name)
			servers.push(await serve(place, 'tcp', PORT))
			return { place, address: await addressOf(on, name, network) }
		}

		/** Somebody on the segment who has an address of another's, and sends it by the first host without asking anybody. */
		async function asNeighbour(mac: string, from: string, to: string, work: (place: Place) => Promise<void>) {
			const [family, version, length] = from.includes(':') ? [6 as const, '-6', 128] : [4 as const, '-4', 32]
			const gateway = segmentAddress(1, family)
			const each = cluster.segment(['ip', version, '-force', '-batch', '-'])
			const taken = [`route del ${to}`, `addr del ${from}/${length} dev switch`, `neigh del ${gateway} dev switch`]
			try {
				const input = [
					`neigh replace ${gateway} lladdr ${mac} dev switch nud permanent`,
					`addr add ${from}/${length} dev switch${family === 6 ? ' nodad' : ''}`,
					`route add ${to} via ${gateway} dev switch onlink src ${from}`,
				].join('\n')
				await run(each, { input })
				await work(cluster.segment)
			} finally {
				await attempt(each, { input: taken.join('\n') })
			}
		}

		/** Also after a test that failed half way. */
		async function clear(): Promise<void> {
			await Promise.all(servers.splice(2).map((server) => server.stop()))
			for (const each of cluster.hosts) {
				await each.exec(['sh', '-c', 'docker ps -aq | xargs -r docker rm -f'])
				await each.exec(['sh', '-c', 'docker network ls -q --filter driver=weft | xargs -r docker network rm'])
			}
		}
		afterEach(clear)

		for (const backend of ['vxlan', 'host-gw']) {
			it(`leads from container to container by ${backend}, both ways, each with its own address, and away when it goes`, async () => {
				await createEverywhere('red', '10.98.0.0/20', '-o', `backend=${backend}`)
				const [a, b] = [await settle(host(1), 'one', 'red'), await settle(host(2), 'two', 'red')]
				const a2 = await settle(host(1), 'one2', 'red')
				assert.notEqual(a.address, b.address)
				await assertPings(a.place, b.address, 'from one host to the other')
				await assertPings(b.place, a.address, 'and back')
				assert.equal(await dial(a.place, 'tcp', b.address, PORT), a.address)
				assert.equal(await dial(b.place, 'tcp', a.address, PORT), b.address)
				assert.equal(await dial(a.place, 'tcp', a2.address, PORT), a.address)
				for (const spot of [a, b]) assert.equal(await dial(spot.place, 'tcp', INTERNET_V4, PORT), HOST_V4)
				await assertPings(onHost(host(1)), b.address, 'from a host to a container of the other')
				assert.equal(await dial(onHost(host(1)), 'tcp', b.address, PORT), segmentAddress(1))
				assert.equal(await dial(onHost(host(2)), 'tcp', b.address, PORT), '10.98.0.1')
				await clear()
				for (const [i, each] of cluster.hosts.entries()) await assertFootprint(each, clean[i] as Footprint)
			})
		}

		it('has IPv6 as well, over hosts with IPv4', async () => {
			await createEverywhere('dual', '10.98.0.0/20', '--ipv6', '--subnet', 'fd98::/64')
			const [a, b] = [await settle(host(1), 'one', 'dual'), await settle(host(2), 'two', 'dual')]
			const addresses = await Promise.all(
				(['one', 'two'] as const).map((name, i) => endpointOf(cluster.hosts[i] as Host, name, 'dual')),
			)
			const [a6, b6] = addresses.map(({ GlobalIPv6Address }) => GlobalIPv6Address)
			for (const place of [a.place, b.place, outsideOf(host(1))]) servers.push(await serve(place, 'tcp', PORT6, '::'))
			assert.equal(await dial(a.place, 'tcp', b.address, PORT), a.address)
			assert.equal(await dial(a.place, 'tcp', b6 ?? '', PORT6), a6)
			assert.equal(await dial(b.place, 'tcp', a6 ?? '', PORT6), b6)
			assert.equal(await dial(a.place, 'tcp', INTERNET_V6, PORT6), HOST_V6)
		})

		it('is together with a network of mode host on one container', async () => {
			await createEverywhere('red', '10.98.0.0/20')
			await createNetwork(host(1), 'ports', '-o', 'mode=host')
			const [a, b] = [await settle(host(1), 'one', 'red'), await settle(host(2), 'two', 'red')]
			await host(1).docker('network', 'connect', 'ports', 'one')
			servers.push(await serve(a.place, 'tcp', 8080))
			assert.equal(await dial(outsideOf(host(1)), 'tcp', HOST_V4, 8080), OUTSIDE_V4)
			assert.equal(await dial(b.place, 'tcp', a.address, 8080), b.address)
			assert.equal(await dial(a.place, 'tcp', b.address, PORT), a.address)
			await host(1).docker('network', 'disconnect', 'red', 'one')
			assert.equal(await dial(outsideOf(host(1)), 'tcp', HOST_V4, 8080), OUTSIDE_V4)
		})

		it('is apart from another one on both hosts', async () => {
			await createEverywhere('red', '10.98.0.0/20')
			await createEverywhere('blue', '10.99.0.0/20')
			const [red, red2] = [await settle(host(1), 'red1', 'red'), await settle(host(2), 'red2', 'red')]
			const [blue, blue2] = [await settle(host(1), 'blue1', 'blue'), await settle(host(2), 'blue2', 'blue')]
			for (const [from, to] of [
				[red, red2],
				[blue, blue2],
			] as const) {
				await assertReaches(from.place, 'tcp', to.address, PORT)
				await assertReaches(to.place, 'tcp', from.address, PORT)
			}
			for (const [from, to] of [
				[red, blue2],
				[red2, blue],
				[blue, red2],
				[red, blue],
			] as const) {
				assert.ok(!(await pings(from.place, to.address)), `no ping ${from.address} -> ${to.address}`)
				assert.ok(!(await reaches(from.place, 'tcp', to.address, PORT)), `no tcp ${from.address} -> ${to.address}`)
			}
		})

		it('is kept apart by each of two hosts, whatever the other one lets pass', async () => {
			await createEverywhere('red', '10.98.0.0/20')
			await createEverywhere('blue', '10.99.0.0/20')
			const [red, blue2] = [await settle(host(1), 'red1', 'red'), await settle(host(2), 'blue2', 'blue')]
			const red2 = await settle(host(2), 'red2', 'red')
			await host(1).stopWeftd()
			await host(1).exec(['nft', 'delete', 'table', 'inet', 'weft'])
			const [policy] = (await host(1).exec(['iptables', '-S', 'FORWARD'])).split('\n')
			await host(1).exec(['iptables', '-P', 'FORWARD', 'ACCEPT'])
			try {
				assert.equal(await dial(red.place, 'tcp', red2.address, PORT), red.address)
				assert.equal(await dial(red2.place, 'tcp', red.address, PORT), red2.address)
				assert.ok(!(await reaches(red.place, 'tcp', blue2.address, PORT)), 'the host where it arrives drops it')
				assert.ok(!(await reaches(blue2.place, 'tcp', red.address, PORT)), 'the host that would send it drops it')
			} finally {
				await host(1).exec(['iptables', ...(policy ?? '').split(' ')])
				await host(1).startWeftd()
			}
		})

		it('has internal ones too, which lead to other hosts and nowhere else', async () => {
			await createEverywhere('vault', '10.98.0.0/20', '--internal')
			const [a, b] = [await settle(host(1), 'one', 'vault'), await settle(host(2), 'two', 'vault')]
			assert.equal(await dial(a.place, 'tcp', b.address, PORT), a.address)
			assert.equal(await dial(b.place, 'tcp', a.address, PORT), b.address)
			assert.ok(!(await reaches(a.place, 'tcp', INTERNET_V4, PORT)))
		})

		it('keeps containers apart over hosts with enable_icc=false, but for what is published', async () => {
			const apart = ['-o', 'com.docker.network.bridge.enable_icc=false']
			await createEverywhere('cells', '10.98.0.0/20', ...apart)
			const [a, b] = [
				await settle(host(1), 'one', 'cells'),
				await settle(host(2), 'two', 'cells', '-p', `7100:${PORT}`),
			]
			assert.ok(!(await reaches(a.place, 'tcp', b.address, PORT)))
			assert.ok(!(await pings(b.place, a.address)))
			await assertReaches(a.place, 'tcp', segmentAddress(2), 7100)
			await assertReaches(onHost(host(1)), 'tcp', segmentAddress(2), 7100)
		})

		for (const [what, options] of [
			['', []],
			[', also where its containers are kept apart', ['-o', 'com.docker.network.bridge.enable_icc=false']],
		] as const) {
			it(`has its hosts reach containers of each other by the tunnel alone${what}, and no host that does not have it`, async () => {
				await createEverywhere('red', '10.98.0.0/20', ...options)
				const isOpen = what === ''
				const b = await settle(host(2), 'two', 'red', ...(isOpen ? ['-p', `7100:${PORT}`] : []))
				servers.push(await serve(onHost(host(1)), 'tcp', PORT))
				await onEach(WARY_UNDERLAY)
				try {
					assert.equal(await dial(onHost(host(1)), 'tcp', b.address, PORT), segmentAddress(1))
					await assertPings(onHost(host(1)), b.address)
					assert.equal(await dial(onHost(host(2)), 'tcp', segmentAddress(1), PORT), segmentAddress(2))
					if (isOpen) {
						assert.equal(await dial(b.place, 'tcp', segmentAddress(1), PORT), segmentAddress(2))
						assert.equal(await dial(onHost(host(1)), 'tcp', segmentAddress(2), 7100), segmentAddress(1))
					}
					await host(1).docker('network', 'rm', 'red')
					assert.ok(!(await pings(onHost(host(1)), b.address)))
				} finally {
					await onEach(OPEN_UNDERLAY)
				}
			})
		}

		it('takes VXLAN from its hosts, and from nobody else', async () => {
			await createEverywhere('red', '10.98.0.0/20')
			const a = await settle(host(1), 'one', 'red')
			const b = await settle(host(2), 'two', 'red')
			await assertPings(b.place, a.address)
			const mac = (await host(1).exec(['cat', '/sys/class/net/weft-vxlan/address'])).trim()
			const onSegment = (...lines: readonly string[]) => {
				return run(cluster.segment(['ip', '-batch', '-']), { input: lines.join('\n') })
			}
			const isHeard = async () => {
				const { nftables } = JSON.parse(await host(1).exec(['nft', '-j', 'list', 'counters', 'table', 'inet', 'seen']))
				return nftables.some((each: { counter?: { packets: number } }) => (each.counter?.packets ?? 0) > 0)
			}
			await host(1).exec(['nft', '-f', '-'], { input: STRANGERS })
			try {
				// With the address of a host that is off, too, to see that the rest is right.
				await cluster.setPort(2, 'down')
				await onSegment(`addr add ${segmentAddress(2)}/32 dev switch`)
				for (const local of [ETCD_ADDRESS, segmentAddress(2)]) {
					await onSegment(
						`link add stranger type vxlan id 7824742 dstport 4789 remote ${segmentAddress(1)} local ${local} nolearning`,
						'addr add 10.98.15.9/32 dev stranger',
						'link set stranger up',
						`route add 10.98.0.0/20 dev stranger via ${segmentAddress(1)} onlink`,
						`neigh add ${segmentAddress(1)} lladdr ${mac} dev stranger nud permanent`,
					)
					await pings(cluster.segment, a.address)
					assert.equal(await isHeard(), local !== ETCD_ADDRESS, `from ${local}`)
					await onSegment('link del stranger')
				}
			} finally {
				await attempt(cluster.segment(['ip', 'link', 'del', 'stranger']))
				await onSegment(`addr del ${segmentAddress(2)}/32 dev switch`)
				await cluster.setPort(2, 'up')
				await host(1).exec(['nft', 'delete', 'table', 'inet', 'seen'])
			}
			await assertPings(b.place, a.address)
		})

		it('takes what belongs to a connection that is there by the link that it is there by, and by no other', async () => {
			await createEverywhere('red', '10.98.0.0/20', '--ipv6', '--subnet', 'fd98::/64')
			const [a, b] = [await settle(host(1), 'one', 'red'), await settle(host(2), 'two', 'red')]
			const [a6, b6] = [await endpointOf(host(1), 'one', 'red'), await endpointOf(host(2), 'two', 'red')]
			servers.push(await serve(a.place, 'udp', PORT), await serve(a.place, 'udp', PORT6, '::'))
			const mac = (await host(1).exec(['cat', '/sys/class/net/eth1/address'])).trim()
			await onEach('for each in all eth1; do sysctl -qw net.ipv4.conf.$each.rp_filter=0; done')
			for (const place of [onHost(host(1)), a.place]) await run(place(['nft', '-f', '-']), { input: CALLS })
			const calls = async (place: Place): Promise<number> => {
				const { nftables } = JSON.parse(await run(place(['nft', '-j', 'list', 'counters', 'table', 'inet', 'calls'])))
				return nftables.find((each: object) => 'counter' in each).counter.packets
			}
			try {
				for (const [place, from, to, port] of [
					[b.place, b.address, a.address, PORT],
					[b.place, b6.GlobalIPv6Address, a6.GlobalIPv6Address, PORT6],
					[onHost(host(2)), segmentAddress(2), a.address, PORT],
				] as const) {
					assert.equal(await dial(place, 'udp', to, port, CALLER), from)
					const [heard, came] = [await calls(a.place), await calls(onHost(host(1)))]
					await asNeighbour(mac, from, to, async (neighbour) => {
						assert.ok(!(await reaches(neighbour, 'udp', to, port, CALLER)))
					})
					assert.ok((await calls(onHost(host(1)))) > came, `the host gets what claims to be from ${from}`)
					assert.equal(await calls(a.place), heard, `the container does not, from ${from}`)
					assert.equal(await dial(place, 'udp', to, port, CALLER), from)
					assert.ok((await calls(a.place)) > heard)
				}
			} finally {
				await onEach('nft delete table inet calls 2>/dev/null || true')
			}
		})

		it('gives an address in a block of the other host, which is reached from there', async () => {
			await createEverywhere('red', '10.98.0.0/20')
			const b = await settle(host(2), 'two', 'red')
			const inItsBlock = b.address.replace(/\d+$/, (last) => String(Number(last) + 1))
			const a = await settle(host(1), 'one', 'red', '--ip', inItsBlock)
			assert.equal(a.address, inItsBlock)
			assert.equal(await dial(b.place, 'tcp', a.address, PORT), b.address)
			assert.equal(await dial(a.place, 'tcp', b.address, PORT), a.address)
		})
	})
})
