/** What Docker tells of containers is heard again when that breaks off, and not listened to without need, with a real dockerd behind a relay. */
import assert from 'node:assert/strict'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'
import { type Host, noHost, startHost } from '../support/host.ts'
import { IMAGE } from '../support/image.ts'
import { assertReaches, inContainer, serve } from '../support/traffic.ts'
import { createNetwork, runContainer } from './networks.ts'

const RELAY = '/run/relay.sock'

describe('what Docker tells of the owners of networks', { skip: noHost() }, () => {
	let host: Host
	let relay: Server
	/** weft's connections to Docker, by way of the relay. */
	const open = new Set<Socket>()
	/** How many there have been. */
	let asked = 0

	before(async () => {
		host = await startHost({ env: { WEFT_DOCKER_HOST: `unix://${RELAY}` } })
		relay = createServer((asking) => {
			const docker = connect(host.path('/run/docker.sock'))
			asking.pipe(docker).pipe(asking)
			for (const [one, other] of [
				[asking, docker],
				[docker, asking],
			] as const) {
				one.on('error', () => other.destroy())
			}
			open.add(asking)
			asked++
			asking.on('close', () => {
				open.delete(asking)
				docker.destroy()
			})
		})
		await new Promise<void>((resolve) => relay.listen(host.path(RELAY), resolve))
		// On Docker's own bridge: weft hears of them from nobody else.
		await host.docker('run', '-d', '--name', 'web', IMAGE)
		await createNetwork(host, 'side', '-o', 'mode=container', '-o', 'container=web')
		await runContainer(host, 'car', 'side')
	})
	after(async () => {
		for (const each of open) each.destroy()
		relay?.close()
		await host?.stop()
	})

	it('is heard again after the connection broke, and with it what has happened meanwhile', async () => {
		const server = await serve(await inContainer(host, 'car'), 'tcp', 8080)
		await assertReaches(await inContainer(host, 'web'), 'tcp', '127.0.0.1', 8080)
		await eventually(() => open.size === 1, { what: () => `one connection and not ${open.size}` })
		for (const each of open) each.destroy()
		await host.docker('restart', '-t', '0', 'web')
		await assertReaches(await inContainer(host, 'web'), 'tcp', '127.0.0.1', 8080)
		await eventually(() => open.size === 1, { what: () => `one connection again and not ${open.size}` })
		await server.stop()
	})

	it('is not asked for while dockerd is off, whose socket somebody else may hold, and again when it runs', async () => {
		await host.stopDockerd()
		await eventually(() => open.size === 0, { what: () => `no connection and not ${open.size}` })
		const before = asked
		// Long enough for the first two attempts.
		await sleep(4000)
		assert.equal(asked, before)
		await host.startDockerd()
		await eventually(() => open.size === 1, { what: () => `one connection and not ${open.size}`, within: 30_000 })
	})

	it('is no longer listened to when the last network with an owner goes', async () => {
		await host.docker('rm', '-f', 'car')
		await host.docker('network', 'rm', 'side')
		await eventually(() => open.size === 0, { what: () => `no connection and not ${open.size}` })
	})
})
