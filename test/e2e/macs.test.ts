/** MAC addresses: told by Docker as they are, chosen for each network, and the same again after a restart. */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { run } from '../support/command.ts'
import { isSince } from '../support/engine.ts'
import type { Host } from '../support/host.ts'
import { IMAGE } from '../support/image.ts'
import { assertPings, inContainer } from '../support/traffic.ts'
import { addressOf, createNetwork, endpointOf, onEngines, runContainer, startDockerHost } from './networks.ts'

const CHOSEN = '02:aa:bb:cc:dd:10'

onEngines('MAC addresses', (engine) => {
	let host: Host

	before(async () => {
		host = await startDockerHost(engine)
		await createNetwork(host, 'one')
		await createNetwork(host, 'two')
		await runContainer(host, 'peer', 'one')
	})
	after(() => host?.stop())

	/** What docker inspect tells, which is what the link has. */
	async function macOf(name: string, network: string): Promise<string> {
		const { MacAddress, IPAddress } = await endpointOf(host, name, network)
		const text = await run((await inContainer(host, name))(['ip', '-j', 'addr']))
		const links: { address: string; addr_info: { local: string }[] }[] = JSON.parse(text)
		const link = links.find((each) => each.addr_info.some(({ local }) => local === IPAddress))
		assert.equal(MacAddress, link?.address)
		return MacAddress
	}

	it('belong to one container alone, also when they come back to another one that took their address', async () => {
		await runContainer(host, 'first', 'one')
		await host.docker('stop', '-t', '0', 'first')
		for (const name of ['second', 'third']) await runContainer(host, name, 'one')
		await host.docker('start', 'first')
		const macs = await Promise.all(['first', 'second', 'third', 'peer'].map((name) => macOf(name, 'one')))
		assert.equal(new Set(macs).size, macs.length, macs.join())
		for (const name of ['first', 'second']) {
			await assertPings(await inContainer(host, 'peer'), await addressOf(host, name, 'one'))
		}
	})

	it('that are chosen hold for the first network, and are kept over stop, start and restart', async () => {
		await runContainer(host, 'chosen', 'one', '--mac-address', CHOSEN)
		await host.docker('network', 'connect', 'two', 'chosen')
		for (const verb of ['', 'stop', 'start', 'restart']) {
			if (verb !== '') await host.docker(verb, ...(verb === 'start' ? [] : ['-t', '0']), 'chosen')
			if (verb === 'stop') continue
			assert.equal(await macOf('chosen', 'one'), CHOSEN)
			assert.notEqual(await macOf('chosen', 'two'), CHOSEN)
		}
		await assertPings(await inContainer(host, 'peer'), await addressOf(host, 'chosen', 'one'))
	})

	it('that are chosen are told of a container that does not run yet', async () => {
		await host.docker('create', '--name', 'created', '--net', 'one', '--mac-address', '02:aa:bb:cc:dd:20', IMAGE)
		const shown = await host.docker('inspect', 'created')
		assert.ok(shown.includes('"MacAddress": "02:aa:bb:cc:dd:20"'), shown)
		await host.docker('start', 'created')
		assert.equal(await macOf('created', 'one'), '02:aa:bb:cc:dd:20')
	})

	if (isSince(engine, 25)) {
		it('are chosen for each network', async () => {
			const words = (net: string, mac: string) => ['--network', `name=${net},mac-address=${mac}`]
			const networks = [...words('one', '02:aa:bb:cc:dd:31'), ...words('two', '02:aa:bb:cc:dd:32')]
			await host.docker('run', '-d', '--name', 'several', ...networks, IMAGE)
			assert.equal(await macOf('several', 'one'), '02:aa:bb:cc:dd:31')
			assert.equal(await macOf('several', 'two'), '02:aa:bb:cc:dd:32')
		})
	}
})
