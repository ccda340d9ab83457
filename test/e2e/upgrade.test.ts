/** weftd comes, goes and is replaced while containers run and talk, and while Docker waits for it. */

import assert from 'node:assert/strict'
import { after, afterEach, before, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4, OUTSIDE_V4 } from '../support/host-namespaces.ts'
import { IMAGE } from '../support/image.ts'
import {
	assertPings,
	type Conversation,
	converse,
	inContainer,
	outsideOf,
	type Server,
	serve,
} from '../support/traffic.ts'
import { addressOf, createNetwork, onEngines, runContainer, startDockerHost } from './networks.ts'

const LAN = ['--subnet', '203.0.113.0/24', '--ip-range', '203.0.113.128/25', '--gateway', OUTSIDE_V4]
const NAMES = ['one', 'two', 'three']
const PATIENCE = 30_000

onEngines('weftd', (engine) => {
	let host: Host
	const servers: Server[] = []

	before(async () => {
		host = await startDockerHost(engine)
		await createNetwork(host, 'net')
		await createNetwork(host, 'lan', '-o', 'mode=macvlan', '-o', 'parent=eth0', ...LAN)
	})
	afterEach(async () => {
		await Promise.all(servers.splice(0).map((server) => server.stop()))
		await host.attemptDocker('rm', '-f', ...NAMES)
	})
	after(() => host?.stop())

	it('leaves connections alone when it is upgraded: through the bridge, a published port and macvlan', async () => {
		await runContainer(host, 'one', 'net', '-p', '8080:80')
		await runContainer(host, 'two', 'net')
		await runContainer(host, 'three', 'lan')
		for (const name of ['one', 'three']) servers.push(await serve(await inContainer(host, name), 'tcp', 80))
		const ways = [
			[await inContainer(host, 'two'), await addressOf(host, 'one', 'net'), 80],
			[outsideOf(host), HOST_V4, 8080],
			[outsideOf(host), await addressOf(host, 'three', 'lan'), 80],
		] as const
		const calls: Conversation[] = []
		for (const [from, address, port] of ways) calls.push(await converse(from, address, port))
		servers.push(...calls)
		const echo = (line: string) => Promise.all(calls.map((call) => call.echo(line)))
		await echo('before')
		for (const end of [() => host.stopWeftd(), () => host.killWeftd('SIGKILL')]) {
			await end()
			await echo('while it is away')
			await host.startWeftd()
			// It serves before it has restored its networks, and answers this when it has.
			await host.docker('run', '--rm', '--net', 'net', IMAGE, 'true')
			await echo('after')
		}
	})

	it('may be away when a container is to start, for less than Docker tries', async () => {
		await host.stopWeftd()
		const started = runContainer(host, 'one', 'net')
		await eventually(() => /weft.*retrying|Unable to (connect|locate) .*weft|weft\.sock/.test(host.dockerd.log), {
			what: 'Docker misses weft',
		})
		await host.startWeftd()
		await started
		await runContainer(host, 'two', 'net')
		await assertPings(await inContainer(host, 'two'), await addressOf(host, 'one', 'net'))
	})

	it('may start after dockerd, whose containers come back to their network', async () => {
		await runContainer(host, 'one', 'net', '--restart', 'always', '-p', '8080:80')
		const subnet = await host.docker('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Subnet}}', 'net')
		await host.stopDockerd('SIGKILL')
		await host.stopWeftd()
		const seen = host.dockerd.log.length
		const booted = host.startDockerd()
		await eventually(() => host.dockerd.log.slice(seen).includes('weft'), { what: 'dockerd misses weft' })
		await host.startWeftd()
		await booted
		const isRunning = async () => (await host.docker('ps', '--format', '{{.Names}}')).split('\n').includes('one')
		await eventually(isRunning, { what: 'one runs again', within: PATIENCE })
		assert.equal(await host.docker('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Subnet}}', 'net'), subnet)
		await runContainer(host, 'two', 'net')
		await assertPings(await inContainer(host, 'two'), await addressOf(host, 'one', 'net'))
	})
})
