/** One network on three hosts that reach each other by IPv6: it comes to all, leads between each two, and goes host by host. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { type ClusterHosts, segmentAddress, startClusterHosts } from '../support/cluster-hosts.ts'
import { OWN_ENGINE } from '../support/engine.ts'
import { noEtcd } from '../support/etcd.ts'
import { eventually } from '../support/eventually.ts'
import { type Host, noHost } from '../support/host.ts'
import { assertPings, dial, inContainer, onHost, type Place, pings, type Server, serve } from '../support/traffic.ts'
import { addressOf, createNetwork, endpointOf, runContainer } from './networks.ts'

const PORT = 7000
const PORT6 = 7006
const OVERLAY = ['-o', 'mode=overlay', '--subnet', '10.98.0.0/20', '--ipv6', '--subnet', 'fd98::/64']

interface End {
	readonly place: Place
	readonly four: string
	readonly six: string
}

// On one engine: none of this is Docker's part.
describe('an overlay network of three hosts with IPv6 addresses', { skip: noHost() || noEtcd() }, () => {
	let cluster: ClusterHosts
	const servers: Server[] = []

	before(async () => {
		cluster = await startClusterHosts(3, OWN_ENGINE, { family: 6 })
	})
	after(() => cluster?.stop())
	/** Also after a test that failed half way. */
	afterEach(async () => {
		await Promise.all(servers.splice(0).map((server) => server.stop()))
		for (const each of cluster.hosts) {
			if (!each.weftd.running) await each.startWeftd()
			await each.exec(['sh', '-c', 'docker ps -aq | xargs -r docker rm -f'])
			await each.exec(['sh', '-c', 'docker network ls -q --filter driver=weft | xargs -r docker network rm'])
		}
		await eventually(async () => (await cluster.etcd.ctl('get', '--prefix', 'weft/network/')).trim() === '')
	})

	function host(number: 1 | 2 | 3): Host {
		const found = cluster.hosts[number - 1]
		assert.ok(found)
		return found
	}

	const hasIt = async (on: Host) =>
		(await on.docker('network', 'ls', '--format', '{{.Name}}')).split('\n').includes('wide')

	async function comesTo(on: Host): Promise<void> {
		await eventually(() => hasIt(on), { what: () => on.weftd.tail(), within: 20_000 })
	}

	async function settle(on: Host): Promise<End> {
		await runContainer(on, 'one', 'wide')
		const place = await inContainer(on, 'one')
		servers.push(await serve(place, 'tcp', PORT), await serve(place, 'tcp', PORT6, '::'))
		const { GlobalIPv6Address: six } = await endpointOf(on, 'one', 'wide')
		return { place, four: await addressOf(on, 'one', 'wide'), six }
	}

	async function assertTalking(ends: readonly End[]): Promise<void> {
		for (const from of ends) {
			for (const to of ends) {
				if (from === to) continue
				assert.equal(await dial(from.place, 'tcp', to.four, PORT), from.four)
				assert.equal(await dial(from.place, 'tcp', to.six, PORT6), from.six)
			}
		}
	}

	for (const backend of ['vxlan', 'host-gw']) {
		it(`leads between each two of them by ${backend}, in both families, also to one that comes later`, async () => {
			await host(3).stopWeftd()
			await createNetwork(host(1), 'wide', ...OVERLAY, '-o', `backend=${backend}`)
			await comesTo(host(2))
			const ends = [await settle(host(1)), await settle(host(2))]
			await assertTalking(ends)
			await host(3).startWeftd()
			await comesTo(host(3))
			ends.push(await settle(host(3)))
			await assertTalking(ends)
			assert.equal(new Set(ends.flatMap(({ four, six }) => [four, six])).size, 6)
			const [, , third] = ends
			assert.equal(await dial(onHost(host(1)), 'tcp', third?.six ?? '', PORT6), segmentAddress(1, 6))
		})
	}

	it('goes on between two of them when the third is cut off, or has it no more', async () => {
		await createNetwork(host(1), 'wide', ...OVERLAY)
		await comesTo(host(2))
		await comesTo(host(3))
		const ends = [await settle(host(1)), await settle(host(2)), await settle(host(3))]
		await assertTalking(ends)
		await cluster.setPort(3, 'down')
		await assertTalking(ends.slice(0, 2))
		await cluster.setPort(3, 'up')
		for (const { four } of ends.slice(0, 2)) await assertPings(ends[2]?.place ?? ((argv) => [...argv]), four)
		await assertTalking(ends)
		await host(3).docker('rm', '-f', 'one')
		await host(3).docker('network', 'rm', 'wide')
		await assertTalking(ends.slice(0, 2))
		assert.ok(!(await pings(onHost(host(3)), ends[0]?.four ?? '')))
		const routes = async () => await host(1).exec(['ip', '-6', 'route', 'show', 'dev', 'weft-vxlan'])
		const neighbours = async () => await host(1).exec(['bridge', 'fdb', 'show', 'dev', 'weft-vxlan'])
		await eventually(async () => !(await neighbours()).includes(segmentAddress(3, 6)), { within: 20_000 })
		assert.match(await routes(), /fd98::/)
	})
})
