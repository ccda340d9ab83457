/** MAC addresses: told by Docker as they are, chosen for each network, and the same again after a restart. */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { run } from '../support/command.ts'
import { isSince } from '../support/engine.ts'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { IMAGE } from '../support/image.ts'
import { assertPings, inContainer } from '../support/traffic.ts'
import { addressOf, createNetwork, endpointOf, onEngines, refused, runContainer, startDockerHost } from './networks.ts'

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

	it('that are chosen are told of a container that does not run yet, and no others', async () => {
		const wished = async (name: string, ...words: string[]) => {
			await host.docker('create', '--name', name, '--net', 'one', ...words, IMAGE)
			return /"MacAddress": "([0-9a-f:]{17})"/.exec(await host.docker('inspect', name))?.[1]
		}
		assert.equal(await wished('created', '--mac-address', '02:aa:bb:cc:dd:20'), '02:aa:bb:cc:dd:20')
		assert.equal(await wished('careless'), undefined)
		await host.docker('start', 'created')
		assert.equal(await macOf('created', 'one'), '02:aa:bb:cc:dd:20')
	})

	if (isSince(engine, 25)) {
		it('that are chosen hold where the network is named by its id', async () => {
			await createNetwork(host, 'three', '--subnet', '10.75.0.0/24')
			const id = await host.docker('network', 'inspect', '-f', '{{.Id}}', 'three')
			await runContainer(host, 'tower', id, '--ip', '10.75.0.9', '--mac-address', '02:aa:bb:cc:dd:25')
			assert.equal(await addressOf(host, 'tower', 'three'), '10.75.0.9')
			assert.equal(await macOf('tower', 'three'), '02:aa:bb:cc:dd:25')
		})

		it('are chosen for each network', async () => {
			const words = (net: string, mac: string) => ['--network', `name=${net},mac-address=${mac}`]
			const networks = [...words('one', '02:aa:bb:cc:dd:31'), ...words('two', '02:aa:bb:cc:dd:32')]
			await host.docker('run', '-d', '--name', 'several', ...networks, IMAGE)
			assert.equal(await macOf('several', 'one'), '02:aa:bb:cc:dd:31')
			assert.equal(await macOf('several', 'two'), '02:aa:bb:cc:dd:32')
		})
	}

	if (isSince(engine, 28)) {
		it('are told to the neighbours when another container has the address', async () => {
			const label = (name: string, value: string) => ['-o', `com.docker.network.advertise_addr_${name}=${value}`]
			const [address4, address6] = ['10.74.0.9', 'fd00:74::9']
			const [before, after] = ['02:aa:bb:cc:dd:41', '02:aa:bb:cc:dd:42']
			const known = async () => {
				const text = await run((await inContainer(host, 'listener'))(['ip', '-j', 'neigh']))
				const neighbours: { dst: string; lladdr?: string }[] = JSON.parse(text)
				return [address4, address6].map((address) => neighbours.find(({ dst }) => dst === address)?.lladdr)
			}
			const speak = (mac: string) => {
				return runContainer(host, 'speaker', 'told', '--ip', address4, '--ip6', address6, '--mac-address', mac)
			}
			for (const number of ['0', '1']) {
				// With a plugin's IPAM Docker 28 tells of the address 0.0.0.0.
				const pools = ['--ipam-driver', 'default', '--subnet', '10.74.0.0/24', '--ipv6', '--subnet', 'fd00:74::/64']
				await createNetwork(host, 'told', ...pools, ...label('nmsgs', number), ...label('ms', '100'))
				await runContainer(host, 'listener', 'told')
				await speak(before)
				for (const address of [address4, address6]) await assertPings(await inContainer(host, 'listener'), address)
				assert.deepEqual(await known(), [before, before])
				await host.docker('rm', '-f', 'speaker')
				await speak(after)
				if (number === '0') assert.ok(!(await known()).includes(after))
				else await eventually(async () => (await known()).every((mac) => mac === after))
				await host.docker('rm', '-f', 'speaker', 'listener')
				await host.docker('network', 'rm', 'told')
			}
			for (const [name, value] of [
				['nmsgs', '4'],
				['nmsgs', 'x'],
				['ms', '99'],
			] as const) {
				const words = ['network', 'create', '-d', 'weft', '--ipam-driver', 'weft', ...label(name, value), 'told']
				await refused(host, words, new RegExp(`advertise_addr_${name}.* must be`))
			}
		})
	}
})
