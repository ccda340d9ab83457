/** A network that is made on one host of a cluster, and on the others by itself: with a dockerd on each, and a real etcd. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { type ClusterHosts, startClusterHosts } from '../support/cluster-hosts.ts'
import { noEtcd } from '../support/etcd.ts'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { assertPings, inContainer } from '../support/traffic.ts'
import { addressOf, createNetwork, onEngines, runContainer } from './networks.ts'

interface Inspected {
	readonly Driver: string
	readonly Internal: boolean
	readonly IPAM: { readonly Driver: string; readonly Config: readonly object[] }
	readonly Options: Readonly<Record<string, string>>
}

onEngines('a network of the cluster', (engine) => {
	describe('that is made on one host', { skip: noEtcd() }, () => {
		let cluster: ClusterHosts
		let hosts: readonly Host[] = []

		before(async () => {
			cluster = await startClusterHosts(2, engine)
			hosts = cluster.hosts
		})
		after(() => cluster?.stop())
		afterEach(async () => {
			for (const each of hosts) {
				await each.exec(['sh', '-c', 'docker ps -aq | xargs -r docker rm -f'])
				await each.exec(['sh', '-c', 'docker network ls -q --filter type=custom | xargs -r docker network rm'])
			}
			await eventually(async () => (await offered()) === '', { within: 20_000 })
		})

		function host(number: 1 | 2): Host {
			const found = hosts[number - 1]
			assert.ok(found)
			return found
		}

		/** What is left of networks in the cluster. */
		async function offered(): Promise<string> {
			return (await cluster.etcd.ctl('get', '--prefix', '--keys-only', 'weft/network/')).trim()
		}

		const names = async (on: Host) => (await on.docker('network', 'ls', '--format', '{{.Name}}')).trim().split('\n')
		const comesTo = (on: Host, name: string) => {
			return eventually(async () => (await names(on)).includes(name), { what: () => on.weftd.tail(), within: 20_000 })
		}
		const inspect = async (on: Host, name: string): Promise<Inspected> => {
			return JSON.parse(await on.docker('network', 'inspect', name))[0]
		}

		const OVERLAY = ['-o', 'mode=overlay']

		it('is on the others under its name, with its subnet, gateway and options, and containers reach each other', async (t) => {
			const began = performance.now()
			const words = [
				'--subnet',
				'10.96.0.0/20',
				'--ip-range',
				'10.96.4.0/22',
				'--gateway',
				'10.96.0.7',
				'--aux-address',
				'printer=10.96.0.9',
				'--internal',
			]
			await createNetwork(host(1), 'wide', ...OVERLAY, '-o', 'block=/28', ...words)
			const made = performance.now()
			await comesTo(host(2), 'wide')
			t.diagnostic(
				`made in ${Math.round(made - began)} ms, on the other after ${Math.round(performance.now() - made)} ms`,
			)
			const [here, there] = await Promise.all([inspect(host(1), 'wide'), inspect(host(2), 'wide')])
			assert.deepEqual(
				[there.Driver, there.Internal, there.IPAM.Driver, there.IPAM.Config],
				[here.Driver, true, here.IPAM.Driver, here.IPAM.Config],
			)
			assert.equal(there.Options.block, '/28,/122')
			await runContainer(host(1), 'one', 'wide')
			await runContainer(host(2), 'two', 'wide')
			const [a, b] = [await addressOf(host(1), 'one', 'wide'), await addressOf(host(2), 'two', 'wide')]
			assert.notEqual(a, b)
			for (const each of [a, b]) assert.match(each, /^10\.96\.[4-7]\./)
			await assertPings(await inContainer(host(1), 'one'), b, 'from one host to the other')
			await assertPings(await inContainer(host(2), 'two'), a, 'and back')
		})

		it('is removed host by host, does not come back, and with the last one is gone', async () => {
			await createNetwork(host(1), 'wide', ...OVERLAY, '--subnet', '10.96.0.0/20')
			await comesTo(host(2), 'wide')
			await host(2).docker('network', 'rm', 'wide')
			await host(2).weftd.end('SIGTERM')
			await host(2).startWeftd()
			await createNetwork(host(1), 'wider', ...OVERLAY, '--subnet', '10.97.0.0/20')
			await comesTo(host(2), 'wider')
			assert.ok(!(await names(host(2))).includes('wide'))
			await host(1).docker('network', 'rm', 'wide')
			await eventually(async () => (await offered()).split('\n').filter(Boolean).length === 1)
			await createNetwork(host(2), 'wide', ...OVERLAY, '--subnet', '10.96.0.0/20')
			await comesTo(host(1), 'wide')
		})

		it('comes to a host whose weft and Docker were off meanwhile', async () => {
			await host(2).dockerd.end('SIGTERM')
			await host(2).weftd.end('SIGTERM')
			await createNetwork(host(1), 'wide', ...OVERLAY, '--subnet', '10.96.0.0/20')
			await host(2).startWeftd()
			await host(2).startDockerd()
			await comesTo(host(2), 'wide')
		})

		it('is not made where Docker has another network of its name, which stays, and that is told', async () => {
			await host(2).docker('network', 'create', 'wide')
			await createNetwork(host(1), 'wide', ...OVERLAY, '--subnet', '10.96.0.0/20')
			const words =
				/the network wide of the cluster is not made here: Docker has another of this name; .* -o id=[0-9a-f]{64}/
			await eventually(() => words.test(host(2).weftd.log), { within: 20_000 })
			assert.equal((await inspect(host(2), 'wide')).Driver, 'bridge')
		})

		it('stays on its host with replicate=false', async () => {
			await createNetwork(host(1), 'alone', ...OVERLAY, '-o', 'replicate=false', '--subnet', '10.96.0.0/20')
			await createNetwork(host(1), 'wide', ...OVERLAY, '--subnet', '10.97.0.0/20')
			await comesTo(host(2), 'wide')
			assert.ok(!(await names(host(2))).includes('alone'))
		})
	})
})
