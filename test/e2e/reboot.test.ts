/** Containers that ran when the host lost its power are back with it, where they were. */

import assert from 'node:assert/strict'
import { after, afterEach, before, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4, INTERNET_V4, OUTSIDE_V4 } from '../support/host-namespaces.ts'
import { powerCut } from '../support/reboot.ts'
import { assertPings, assertReaches, inContainer, outsideOf, type Server, serve } from '../support/traffic.ts'
import { addressOf, createNetwork, onEngines, runContainer, startDockerHost } from './networks.ts'

const PATIENCE = 30_000
const LAN = ['--subnet', '203.0.113.0/24', '--ip-range', '203.0.113.128/25', '--gateway', OUTSIDE_V4]
const ADDRESSES = { web: '10.76.0.10', peer: '10.76.0.11', lan: '203.0.113.50' } as const

onEngines('after a reboot', (engine) => {
	let host: Host
	const servers: Server[] = []
	before(async () => {
		host = await startDockerHost(engine)
		await createNetwork(host, 'inner', '--subnet', '10.76.0.0/24')
		await createNetwork(host, 'outer', '-o', 'mode=macvlan', '-o', 'parent=eth0', ...LAN)
	})
	afterEach(async () => {
		await Promise.all(servers.splice(0).map((server) => server.stop()))
		await host.attemptDocker('rm', '-f', ...Object.keys(ADDRESSES))
	})
	after(() => host?.stop())

	async function assertBack(): Promise<void> {
		const running = async () => {
			const names = (await host.docker('ps', '--format', '{{.Names}}')).split('\n')
			return Object.keys(ADDRESSES).every((name) => names.includes(name))
		}
		await eventually(running, { what: 'all of them run', within: PATIENCE })
	}

	async function assertPlaces(): Promise<void> {
		const { web, peer, lan } = ADDRESSES
		assert.deepEqual(
			[await addressOf(host, 'web', 'inner'), await addressOf(host, 'peer', 'inner')],
			[web, peer],
			'on the bridge',
		)
		assert.equal(await addressOf(host, 'lan', 'outer'), lan)
		await assertPings(await inContainer(host, 'web'), peer)
		await assertPings(await inContainer(host, 'peer'), INTERNET_V4)
		await assertPings(await inContainer(host, 'lan'), INTERNET_V4)
		await assertPings(outsideOf(host), lan)
		servers.push(await serve(await inContainer(host, 'web'), 'tcp', 80))
		await assertReaches(outsideOf(host), 'tcp', HOST_V4, 8080)
	}

	for (const first of ['weft', 'Docker'] as const) {
		it(`containers are on their networks with their addresses and ports, where ${first} starts first`, async () => {
			const { web, peer, lan } = ADDRESSES
			await runContainer(host, 'web', 'inner', '--restart', 'always', '--ip', web, '-p', '8080:80')
			await runContainer(host, 'peer', 'inner', '--restart', 'unless-stopped', '--ip', peer)
			await runContainer(host, 'lan', 'outer', '--restart', 'always', '--ip', lan)
			await assertPlaces()
			await Promise.all(servers.splice(0).map((server) => server.stop()))
			await powerCut(host)
			const starts = [() => host.startWeftd(), () => host.startDockerd()]
			if (first === 'weft') for (const start of starts) await start()
			else await Promise.all(starts.reverse().map((start) => start()))
			await assertBack()
			await assertPlaces()
		})
	}
})
