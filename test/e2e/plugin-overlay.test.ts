/**
 * Overlay networks of weft as a managed plugin: on two hosts, each with a Docker of its own, whose etcd wants certificates.
 * Older engines have one in plugin-registry.test.ts, on one host.
 */
import assert from 'node:assert/strict'
import { basename } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ClusterHosts, segmentAddress, settingsOf, startClusterHosts } from '../support/cluster-hosts.ts'
import { noEtcd } from '../support/etcd.ts'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { loadImage } from '../support/image.ts'
import { type Conversation, converse, dial, inContainer, type Server, serve } from '../support/traffic.ts'
import { assertFootprint, type Footprint, footprint } from './footprint.ts'
import { builtPlugin, createManagedNetwork, enablePlugin } from './managed.ts'
import { addressOf, onEngines, runContainer } from './networks.ts'

const WEFT = fileURLToPath(new URL('../../src/weft.js', import.meta.url))
const PORT = 7000
const folder = builtPlugin()

onEngines(
	'an overlay network of the managed plugin',
	(engine) => {
		describe('on two hosts', { skip: noEtcd() }, () => {
			let cluster: ClusterHosts
			let clean: Footprint[]
			let conversation: Conversation
			const servers: Server[] = []

			before(async () => {
				cluster = await startClusterHosts(2, engine, { programs: false, tls: true })
				clean = await Promise.all(cluster.hosts.map((host, index) => startPlugin(host, index + 1)))
			})
			after(() => cluster?.stop())

			function host(number: 1 | 2): Host {
				const found = cluster.hosts[number - 1]
				assert.ok(found)
				return found
			}

			/** Of the host's files the plugin sees what is below /run and /var/lib: there are those for etcd. */
			async function startPlugin(on: Host, number: number): Promise<Footprint> {
				const { ca, cert, key } = cluster.certificates ?? assert.fail('etcd has no certificates')
				await on.exec(['sh', '-ec', `mkdir -m 700 /run/data/tls; cp ${ca} ${cert} ${key} /run/data/tls`])
				const inPlugin = (file: string) => `/host/run/data/tls/${basename(file)}`
				const tls = {
					WEFT_CLUSTER_CA: inPlugin(ca),
					WEFT_CLUSTER_CERT: inPlugin(cert),
					WEFT_CLUSTER_KEY: inPlugin(key),
				}
				const settings = Object.entries({ ...settingsOf(number, cluster.etcd), ...tls })
				await on.startDockerd()
				await loadImage(on)
				await on.exec(['sysctl', '-q', 'net.ipv6.conf.all.forwarding=1'])
				const before = await footprint(on)
				await enablePlugin(on, folder(), ...settings.map(([name, value]) => `${name}=${value}`))
				return before
			}

			const weft = (on: Host, ...args: readonly string[]) => on.exec([process.execPath, WEFT, ...args])

			/** The address that each is seen with from the other is its own. */
			async function assertTalk(): Promise<void> {
				const [one, two] = [await addressOf(host(1), 'one', 'wide'), await addressOf(host(2), 'two', 'wide')]
				assert.equal(await dial(await inContainer(host(1), 'one'), 'tcp', two, PORT), one)
				assert.equal(await dial(await inContainer(host(2), 'two'), 'tcp', one, PORT), two)
			}

			it('is made on one and on the other by itself, and its containers reach each other', async () => {
				await createManagedNetwork(host(1), 'wide', '-o', 'mode=overlay', '--subnet', '10.98.0.0/20')
				const names = () => host(2).docker('network', 'ls', '--format', '{{.Name}}')
				const what = () => host(2).dockerd.tail()
				await eventually(async () => /^wide$/m.test(await names()), { within: 20_000, what })
				await runContainer(host(1), 'one', 'wide')
				await runContainer(host(2), 'two', 'wide')
				servers.push(await serve(await inContainer(host(1), 'one'), 'tcp', PORT))
				servers.push(await serve(await inContainer(host(2), 'two'), 'tcp', PORT))
				await assertTalk()
			})

			it('is shown by weft on each host, with the hosts', async () => {
				assert.match(await weft(host(1), 'node', 'ls'), new RegExp(`^host2 +${segmentAddress(2)} +present `, 'm'))
				for (const each of cluster.hosts) assert.equal(await weft(each, 'diff'), '')
			})

			it('goes on while the plugin is disabled on both, and when it is enabled again', async () => {
				const two = await addressOf(host(2), 'two', 'wide')
				conversation = await converse(await inContainer(host(1), 'one'), two, PORT)
				for (const each of cluster.hosts) await each.docker('plugin', 'disable', '-f', 'weft')
				await conversation.echo('while there is no plugin')
				await assertTalk()
				for (const each of cluster.hosts) await each.docker('plugin', 'enable', 'weft')
				await conversation.echo('with it')
				await conversation.stop()
				await runContainer(host(1), 'three', 'wide')
				await dial(await inContainer(host(1), 'three'), 'tcp', two, PORT)
			})

			it('leaves nothing on either', async () => {
				await Promise.all(servers.map((server) => server.stop()))
				for (const [index, each] of cluster.hosts.entries()) {
					await each.exec(['sh', '-c', 'docker ps -aq | xargs docker rm -f'])
					await each.docker('network', 'rm', 'wide')
					await each.docker('plugin', 'disable', 'weft')
					await each.exec(['sh', '-c', 'nft delete table inet weft; nft delete table bridge weft'])
					await assertFootprint(each, clean[index] as Footprint)
				}
			})
		})
	},
	26,
)
