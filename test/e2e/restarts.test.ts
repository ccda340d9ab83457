/** Restarts of dockerd with containers on several networks: they come back to all of them, with what they had chosen. */

import assert from 'node:assert/strict'
import { after, afterEach, before, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4 } from '../support/host-namespaces.ts'
import { IMAGE } from '../support/image.ts'
import { assertPings, assertReaches, inContainer, outsideOf, type Server, serve } from '../support/traffic.ts'
import { addressOf, createNetwork, endpointOf, onEngines, runContainer, startDockerHost, subnetOf } from './networks.ts'

const NETWORKS = ['one', 'two', 'three']
const PATIENCE = 30_000

onEngines('containers that come back', (engine) => {
	let host: Host
	const servers: Server[] = []

	before(async () => {
		host = await startDockerHost(engine)
		for (const [index, name] of NETWORKS.entries()) {
			const [four, six] = [`10.76.${index}.0/24`, `fd00:76:${index}::/64`]
			await createNetwork(host, name, '--subnet', four, '--ipv6', '--subnet', six)
		}
	})
	afterEach(async () => {
		const names = (await host.docker('ps', '-aq')).split('\n').filter((name) => name !== '')
		if (names.length > 0) await host.docker('rm', '-f', ...names)
	})
	after(async () => {
		await Promise.all(servers.map((server) => server.stop()))
		await host?.stop()
	})

	/** Restarted containers come up one after the other, some of them after dockerd answers. */
	async function assertRunning(...names: readonly string[]): Promise<void> {
		let there: readonly string[] = []
		const running = async (): Promise<boolean> => {
			there = (await host.docker('ps', '--format', '{{.Names}}')).split('\n')
			return names.every((name) => there.includes(name))
		}
		await eventually(running, { what: () => `${names} run, and not only ${there}`, within: PATIENCE })
	}

	async function assertTalk(from: string, to: string, networks: readonly string[]): Promise<void> {
		const place = await inContainer(host, from)
		for (const network of networks) {
			const { IPAddress, GlobalIPv6Address } = await endpointOf(host, to, network)
			await assertPings(place, IPAddress, `${from} reaches ${to} on ${network}`)
			await assertPings(place, GlobalIPv6Address, `${from} reaches ${to} on ${network} by IPv6`)
		}
		await host.docker('exec', from, 'ping', '-c', '1', '-W', '1', to)
	}

	async function joinAll(name: string, ...options: string[]): Promise<void> {
		await runContainer(host, name, 'one', '--restart', 'always', ...options)
		for (const network of ['two', 'three']) await host.docker('network', 'connect', network, name)
	}

	for (const [title, signal] of [
		['is stopped and started', 'SIGTERM'],
		['is killed and started', 'SIGKILL'],
	] as const) {
		it(`are on all of their networks when dockerd ${title}`, async () => {
			await joinAll('amy', '-p', '8080:80')
			await joinAll('bob')
			await assertTalk('amy', 'bob', NETWORKS)
			const subnets = await Promise.all(NETWORKS.map((network) => subnetOf(host, network)))
			await host.stopDockerd(signal)
			await host.startDockerd()
			await assertRunning('amy', 'bob')
			await assertTalk('amy', 'bob', NETWORKS)
			await assertTalk('bob', 'amy', NETWORKS)
			assert.deepEqual(await Promise.all(NETWORKS.map((network) => subnetOf(host, network))), subnets)
			servers.push(await serve(await inContainer(host, 'amy'), 'tcp', 80))
			await assertReaches(outsideOf(host), 'tcp', HOST_V4, 8080)
		})
	}

	it('are on all of their networks when they are restarted themselves', async () => {
		await joinAll('amy')
		await joinAll('bob')
		await host.docker('restart', 'amy')
		await assertTalk('amy', 'bob', NETWORKS)
		await assertTalk('bob', 'amy', NETWORKS)
	})

	it('are all there when dockerd, which had ten of them, is killed and started', async () => {
		const names = Array.from({ length: 10 }, (_, index) => `crowd-${index}`)
		for (const name of names) await runContainer(host, name, 'one', '--restart', 'always')
		await host.stopDockerd('SIGKILL')
		await host.startDockerd()
		await assertRunning(...names)
		const addresses = await Promise.all(names.map((name) => addressOf(host, name, 'one')))
		assert.equal(new Set(addresses).size, names.length, addresses.join())
		await assertTalk('crowd-0', 'crowd-9', ['one'])
	})

	it('may be others at the same fixed address when dockerd and weftd were killed', async () => {
		await runContainer(host, 'old', 'one', '--ip', '10.76.0.10', '-p', '8080:80')
		await Promise.all([host.stopDockerd('SIGKILL'), host.killWeftd()])
		await host.startWeftd()
		await host.startDockerd()
		await runContainer(host, 'new', 'one', '--ip', '10.76.0.10', '-p', '8080:80')
		assert.equal(await addressOf(host, 'new', 'one'), '10.76.0.10')
		await runContainer(host, 'peer', 'one')
		await assertTalk('peer', 'new', ['one'])
	})

	it('may be others at the same fixed address when weftd started after dockerd', async () => {
		await host.docker('run', '-d', '--name', 'old', '--net', 'one', '--ip', '10.76.0.10', IMAGE)
		await host.stopDockerd('SIGKILL')
		await host.stopWeftd()
		const booted = host.startDockerd()
		// dockerd has looked for weftd by then, and looks again.
		await sleep(1500)
		await host.startWeftd()
		await booted
		await runContainer(host, 'new', 'one', '--ip', '10.76.0.10')
		await runContainer(host, 'peer', 'one')
		await assertTalk('peer', 'new', ['one'])
	})
})
