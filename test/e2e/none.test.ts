/** Networks whose containers have the loopback alone, with every kind of address management. */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import type { Host } from '../support/host.ts'
import { assertPings, inContainer, pings } from '../support/traffic.ts'
import { assertFootprint, type Footprint, footprint } from './footprint.ts'
import { addressOf, createNetwork, onEngines, runContainer, startDockerHost } from './networks.ts'

const GATEWAY = '10.77.1.1'

onEngines('a network of mode none', (engine) => {
	let host: Host
	let clean: Footprint

	before(async () => {
		host = await startDockerHost(engine)
		await createNetwork(host, 'warm')
		await host.docker('network', 'rm', 'warm')
		clean = await footprint(host)
	})
	after(() => host?.stop())

	const linksOf = async (name: string): Promise<string[]> => {
		return (await host.docker('exec', name, 'ls', '/sys/class/net')).split('\n').sort()
	}

	for (const [ipam, addressed] of [
		['weft', true],
		['default', true],
		['null', false],
	] as const) {
		it(`gives a container the loopback alone (--ipam-driver ${ipam})`, async () => {
			await createNetwork(host, 'closed', '-o', 'mode=none', '--ipam-driver', ipam)
			await runContainer(host, 'alone', 'closed', '-p', '8080:80')
			assert.deepEqual(await linksOf('alone'), ['lo'])
			assert.equal(await host.docker('exec', 'alone', 'ip', 'route'), '')
			assert.equal((await addressOf(host, 'alone', 'closed')) !== '', addressed)
			await assertPings(await inContainer(host, 'alone'), '127.0.0.1')
			await host.docker('restart', '-t', '0', 'alone')
			assert.deepEqual(await linksOf('alone'), ['lo'])
			await host.killWeftd('SIGKILL')
			await host.startWeftd()
			await host.docker('rm', '-f', 'alone')
			await host.docker('network', 'rm', 'closed')
			await assertFootprint(host, clean)
		})
	}

	it('lets a container have another network beside it, which alone leads anywhere', async () => {
		await createNetwork(host, 'closed', '-o', 'mode=none')
		await createNetwork(host, 'open', '--subnet', '10.77.1.0/24', '--gateway', GATEWAY)
		await runContainer(host, 'both', 'open')
		await host.docker('network', 'connect', 'closed', 'both')
		assert.equal((await linksOf('both')).length, 2)
		await assertPings(await inContainer(host, 'both'), GATEWAY)
		await host.docker('network', 'disconnect', 'open', 'both')
		assert.deepEqual(await linksOf('both'), ['lo'])
		assert.equal(await pings(await inContainer(host, 'both'), GATEWAY), false)
		await host.docker('rm', '-f', 'both')
		await host.docker('network', 'rm', 'closed', 'open')
		await assertFootprint(host, clean)
	})

	it('is refused with options that it could not keep', async () => {
		const create = ['network', 'create', '--driver', 'weft', '-o', 'mode=none', '-o']
		for (const option of ['parent=eth0', 'mtu=1400', 'antispoof=true']) {
			const { code, stderr } = await host.attemptDocker(...create, option, 'bad')
			assert.notEqual(code, 0)
			assert.match(stderr, /belongs to mode .*this network's mode is none/)
		}
		assert.equal((await host.attemptDocker('network', 'inspect', 'bad')).code, 1)
	})
})
