/** Networks of a container that does not run: Docker keeps them for its start, over its own restart too. */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import type { Host } from '../support/host.ts'
import { IMAGE } from '../support/image.ts'
import { assertPings, inContainer } from '../support/traffic.ts'
import { addressOf, createNetwork, onEngines, runContainer, startDockerHost } from './networks.ts'

onEngines('a container that does not run', (engine) => {
	let host: Host

	before(async () => {
		host = await startDockerHost(engine)
		for (const net of ['one', 'two']) {
			await createNetwork(host, net)
			await runContainer(host, `peer-${net}`, net, '--restart', 'always')
		}
	})
	after(() => host?.stop())

	async function restartDockerd(): Promise<void> {
		await host.stopDockerd()
		await host.startDockerd()
	}

	async function networksOf(name: string): Promise<string[]> {
		const networks = await host.docker('inspect', '-f', '{{json .NetworkSettings.Networks}}', name)
		return Object.keys(JSON.parse(networks)).sort()
	}

	async function assertTalks(name: string, ...networks: readonly string[]): Promise<void> {
		assert.deepEqual(await networksOf(name), networks)
		const place = await inContainer(host, name)
		for (const network of networks) {
			await assertPings(place, await addressOf(host, `peer-${network}`, network), network)
			await assertPings(await inContainer(host, `peer-${network}`), await addressOf(host, name, network), network)
		}
		const links = await host.docker('exec', name, 'ls', '/sys/class/net')
		assert.equal(links.split('\n').length, networks.length + 1)
	}

	it('has its networks before its first start', async () => {
		await host.docker('create', '--name', 'created', '--net', 'one', IMAGE)
		await host.docker('network', 'connect', 'two', 'created')
		assert.deepEqual(await networksOf('created'), ['one', 'two'])
		await host.docker('start', 'created')
		await assertTalks('created', 'one', 'two')
	})

	it('may leave a network before its first start', async () => {
		await host.docker('create', '--name', 'changed', '--net', 'one', IMAGE)
		await host.docker('network', 'connect', 'two', 'changed')
		await host.docker('network', 'disconnect', 'one', 'changed')
		await host.docker('start', 'changed')
		await assertTalks('changed', 'two')
	})

	it('comes to a network and leaves it while it is stopped, and dockerd remembers both', async () => {
		await runContainer(host, 'stopped', 'one')
		await host.docker('stop', '-t', '0', 'stopped')
		await host.docker('network', 'connect', 'two', 'stopped')
		await restartDockerd()
		await host.docker('start', 'stopped')
		await assertTalks('stopped', 'one', 'two')
		await host.docker('stop', '-t', '0', 'stopped')
		await host.docker('network', 'disconnect', 'two', 'stopped')
		await restartDockerd()
		await host.docker('start', 'stopped')
		await assertTalks('stopped', 'one')
	})

	it('may outlive its network, and leave it by force', async () => {
		await createNetwork(host, 'brief')
		await runContainer(host, 'survivor', 'one')
		await host.docker('network', 'connect', 'brief', 'survivor')
		await host.docker('stop', '-t', '0', 'survivor')
		await host.docker('network', 'rm', 'brief')
		await host.docker('network', 'disconnect', '-f', 'brief', 'survivor')
		await host.docker('start', 'survivor')
		await assertTalks('survivor', 'one')
	})
})
