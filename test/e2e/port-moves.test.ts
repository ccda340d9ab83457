/** Published ports when containers move, end and follow each other: who has a port, and whom its clients reach. */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isSince } from '../support/engine.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4, HOST_V6, OUTSIDE_V4, OUTSIDE_V6 } from '../support/host-namespaces.ts'
import { IMAGE } from '../support/image.ts'
import {
	assertReaches,
	converse,
	dial,
	inContainer,
	onHost,
	outsideOf,
	reaches,
	type Server,
	serve,
} from '../support/traffic.ts'
import { createNetwork, onEngines, refused, runContainer, startDockerHost } from './networks.ts'
import { numberOf } from './port-numbers.ts'

/** The client's own port. */
const CLIENT = 4000

onEngines('published ports that move', (engine) => {
	let host: Host
	const servers: Server[] = []

	before(async () => {
		host = await startDockerHost(engine, { dockerdArgs: ['--live-restore'] })
		for (const name of ['aaa', 'bbb', 'ccc']) await createNetwork(host, name)
		await createNetwork(host, 'six', '--ipv6', '--subnet', 'fd00:98::/64')
	})
	after(async () => {
		await Promise.all(servers.map((server) => server.stop()))
		await host?.stop()
	})

	async function serveIn(name: string, ...ports: number[]): Promise<void> {
		const place = await inContainer(host, name)
		for (const port of ports) {
			servers.push(await serve(place, 'tcp', port, '::'))
			servers.push(await serve(place, 'udp', port, '::'))
		}
	}

	it('stay where they are while the gateway does, and go with it to another network', async () => {
		await runContainer(host, 'mover', 'bbb', '-p', '9990:80', '-P', '--expose', '70')
		await serveIn('mover', 80, 70)
		const chosen = (network: string) => numberOf(host, 'mover', network, 'tcp', 70)
		const open = async (...numbers: number[]) => {
			for (const number of numbers) assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, number), OUTSIDE_V4)
		}
		const first = await chosen('bbb')
		await open(9990, first)
		await host.docker('network', 'connect', 'ccc', 'mover')
		assert.equal(await chosen('bbb'), first)
		await open(9990, first)
		// Docker takes the first by name as the gateway.
		await host.docker('network', 'connect', 'aaa', 'mover')
		await open(9990, await chosen('aaa'))
		await assert.rejects(chosen('bbb'))
		await host.docker('network', 'disconnect', 'aaa', 'mover')
		const second = await chosen('bbb')
		await open(9990, second)
		await host.docker('network', 'disconnect', 'ccc', 'mover')
		assert.equal(await chosen('bbb'), second)
		await open(9990, second)
		await host.docker('rm', '-f', 'mover')
		for (const number of [9990, second]) assert.ok(!(await reaches(outsideOf(host), 'tcp', HOST_V4, number)))
	})

	it('stay with a container that runs on when dockerd dies, and are free when it ends', async () => {
		await runContainer(host, 'keeper', 'bbb', '-p', '9991:80')
		await serveIn('keeper', 80)
		await host.stopDockerd('SIGKILL')
		await host.startDockerd()
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 9991), OUTSIDE_V4)
		const late = ['run', '-d', '--name', 'late', '--net', 'bbb', '-p', '9991:80', IMAGE]
		await refused(host, late, /0\.0\.0\.0:9991\/tcp is already allocated by endpoint/)
		await host.docker('kill', 'keeper')
		assert.ok(!(await reaches(outsideOf(host), 'tcp', HOST_V4, 9991)))
		await host.docker('start', 'late')
		await serveIn('late', 80)
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 9991), OUTSIDE_V4)
	})

	for (const [family, address, outside] of [
		['ipv4', HOST_V4, OUTSIDE_V4],
		['ipv6', HOST_V6, OUTSIDE_V6],
	] as const) {
		it(`lead a client that goes on sending by UDP to the next container, ${family}`, async () => {
			const talk = () => dial(outsideOf(host), 'udp', address, 9992, CLIENT)
			const connections = () => host.exec(['conntrack', '-L', '-f', family, '-p', 'udp', '--orig-port-dst', '9992'])
			await runContainer(host, 'first', 'six', '-p', '9992:80/udp')
			await serveIn('first', 80)
			assert.equal(await talk(), outside)
			assert.match(await connections(), new RegExp(`sport=${CLIENT} `))
			await host.docker('rm', '-f', 'first')
			for (let i = 0; i < 100 && (await connections()) !== ''; i++) await sleep(50)
			assert.equal(await connections(), '')
			await runContainer(host, 'second', 'six', '-p', '9992:80/udp')
			await serveIn('second', 80)
			assert.equal(await talk(), outside)
			await host.docker('rm', '-f', 'second')
		})
	}

	it('are given at once when a service of the host has ended, whose connections the kernel still waits for', async () => {
		const service = await serve(onHost(host), 'tcp', 9993)
		const call = await converse(outsideOf(host), HOST_V4, 9993)
		await service.stop()
		await call.stop()
		const waiting = ['ss', '-Htan', 'state', 'time-wait', 'sport', '=', ':9993']
		for (let i = 0; i < 100 && (await host.exec(waiting)) === ''; i++) await sleep(50)
		assert.notEqual(await host.exec(waiting), '', 'nothing waits')
		await runContainer(host, 'heir', 'bbb', '-p', '9993:80')
		await serveIn('heir', 80)
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 9993), OUTSIDE_V4)
	})

	it('share a number on addresses of the loopback, also on ::1, and answer the host alone', async () => {
		const home = onHost(host)
		await runContainer(host, 'left', 'six', '-p', '127.0.0.1:9994:80', '-p', '[::1]:9994:80')
		await runContainer(host, 'right', 'six', '-p', '127.0.0.2:9994:80')
		await serveIn('left', 80)
		await serveIn('right', 80)
		for (const address of ['127.0.0.1', '127.0.0.2', '::1']) assert.ok(await dial(home, 'tcp', address, 9994))
		for (const address of [HOST_V4, HOST_V6]) assert.ok(!(await reaches(outsideOf(host), 'tcp', address, 9994)))
		await host.docker('rm', '-f', 'right')
		assert.ok(!(await reaches(home, 'tcp', '127.0.0.2', 9994)))
		for (const address of ['127.0.0.1', '::1']) assert.ok(await dial(home, 'tcp', address, 9994))
	})

	if (isSince(engine, 28)) {
		it('go family by family to the networks that have it', async () => {
			await createNetwork(host, 'only6', '--ipv4=false', '--ipv6')
			await runContainer(host, 'split', 'bbb', '-p', '9995:80')
			await serveIn('split', 80)
			const assertOpen = async (...open: readonly boolean[]) => {
				for (const [index, address] of [HOST_V4, HOST_V6].entries()) {
					if (open[index]) await assertReaches(outsideOf(host), 'tcp', address, 9995)
					else assert.ok(!(await reaches(outsideOf(host), 'tcp', address, 9995)), address)
				}
			}
			await assertOpen(true, false)
			for (const network of ['only6', 'six']) {
				await host.docker('network', 'connect', network, 'split')
				await assertOpen(true, true)
				await host.docker('network', 'disconnect', network, 'split')
				await assertOpen(true, false)
			}
		})
	}
})
