/** Published ports: open to whom they should be, from everywhere a person would try, and closed again afterwards. */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4, HOST_V6, OUTSIDE_V4, OUTSIDE_V6 } from '../support/host-namespaces.ts'
import { IMAGE } from '../support/image.ts'
import {
	assertReaches,
	dial,
	inContainer,
	onHost,
	outsideOf,
	type Protocol,
	reaches,
	type Server,
	serve,
} from '../support/traffic.ts'
import { assertFootprint, footprint } from './footprint.ts'
import { createNetwork, endpointOf, onEngines, refused, runContainer, startDockerHost, subnetOf } from './networks.ts'
import { numberOf } from './port-numbers.ts'

onEngines('published ports', (engine) => {
	let host: Host
	const servers: Server[] = []

	before(async () => {
		host = await startDockerHost(engine)
		await createNetwork(host, 'shop')
		await createNetwork(host, 'town')
		await host.docker('network', 'create', 'docks')
		await settle('web', 'shop', 80, '-p', '8080:80', '-p', '8080:80/udp')
		await runContainer(host, 'neighbour', 'shop')
		await runContainer(host, 'stranger', 'town')
		await runContainer(host, 'docker', 'docks')
	})
	after(async () => {
		await Promise.all(servers.map((server) => server.stop()))
		await host?.stop()
	})

	/** A container that listens on a TCP and on a UDP port. */
	async function settle(name: string, network: string, port: number, ...options: string[]): Promise<void> {
		await runContainer(host, name, network, ...options)
		const place = await inContainer(host, name)
		servers.push(await serve(place, 'tcp', port, '::'))
		servers.push(await serve(place, 'udp', port))
	}

	for (const protocol of ['tcp', 'udp'] as Protocol[]) {
		it(`answer from outside, and the container sees the client's address, ${protocol}`, async () => {
			assert.equal(await dial(outsideOf(host), protocol, HOST_V4, 8080), OUTSIDE_V4)
		})

		it(`answer the host itself by its own address and by 127.0.0.1, ${protocol}`, async () => {
			assert.ok(await dial(onHost(host), protocol, HOST_V4, 8080))
			assert.ok(await dial(onHost(host), protocol, '127.0.0.1', 8080))
			assert.ok(!(await reaches(onHost(host), protocol, HOST_V4, 8079)))
		})

		for (const from of ['web', 'neighbour', 'stranger', 'docker']) {
			it(`answer the container ${from} on the address of the host, ${protocol}`, async () => {
				assert.ok(await dial(await inContainer(host, from), protocol, HOST_V4, 8080))
			})
		}
	}

	it('answer in HTTP what the container serves', async () => {
		const options = ['-d', '--name', 'page', '--net', 'shop', '-p', '8088:80']
		await host.docker('run', ...options, IMAGE, 'httpd', '-f', '-h', '/www')
		const page = () => host.outside(['busybox', 'wget', '-qO-', `http://${HOST_V4}:8088/`]).catch(() => '')
		await eventually(async () => (await page()) === 'hello from a container on weft', { what: 'the page' })
	})

	it('answer in SCTP, also where the kernel has no sockets for it', async () => {
		await runContainer(host, 'trunk', 'shop', '-p', '8084:80/sctp')
		servers.push(await serve(await inContainer(host, 'trunk'), 'sctp', 80))
		assert.equal(await dial(outsideOf(host), 'sctp', HOST_V4, 8084), OUTSIDE_V4)
		assert.ok(await dial(onHost(host), 'sctp', HOST_V4, 8084))
		assert.ok(await dial(onHost(host), 'sctp', '127.0.0.1', 8084))
		for (const from of ['trunk', 'neighbour', 'stranger']) {
			assert.ok(await dial(await inContainer(host, from), 'sctp', HOST_V4, 8084))
		}
		assert.ok(!(await reaches(outsideOf(host), 'sctp', HOST_V4, 80)))
	})

	it('answer over IPv6 where the network has it', async () => {
		await createNetwork(host, 'six', '--ipv6', '--subnet', 'fd00:99::/64')
		await settle('six-web', 'six', 80, '-p', '8086:80')
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V6, 8086), OUTSIDE_V6)
		assert.ok(await dial(onHost(host), 'tcp', HOST_V6, 8086))
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 8086), OUTSIDE_V4)
	})

	it('open on the one address of the host that is named', async () => {
		await host.exec(['ip', 'addr', 'add', '203.0.113.3/24', 'dev', 'eth0'])
		await settle('narrow', 'shop', 80, '-p', '203.0.113.3:8081:80', '-p', '127.0.0.1:8082:80')
		const [home, far] = [onHost(host), outsideOf(host)]
		await assertReaches(far, 'tcp', '203.0.113.3', 8081)
		assert.ok(!(await reaches(far, 'tcp', HOST_V4, 8081)))
		await assertReaches(home, 'tcp', '127.0.0.1', 8082)
		assert.ok(!(await reaches(far, 'tcp', HOST_V4, 8082)))
		assert.ok(!(await reaches(await inContainer(host, 'stranger'), 'tcp', HOST_V4, 8082)))
	})

	it('share a number on two addresses', async () => {
		await settle('left', 'shop', 80, '-p', '203.0.113.2:8090:80')
		await settle('right', 'shop', 81, '-p', '203.0.113.3:8090:81')
		await assertReaches(outsideOf(host), 'tcp', '203.0.113.2', 8090)
		await assertReaches(outsideOf(host), 'tcp', '203.0.113.3', 8090)
		await host.docker('rm', '-f', 'left')
		assert.ok(!(await reaches(outsideOf(host), 'tcp', '203.0.113.2', 8090)))
		await assertReaches(outsideOf(host), 'tcp', '203.0.113.3', 8090)
	})

	it('bind to the address that the network names', async () => {
		await createNetwork(host, 'local', '-o', 'com.docker.network.bridge.host_binding_ipv4=127.0.0.1')
		await settle('local-web', 'local', 80, '-p', '8083:80')
		await assertReaches(onHost(host), 'tcp', '127.0.0.1', 8083)
		assert.ok(!(await reaches(outsideOf(host), 'tcp', HOST_V4, 8083)))
	})

	it('get a free number from weft when none is given, with -p and with -P', async () => {
		await settle('any', 'shop', 80, '-p', '80')
		await settle('all', 'shop', 80, '-P', '--expose', '80', '--expose', '81/udp')
		for (const name of ['any', 'all']) {
			const port = await numberOf(host, name, 'shop', 'tcp', 80)
			assert.ok(port >= 1024, `${port}`)
			assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, port), OUTSIDE_V4)
		}
		assert.ok((await numberOf(host, 'all', 'shop', 'udp', 81)) >= 1024)
		assert.notEqual(await numberOf(host, 'any', 'shop', 'tcp', 80), await numberOf(host, 'all', 'shop', 'tcp', 80))
	})

	it('have different numbers where weft chooses one for all addresses and one for a single address', async () => {
		const range = '/proc/sys/net/ipv4/ip_local_port_range'
		const before = await host.exec(['cat', range])
		await host.exec(['sh', '-c', `echo 40000 40001 >${range}`])
		await runContainer(host, 'mixed', 'shop', '-p', '127.0.0.1::80', '-p', '81')
		await host.exec(['sh', '-c', `echo ${before} >${range}`])
		for (const port of [80, 81]) servers.push(await serve(await inContainer(host, 'mixed'), 'tcp', port))
		for (const port of [40000, 40001]) await assertReaches(onHost(host), 'tcp', '127.0.0.1', port)
		const outside = await Promise.all([40000, 40001].map((port) => reaches(outsideOf(host), 'tcp', HOST_V4, port)))
		assert.deepEqual(outside.sort(), [false, true])
	})

	it('take the first free number of a range', async () => {
		await settle('range-1', 'shop', 80, '-p', '8000-8010:80')
		await settle('range-2', 'shop', 82, '-p', '8000-8010:82')
		await assertReaches(outsideOf(host), 'tcp', HOST_V4, 8000)
		await assertReaches(outsideOf(host), 'tcp', HOST_V4, 8001)
		assert.ok(!(await reaches(outsideOf(host), 'tcp', HOST_V4, 8002)))
		await settle('pairs', 'shop', 90, '-p', '8020-8021:90-91')
		await assertReaches(outsideOf(host), 'tcp', HOST_V4, 8020)
		assert.ok(!(await reaches(outsideOf(host), 'tcp', HOST_V4, 8021)))
	})

	for (const protocol of ['tcp', 'udp'] as Protocol[]) {
		it(`are refused when another container has the number, without a trace, ${protocol}`, async () => {
			const clean = await footprint(host)
			const words = ['run', '-d', '--name', `late-${protocol}`, '--net', 'town', '-p', `8080:80/${protocol}`, IMAGE]
			await refused(host, words, /0\.0\.0\.0:8080.*allocated by endpoint [0-9a-f]{12} of network [0-9a-f]{12}/)
			await assertFootprint(host, clean)
			assert.equal(await dial(outsideOf(host), protocol, HOST_V4, 8080), OUTSIDE_V4)
		})

		it(`are refused when a process of the host has the number, and not when it is gone, ${protocol}`, async () => {
			const process = await serve(onHost(host), protocol, 8085)
			const clean = await footprint(host)
			const words = ['run', '-d', '--name', `early-${protocol}`, '--net', 'town', '-p', `8085:80/${protocol}`, IMAGE]
			await refused(host, words, /0\.0\.0\.0:8085.*allocated by node \(pid \d+\)/)
			await assertFootprint(host, clean)
			await assertReaches(outsideOf(host), protocol, HOST_V4, 8085)
			await process.stop()
			await host.docker('start', `early-${protocol}`)
		})
	}

	it('are held against processes of the host', async () => {
		await assert.rejects(serve(onHost(host), 'tcp', 8080))
	})

	it('close with the container, on stop and on rm, and open with it again', async () => {
		const start = () => settle('brief', 'shop', 80, '-p', '8095:80')
		const open = () => reaches(outsideOf(host), 'tcp', HOST_V4, 8095)
		await start()
		assert.ok(await open())
		await host.docker('stop', '-t', '0', 'brief')
		assert.ok(!(await open()))
		await host.docker('start', 'brief')
		servers.push(await serve(await inContainer(host, 'brief'), 'tcp', 80))
		assert.ok(await open())
		await host.docker('rm', '-f', 'brief')
		assert.ok(!(await open()))
		assert.ok(!(await reaches(onHost(host), 'tcp', '127.0.0.1', 8095)))
		await start()
		assert.ok(await open())
	})

	it('are the only ones open, also to a machine that routes to the containers', async () => {
		const { Subnet } = await subnetOf(host, 'shop')
		await host.outside(['ip', 'route', 'add', Subnet, 'via', HOST_V4])
		servers.push(await serve(await inContainer(host, 'web'), 'tcp', 99))
		const { IPAddress } = await endpointOf(host, 'web', 'shop')
		await assertReaches(await inContainer(host, 'neighbour'), 'tcp', IPAddress, 99)
		assert.ok(!(await reaches(outsideOf(host), 'tcp', IPAddress, 99)))
		assert.ok(!(await reaches(outsideOf(host), 'tcp', HOST_V4, 99)))
		await assertReaches(outsideOf(host), 'tcp', HOST_V4, 8080)
	})

	it('are refused to a container with a restart policy as to any other, and it is not started again', async () => {
		const words = ['--name', 'eager', '--net', 'town', '--restart', 'always', '-p', '8080:80']
		await refused(host, ['run', '-d', ...words, IMAGE], /allocated/)
		assert.equal(await host.docker('inspect', '-f', '{{.State.Status}} {{.RestartCount}}', 'eager'), 'created 0')
	})
})
