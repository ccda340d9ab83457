/** Containers that share another one's network, where that is on several hosts: by Docker's `--net container` and by mode container. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type ClusterHosts, startClusterHosts } from '../support/cluster-hosts.ts'
import { noEtcd } from '../support/etcd.ts'
import type { Host } from '../support/host.ts'
import { assertReaches, dial, inContainer, type Server, serve } from '../support/traffic.ts'
import { addressOf, createNetwork, onOuterEngines, refused, runContainer } from './networks.ts'

onOuterEngines('containers that share a network with one on an overlay', (engine) => {
	describe('of two hosts', { skip: noEtcd() }, () => {
		let cluster: ClusterHosts
		let [one, two]: Host[] = []
		let web = ''
		let far = ''
		const servers: Server[] = []

		before(async () => {
			cluster = await startClusterHosts(2, engine)
			;[one, two] = cluster.hosts
			const words = ['-o', 'mode=overlay', '-o', 'id=wide', '-o', 'replicate=false', '--subnet', '10.98.0.0/20']
			for (const each of cluster.hosts) await createNetwork(each, 'wide', ...words)
			await runContainer(host(1), 'web', 'wide')
			await runContainer(host(2), 'far', 'wide')
			;[web, far] = [await addressOf(host(1), 'web', 'wide'), await addressOf(host(2), 'far', 'wide')]
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

		async function listen(on: Host, name: string, port: number): Promise<void> {
			servers.push(await serve(await inContainer(on, name), 'tcp', port))
		}

		it('are at its address for the other host, and that at its own for them, with --net container', async () => {
			await runContainer(host(1), 'beside', 'container:web')
			await listen(host(1), 'beside', 7001)
			assert.equal(await dial(await inContainer(host(2), 'far'), 'tcp', web, 7001), far)
			await listen(host(2), 'far', 7002)
			assert.equal(await dial(await inContainer(host(1), 'beside'), 'tcp', far, 7002), web)
			await host(1).docker('rm', '-f', 'beside')
			await assertReaches(await inContainer(host(1), 'web'), 'tcp', far, 7002)
		})

		it('are at its address for the other host, and that at its own for them, in mode container', async () => {
			await createNetwork(host(1), 'side', '-o', 'mode=container', '-o', 'container=web')
			await runContainer(host(1), 'car', 'side')
			await listen(host(1), 'car', 7003)
			assert.equal(await dial(await inContainer(host(2), 'far'), 'tcp', web, 7003), far)
			await listen(host(2), 'far', 7004)
			assert.equal(await dial(await inContainer(host(1), 'car'), 'tcp', far, 7004), web)
			await host(1).docker('rm', '-f', 'car')
			await host(1).docker('network', 'rm', 'side')
		})

		it('are refused one that is on another host, by name', async () => {
			const words = ['network', 'create', '-d', 'weft', '--ipam-driver', 'weft', '-o', 'mode=container']
			await refused(
				host(2),
				[...words, '-o', 'container=web', 'side'],
				/container="web" cannot share its network: there is no container "web" on this host/,
			)
			await host(2).docker(...words, '-o', 'container=far', 'side')
			await host(2).docker('network', 'rm', 'side')
		})
	})
})
