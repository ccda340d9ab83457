/** The host is after a full cycle what it was before, and weftd may stop or die at any point of it. */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, afterEach, before, it } from 'node:test'
import type { Host } from '../support/host.ts'
import { HOST_V4, OUTSIDE_V4 } from '../support/host-namespaces.ts'
import { assertPings, converse, dial, inContainer, outsideOf, type Server, serve } from '../support/traffic.ts'
import { assertFootprint, type Footprint, footprint } from './footprint.ts'
import { addressOf, createNetwork, onEngines, runContainer, startDockerHost } from './networks.ts'
import { assertCleanUp, assertTalking, PORT, removePair, setUpPair } from './pair.ts'

const SOCKET = '/run/docker/plugins/weft.sock'

onEngines('the life of a network', (engine) => {
	let host: Host
	let clean: Footprint
	const servers: Server[] = []

	before(async () => {
		host = await startDockerHost(engine)
		servers.push(await serve(outsideOf(host), 'tcp', PORT))
		await cycle(async () => {})
		await restartWeftd()
		clean = await footprint(host)
	})
	afterEach(() => removePair(host))
	after(async () => {
		await Promise.all(servers.map((server) => server.stop()))
		await host?.stop()
	})

	async function restartWeftd(): Promise<void> {
		await host.killWeftd('SIGKILL')
		await host.startWeftd()
	}

	/** Create, run, publish, talk, remove; `between` happens after every step. */
	async function cycle(between: () => Promise<void>): Promise<void> {
		await createNetwork(host, 'net')
		await between()
		await runContainer(host, 'one', 'net', '-p', '8080:80')
		await between()
		await runContainer(host, 'two', 'net')
		await between()
		await assertTalking(host)
		await host.docker('network', 'disconnect', 'net', 'two')
		await between()
		await host.docker('network', 'connect', 'net', 'two')
		await between()
		await assertTalking(host)
		await host.docker('stop', '-t', '0', 'one')
		await between()
		await host.docker('rm', '-f', 'one', 'two')
		await between()
		await host.docker('network', 'rm', 'net')
		await between()
	}

	it('leaves links, addresses, routes and rules as they were', async () => {
		await cycle(async () => {})
		await assertFootprint(host, clean)
	})

	it('has one rule in iptables while there is a network, and then none', async () => {
		const rules = async () =>
			(await host.exec(['iptables-save', '-t', 'filter'])).split('\n').filter((line) => line.startsWith('-'))
		const before = await rules()
		await setUpPair(host)
		const added = async () => (await rules()).filter((rule) => !before.includes(rule))
		// Docker does not wait for it.
		await host.weftd.ready(async () => (await added()).length > 0)
		assert.equal((await added()).length, 1, (await added()).join())
		assert.match((await added())[0] ?? '', /^-A DOCKER-USER .* --comment weft -j ACCEPT$/)
		await removePair(host)
		assert.deepEqual(await rules(), before)
	})

	it('loses nothing when weftd is killed and started again between the steps', async () => {
		await cycle(restartWeftd)
		await assertFootprint(host, clean)
	})

	it('keeps the data path when weftd is stopped, and unlinks the socket', async () => {
		await setUpPair(host)
		const one = await inContainer(host, 'one')
		const server = await serve(one, 'tcp', 80)
		const call = await converse(outsideOf(host), HOST_V4, 8080)
		await call.echo('before')
		assert.equal(await host.stopWeftd(), 0)
		assert.ok(!existsSync(host.path(SOCKET)))
		await call.echo('without weftd')
		await assertPings(one, await addressOf(host, 'two', 'net'))
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 8080), OUTSIDE_V4)
		await host.startWeftd()
		await call.echo('after')
		await call.stop()
		await server.stop()
		await assertTalking(host)
		await assertCleanUp(host, clean)
	})

	it('keeps an established connection when weftd is killed and started again', async () => {
		await setUpPair(host)
		const server = await serve(await inContainer(host, 'one'), 'tcp', 80)
		const call = await converse(outsideOf(host), HOST_V4, 8080)
		for (const round of ['1', '2', '3']) {
			await host.killWeftd('SIGKILL')
			await call.echo(`dead ${round}`)
			await host.startWeftd()
			await call.echo(`alive ${round}`)
		}
		await call.stop()
		await server.stop()
		await assertCleanUp(host, clean)
	})
})
