/** Names of containers and of the world: Docker's own resolver works on weft's networks as on Docker's. */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { isSince } from '../support/engine.ts'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4, INTERNET_V4, INTERNET_V6 } from '../support/host-namespaces.ts'
import { IMAGE } from '../support/image.ts'
import { inContainer, outsideOf, type Server, serve } from '../support/traffic.ts'
import { addressOf, createNetwork, endpointOf, onEngines, runContainer, startDockerHost } from './networks.ts'

/** A nameserver that answers at once, also for names that there are not. */
const DNS = ['--dns', INTERNET_V4, '--dns-opt', 'timeout:1', '--dns-opt', 'attempts:1']

onEngines('names', (engine) => {
	let host: Host
	const servers: Server[] = []

	before(async () => {
		host = await startDockerHost(engine)
		servers.push(await serve(outsideOf(host), 'dns', 53, INTERNET_V4))
		await createNetwork(host, 'lane')
		await createNetwork(host, 'road')
		await run('ann', 'lane')
		await run('ben', 'lane', '--network-alias', 'baker')
	})
	after(async () => {
		await Promise.all(servers.map((server) => server.stop()))
		await host?.stop()
	})

	function run(name: string, network: string, ...options: string[]): Promise<void> {
		return runContainer(host, name, network, ...DNS, ...options)
	}

	/** The address that a container finds for a name and that answers it; empty where there is none. */
	async function found(from: string, name: string): Promise<string> {
		const { code, stdout } = await host.attemptDocker('exec', from, 'ping', '-c', '1', '-W', '1', name)
		return code === 0 ? (/\((\S+)\)/.exec(stdout)?.[1] ?? '') : ''
	}

	async function assertFound(from: string, names: readonly string[], to: string, network: string): Promise<void> {
		const address = await addressOf(host, to, network)
		for (const name of names) {
			let answer = ''
			const isFound = async (): Promise<boolean> => {
				answer = await found(from, name)
				return answer === address
			}
			await eventually(isFound, { what: () => `${from} looks for ${name} at ${address} and finds "${answer}"` })
		}
	}

	async function assertLost(from: string, ...names: readonly string[]): Promise<void> {
		for (const name of names) assert.equal(await found(from, name), '', `${from} looks for ${name}`)
	}

	it('lead to a container: its own, with the network, its short id, its aliases', async () => {
		const id = (await host.docker('inspect', '-f', '{{.Id}}', 'ben')).slice(0, 12)
		await assertFound('ann', ['ben', 'ben.lane', id, 'baker'], 'ben', 'lane')
		await assertFound('ben', ['ann'], 'ann', 'lane')
		await assertLost('ann', 'ben.lane.domain', 'ben.road')
	})

	it('are those of each network apart', async () => {
		await run('kim', 'road')
		await run('cy', 'lane', '--network-alias', 'left')
		await host.docker('network', 'connect', '--alias', 'right', 'road', 'cy')
		await assertFound('ann', ['cy', 'left'], 'cy', 'lane')
		await assertFound('kim', ['cy', 'right'], 'cy', 'road')
		await assertLost('ann', 'right', 'kim')
		await assertLost('kim', 'left', 'ann')
		await host.docker('network', 'disconnect', 'lane', 'cy')
		await assertLost('ann', 'cy', 'left')
		await assertFound('kim', ['cy', 'right'], 'cy', 'road')
	})

	it('that one alias shares lead to those that are left', async () => {
		for (const name of ['twin-1', 'twin-2']) await run(name, 'lane', '--network-alias', 'twin')
		assert.notEqual(await found('ann', 'twin'), '')
		await host.docker('rm', '-f', 'twin-1')
		await assertFound('ann', ['twin'], 'twin-2', 'lane')
	})

	it('of links are known to the container that asked for them, and go with the network', async () => {
		await run('dan', 'lane', '--link', 'ben:friend')
		await assertFound('dan', ['friend', 'ben'], 'ben', 'lane')
		await assertLost('ann', 'friend')
		await run('eve', 'road')
		await host.docker('network', 'connect', '--link', 'eve:pal', 'road', 'dan')
		await assertFound('dan', ['pal'], 'eve', 'road')
		await host.docker('network', 'disconnect', 'road', 'dan')
		await assertLost('dan', 'pal')
		await assertFound('dan', ['friend'], 'ben', 'lane')
	})

	it('are kept over a restart', async () => {
		await run('gus', 'lane', '--network-alias', 'grocer', '--link', 'ben:friend')
		await host.docker('restart', '-t', '0', 'gus')
		await assertFound('ann', ['gus', 'grocer'], 'gus', 'lane')
		await assertFound('gus', ['friend'], 'ben', 'lane')
	})

	it('of containers that nobody named come and go, and are written into no file of others', async () => {
		const hosts = await host.docker('exec', 'ann', 'cat', '/etc/hosts')
		const id = (await host.docker('run', '-d', '--net', 'lane', ...DNS, IMAGE)).slice(0, 12)
		await assertFound('ann', [id], id, 'lane')
		assert.equal(await host.docker('exec', 'ann', 'cat', '/etc/hosts'), hosts)
		await host.docker('stop', '-t', '0', id)
		await assertLost('ann', id)
	})

	it('follow a container that is renamed, also in the list of the network', async () => {
		await run('jo', 'lane')
		await host.docker('rename', 'jo', 'joanna')
		await assertFound('ann', ['joanna'], 'joanna', 'lane')
		await assertLost('ann', 'jo')
		const names = await host.docker('network', 'inspect', '-f', '{{range .Containers}}{{.Name}} {{end}}', 'lane')
		assert.ok(names.split(' ').includes('joanna') && !names.split(' ').includes('jo'), names)
	})

	it('that are none are not found', async () => {
		await assertLost('ann', 'nobody', 'ben..lane', '*', '-', 'a'.repeat(64), '127.0.0.1.2')
	})

	it('of the world are found where there is a way out, and those of containers everywhere', async () => {
		assert.equal(await found('ann', 'shop.example'), INTERNET_V4)
		await createNetwork(host, 'yard', '--internal')
		await run('pat', 'yard')
		await run('ray', 'yard')
		await assertFound('pat', ['ray'], 'ray', 'yard')
		await assertLost('pat', 'shop.example')
		await host.docker('network', 'connect', 'lane', 'pat')
		assert.equal(await found('pat', 'shop.example'), INTERNET_V4)
		await host.docker('network', 'disconnect', 'lane', 'pat')
		await assertLost('pat', 'shop.example')
	})

	it("are in a container's own files as long as it is on the network", async () => {
		await createNetwork(host, 'wide', '--ipv6', '--subnet', 'fd00:91::/64')
		await run('sid', 'lane', '--hostname', 'sidney')
		await host.docker('network', 'connect', 'wide', 'sid')
		const { IPAddress, GlobalIPv6Address } = await endpointOf(host, 'sid', 'wide')
		// With any plugin's IPAM Docker 28 writes addresses of IPv4 as if they were of IPv6.
		const lines = async () => {
			const text = await host.docker('exec', 'sid', 'cat', '/etc/hosts')
			return text.replaceAll('::ffff:', '').split('\n')
		}
		const own = [await addressOf(host, 'sid', 'lane'), IPAddress, GlobalIPv6Address]
		for (const address of own) assert.ok((await lines()).includes(`${address}\tsidney`), address)
		await host.docker('network', 'disconnect', 'wide', 'sid')
		assert.ok(!(await lines()).some((line) => line.startsWith(IPAddress) || line.startsWith(GlobalIPv6Address)))
		assert.match(await host.docker('exec', 'sid', 'cat', '/etc/resolv.conf'), /^nameserver 127\.0\.0\.11$/m)
	})

	if (isSince(engine, 25)) {
		it('are told by docker inspect', async () => {
			await run('tom', 'lane', '--network-alias', 'tailor', '--hostname', 'thomas')
			const [{ Id, NetworkSettings }] = JSON.parse(await host.docker('inspect', 'tom'))
			const names: string[] = NetworkSettings.Networks.lane.DNSNames
			assert.deepEqual(names.sort(), [Id.slice(0, 12), 'tailor', 'thomas', 'tom'].sort())
		})
	}

	it('may come from a nameserver inside a network that has no way out', async () => {
		await createNetwork(host, 'cellar', '--internal', '--subnet', '10.98.0.0/24')
		await run('librarian', 'cellar', '--ip', '10.98.0.53')
		servers.push(await serve(await inContainer(host, 'librarian'), 'dns', 53, '10.98.0.53'))
		await runContainer(host, 'reader', 'cellar', '--dns', '10.98.0.53')
		assert.match(await host.docker('exec', 'reader', 'nslookup', '-type=a', 'book.example'), /10\.98\.0\.53$/m)
	})

	it('have one for the host', async () => {
		await run('tenant', 'lane', '--add-host', 'landlord:host-gateway')
		assert.notEqual(await found('tenant', 'landlord'), '')
	})

	it('lead to a container also on a host that is part of a swarm', async () => {
		await host.docker('swarm', 'init', '--advertise-addr', HOST_V4)
		await run('member', 'lane')
		await assertFound('member', ['ben'], 'ben', 'lane')
		await assertFound('ann', ['member'], 'member', 'lane')
		await host.docker('swarm', 'leave', '--force')
	})

	if (isSince(engine, 28)) {
		it('of the world are found from a network of IPv6 alone', async () => {
			servers.push(await serve(outsideOf(host), 'dns', 53, INTERNET_V6))
			await createNetwork(host, 'sixth', '--ipv4=false', '--ipv6')
			await runContainer(host, 'lev', 'sixth', '--dns', INTERNET_V6)
			const answer = await host.docker('exec', 'lev', 'nslookup', '-type=aaaa', 'shop.example')
			assert.match(answer, new RegExp(`: ${INTERNET_V6}$`, 'm'))
		})
	}
})
