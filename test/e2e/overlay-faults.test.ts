/** What an overlay network survives: etcd gone, weftd gone, the kernel's state gone, a host cut off, a host with a new address. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { type ClusterHosts, segmentAddress, settingsOf, startClusterHosts } from '../support/cluster-hosts.ts'
import { OWN_ENGINE } from '../support/engine.ts'
import { noEtcd } from '../support/etcd.ts'
import { eventually } from '../support/eventually.ts'
import { type Host, noHost } from '../support/host.ts'
import { assertPings, dial, inContainer, onHost, type Place, pings, type Server, serve } from '../support/traffic.ts'
import { addressOf, createNetwork, runContainer } from './networks.ts'

const PORT = 7000
/** Milliseconds in which what was taken away is back. */
const BACK = 2000

// On one engine: none of this is Docker's part.
describe('an overlay network survives', { skip: noHost() }, () => {
	describe('with two hosts', { skip: noEtcd() }, () => {
		let cluster: ClusterHosts
		let [one, two]: Host[] = []
		let [a, b]: Place[] = []
		let [addressA, addressB] = ['', '']
		const servers: Server[] = []

		function host(number: 1 | 2): Host {
			const found = number === 1 ? one : two
			assert.ok(found)
			return found
		}

		function place(name: 'a' | 'b'): Place {
			const found = name === 'a' ? a : b
			assert.ok(found)
			return found
		}

		async function assertTalking(): Promise<void> {
			assert.equal(await dial(place('a'), 'tcp', addressB, PORT), addressA)
			assert.equal(await dial(place('b'), 'tcp', addressA, PORT), addressB)
		}

		before(async () => {
			cluster = await startClusterHosts(2, OWN_ENGINE)
			;[one, two] = cluster.hosts
			const words = ['-o', 'mode=overlay', '-o', 'id=red', '-o', 'replicate=false', '--subnet', '10.98.0.0/20']
			for (const each of cluster.hosts) await createNetwork(each, 'red', ...words)
			await runContainer(host(1), 'one', 'red')
			await runContainer(host(2), 'two', 'red')
			;[a, b] = [await inContainer(host(1), 'one'), await inContainer(host(2), 'two')]
			;[addressA, addressB] = [await addressOf(host(1), 'one', 'red'), await addressOf(host(2), 'two', 'red')]
			servers.push(await serve(place('a'), 'tcp', PORT), await serve(place('b'), 'tcp', PORT))
			await assertTalking()
		})
		after(async () => {
			await Promise.all(servers.map((server) => server.stop()))
			await cluster?.stop()
		})
		/** Also after a test that failed half way. */
		afterEach(async () => {
			await cluster.etcd.stop()
			cluster.etcd.start()
			await cluster.etcd.ready()
			await cluster.setPort(2, 'up')
			for (const each of cluster.hosts) if (!each.weftd.running) await each.startWeftd()
		})

		it('etcd stopped: what runs goes on, and a new container on a claimed block too', async () => {
			await cluster.etcd.stop()
			await assertTalking()
			await runContainer(host(1), 'late', 'red')
			const late = await inContainer(host(1), 'late')
			assert.equal(await dial(late, 'tcp', addressB, PORT), await addressOf(host(1), 'late', 'red'))
			const words = ['network', 'create', '-d', 'weft', '--ipam-driver', 'weft', '-o', 'mode=overlay', 'blue']
			const { code, stderr } = await host(1).attemptDocker(...words)
			assert.notEqual(code, 0)
			assert.match(stderr, /etcd/)
			await host(1).killWeftd('SIGKILL')
			await host(1).startWeftd()
			await assertTalking()
			assert.ok(await pings(late, addressB))
			cluster.etcd.start()
			await cluster.etcd.ready()
			await host(1).docker('rm', '-f', 'late')
			await assertTalking()
		})

		it('weftd killed and started again', async () => {
			for (const each of cluster.hosts) await each.killWeftd('SIGKILL')
			await assertTalking()
			for (const each of cluster.hosts) await each.startWeftd()
			await assertTalking()
		})

		for (const [what, command] of [
			['the device of the tunnel taken away', 'ip link del weft-vxlan'],
			['its routes taken away', 'ip route flush dev weft-vxlan'],
			['its neighbours taken away', 'ip neigh flush dev weft-vxlan nud permanent'],
			[
				'its forwarding entries taken away',
				'bridge fdb show dev weft-vxlan | while read -r mac _; do bridge fdb del "$mac" dev weft-vxlan; done',
			],
			['the rules taken away', 'nft delete table inet weft'],
		] as const) {
			it(`${what}: back within ${BACK} ms`, async () => {
				// Nothing else would bring it back.
				await host(1).stopWeftd()
				await host(1).exec(['sh', '-c', command])
				assert.ok(!(await pings(place('a'), addressB)), `without weftd there is no way: ${what}`)
				await host(1).startWeftd()
				await assertTalking()
				await host(1).exec(['sh', '-c', command])
				await eventually(() => pings(place('a'), addressB), { what, within: BACK })
				await assertTalking()
			})
		}

		it(`the rule that leads answers taken away: back within ${BACK} ms`, async () => {
			const rule = ['ip', 'rule', 'del', 'fwmark', '0x8000000/0x8000000']
			const wayBack = () => host(1).exec(['ip', 'route', 'get', segmentAddress(2), 'mark', '0x8000000'])
			const isBack = async () => / dev weft-vxlan /.test(await wayBack())
			await host(1).stopWeftd()
			await host(1).exec(rule)
			assert.match(await wayBack(), /dev eth1 /)
			await host(1).startWeftd()
			await eventually(isBack)
			// More than once: what weftd has to do after its start may bring it back as well.
			for (let i = 0; i < 4; i++) {
				await host(1).exec(rule)
				await eventually(isBack, { within: BACK })
			}
			assert.equal(await dial(onHost(host(2)), 'tcp', addressA, PORT), segmentAddress(2))
		})

		it('an underlay that has its address only after weftd, and one that loses it for a while', async () => {
			const address = ['addr', 'add', `${segmentAddress(1)}/24`, 'dev', 'eth1']
			const take = () => host(1).exec(['ip', 'addr', 'del', `${segmentAddress(1)}/24`, 'dev', 'eth1'])
			const comeBack = async (): Promise<void> => {
				assert.ok(!(await pings(place('a'), addressB)))
				await host(1).exec(['ip', ...address])
				await eventually(() => pings(place('a'), addressB))
				await assertTalking()
			}
			await host(1).stopWeftd()
			await take()
			await host(1).exec(['ip', 'link', 'del', 'weft-vxlan'])
			await host(1).startWeftd()
			await comeBack()
			await take()
			await comeBack()
		})

		it('a host cut off from the others and back', async () => {
			await cluster.setPort(2, 'down')
			assert.ok(!(await pings(place('a'), addressB)))
			await cluster.setPort(2, 'up')
			await assertPings(place('a'), addressB, 'after the cut')
			await assertTalking()
		})

		it('with host-gw, a link of the underlay that is down, also over a restart of weftd', async () => {
			const words = ['-o', 'mode=overlay', '-o', 'backend=host-gw', '-o', 'id=green', '-o', 'replicate=false']
			const addresses: string[] = []
			const more: Server[] = []
			try {
				for (const each of cluster.hosts) {
					await createNetwork(each, 'green', ...words, '--subnet', '10.99.0.0/20')
					await runContainer(each, 'green', 'green')
					addresses.push(await addressOf(each, 'green', 'green'))
					more.push(await serve(await inContainer(each, 'green'), 'tcp', PORT))
				}
				const [here = '', there = ''] = addresses
				const from = await inContainer(host(1), 'green')
				assert.equal(await dial(from, 'tcp', there, PORT), here)
				for (const restart of [false, true]) {
					await host(1).exec(['ip', 'link', 'set', 'eth1', 'down'])
					assert.ok(!(await pings(from, there)))
					if (restart) {
						await host(1).stopWeftd()
						await host(1).startWeftd()
					}
					await host(1).exec(['ip', 'link', 'set', 'eth1', 'up'])
					await eventually(() => pings(from, there), { what: () => host(1).weftd.tail(), within: 20_000 })
					assert.equal(await dial(from, 'tcp', there, PORT), here)
				}
				await assertTalking()
			} finally {
				await host(1).exec(['ip', 'link', 'set', 'eth1', 'up'])
				await Promise.all(more.map((server) => server.stop()))
				for (const each of cluster.hosts) {
					await each.attemptDocker('rm', '-f', 'green')
					await each.attemptDocker('network', 'rm', 'green')
				}
			}
		})

		it('a host with a new address', async () => {
			const etcd = cluster.etcd
			await host(2).stopWeftd()
			await host(2).exec(['ip', 'addr', 'del', `${segmentAddress(2)}/24`, 'dev', 'eth1'])
			await host(2).exec(['ip', 'addr', 'add', `${segmentAddress(22)}/24`, 'dev', 'eth1'])
			await host(2).startWeftd({ ...settingsOf(2, etcd), WEFT_NODE_ADDRESS: segmentAddress(22) })
			await eventually(() => pings(place('a'), addressB), { what: 'the new address', within: 30_000 })
			await assertTalking()
			const routes = await host(1).exec(['ip', 'route', 'show', 'dev', 'weft-vxlan'])
			assert.match(routes, /via 192\.0\.2\.22 .*onlink/)
		})
	})
})
