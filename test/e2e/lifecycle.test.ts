/** The host is after a full cycle what it was before, whoever dies in between: weftd, dockerd, or the whole kernel state. */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { type Host, noHost } from '../support/host.ts'
import { HOST_V4, INTERNET_V4, OUTSIDE_V4 } from '../support/host-namespaces.ts'
import { converse, dial, inContainer, outsideOf, pings, reaches, type Server, serve } from '../support/traffic.ts'
import { type Footprint, footprint } from './footprint.ts'
import { addressOf, createNetwork, runContainer, startDockerHost } from './networks.ts'

const PORT = 9000
const SOCKET = '/run/docker/plugins/weft.sock'

describe('the life of a network', { skip: noHost() }, () => {
	let host: Host
	let clean: Footprint
	const servers: Server[] = []

	before(async () => {
		host = await startDockerHost({ dockerdArgs: ['--live-restore'] })
		servers.push(await serve(outsideOf(host), 'tcp', PORT))
		await cycle(async () => {})
		clean = await footprint(host)
	})
	after(async () => {
		await Promise.all(servers.map((server) => server.stop()))
		await host?.stop()
	})

	/** Create, run, publish, talk, remove; `between` happens after every step. */
	async function cycle(between: () => Promise<void>): Promise<void> {
		await createNetwork(host, 'net')
		await between()
		await runContainer(host, 'one', 'net', '-p', '8080:80')
		await between()
		await runContainer(host, 'two', 'net')
		await between()
		await assertTalking()
		await host.docker('network', 'disconnect', 'net', 'two')
		await between()
		await host.docker('network', 'connect', 'net', 'two')
		await between()
		await assertTalking()
		await host.docker('stop', '-t', '0', 'one')
		await between()
		await host.docker('rm', '-f', 'one', 'two')
		await between()
		await host.docker('network', 'rm', 'net')
		await between()
	}

	/** `one` and `two` reach each other and the world, and the world reaches the published port. */
	async function assertTalking(): Promise<void> {
		const [one, two] = [await inContainer(host, 'one'), await inContainer(host, 'two')]
		assert.ok(await pings(two, await addressOf(host, 'one', 'net')), 'two -> one')
		await host.docker('exec', 'one', 'ping', '-c', '1', '-W', '1', 'two')
		assert.equal(await dial(one, 'tcp', INTERNET_V4, PORT), HOST_V4)
		assert.equal(await dial(two, 'tcp', INTERNET_V4, PORT), HOST_V4)
		const server = await serve(one, 'tcp', 80)
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 8080), OUTSIDE_V4)
		await server.stop()
	}

	async function setUp(): Promise<void> {
		await createNetwork(host, 'net')
		await runContainer(host, 'one', 'net', '-p', '8080:80')
		await runContainer(host, 'two', 'net')
	}

	async function assertCleanUp(): Promise<void> {
		await host.docker('rm', '-f', 'one', 'two')
		await host.docker('network', 'rm', 'net')
		assert.deepEqual(await footprint(host), clean)
		assert.ok(!(await reaches(outsideOf(host), 'tcp', HOST_V4, 8080)))
	}

	it('leaves links, addresses, routes and rules as they were', async () => {
		await cycle(async () => {})
		assert.deepEqual(await footprint(host), clean)
	})

	it('loses nothing when weftd is killed and started again between the steps', async () => {
		await cycle(async () => {
			await host.killWeftd('SIGKILL')
			await host.startWeftd()
		})
		assert.deepEqual(await footprint(host), clean)
	})

	it('keeps the data path when weftd is stopped, and unlinks the socket', async () => {
		await setUp()
		const one = await inContainer(host, 'one')
		const server = await serve(one, 'tcp', 80)
		const call = await converse(outsideOf(host), HOST_V4, 8080)
		await call.echo('before')
		assert.equal(await host.stopWeftd(), 0)
		assert.ok(!existsSync(host.path(SOCKET)))
		await call.echo('without weftd')
		assert.ok(await pings(one, await addressOf(host, 'two', 'net')))
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 8080), OUTSIDE_V4)
		await host.startWeftd()
		await call.echo('after')
		await call.stop()
		await server.stop()
		await assertTalking()
		await assertCleanUp()
	})

	it('keeps an established connection when weftd is killed and started again', async () => {
		await setUp()
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
		await assertCleanUp()
	})

	it('is rebuilt after a reboot that took every bridge and rule', async () => {
		await createNetwork(host, 'net', '-o', 'com.docker.network.bridge.name=tubes')
		await host.stopDockerd()
		await host.killWeftd('SIGKILL')
		await host.exec(['ip', 'link', 'del', 'tubes'])
		await host.exec(['nft', 'flush', 'ruleset'])
		await host.startWeftd()
		await host.startDockerd()
		await runContainer(host, 'one', 'net', '-p', '8080:80')
		await runContainer(host, 'two', 'net')
		await assertTalking()
		await host.docker('rm', '-f', 'one', 'two')
		await host.docker('network', 'rm', 'net')
		assert.notEqual((await host.attempt(['ip', 'link', 'show', 'tubes'])).code, 0)
		assert.deepEqual(await footprint(host), clean)
	})

	it('is repaired under running containers when somebody flushed the rules', async () => {
		await setUp()
		await host.exec(['nft', 'delete', 'table', 'inet', 'weft'])
		await host.killWeftd('SIGKILL')
		await host.startWeftd()
		await assertTalking()
		await assertCleanUp()
	})

	it('survives a restart of dockerd with running containers', async () => {
		await setUp()
		await host.stopDockerd()
		await host.startDockerd()
		await assertTalking()
		await assertCleanUp()
	})

	it('survives the death of dockerd with running containers', async () => {
		await setUp()
		await host.stopDockerd('SIGKILL')
		await host.startDockerd()
		await assertTalking()
		await host.docker('restart', '-t', '0', 'one', 'two')
		await assertTalking()
		await assertCleanUp()
	})

	it('goes on when weftd was away while containers stopped', async () => {
		await setUp()
		await host.killWeftd('SIGKILL')
		await host.attemptDocker('kill', 'one')
		await host.startWeftd()
		await host.docker('start', 'one')
		await assertTalking()
		await assertCleanUp()
	})
})
