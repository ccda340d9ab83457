/** Networks of mode host with a real dockerd: what containers listen on is on the host, whatever becomes of weftd. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { NetworkDetail, PortView } from '../../src/admin/api.ts'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4, HOST_V6, INTERNET_V4, OUTSIDE_V4, OUTSIDE_V6 } from '../support/host-namespaces.ts'
import { IMAGE } from '../support/image.ts'
import {
	assertPings,
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
import { assertFootprint, type Footprint, footprint } from './footprint.ts'
import { addressOf, createNetwork, onEngines, refused, runContainer, startDockerHost } from './networks.ts'

const WEFT = fileURLToPath(new URL('../../src/weft.js', import.meta.url))
const PORT = 9000

onEngines('networks of mode host', (engine) => {
	let host: Host
	let clean: Footprint
	const servers: Server[] = []

	before(async () => {
		host = await startDockerHost(engine)
		// Which it is from the first container with IPv6 on, and the kernel has another route for each of its links.
		await host.exec(['sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1'])
		clean = await footprint(host)
		await createNetwork(host, 'ports', '-o', 'mode=host', '--ipv6')
		await createNetwork(host, 'shop')
		servers.push(await serve(outsideOf(host), 'tcp', PORT))
	})
	after(async () => {
		await Promise.all(servers.map((server) => server.stop()))
		await host?.stop()
	})

	async function weft<T>(...args: readonly string[]): Promise<T> {
		return JSON.parse(await host.exec([process.execPath, WEFT, ...args, '--json']))
	}

	async function listen(name: string, port: number, address = '::'): Promise<Server> {
		const server = await serve(await inContainer(host, name), 'tcp', port, address)
		servers.push(server)
		return server
	}

	async function assertClosed(port: number): Promise<void> {
		await eventually(async () => !(await reaches(outsideOf(host), 'tcp', HOST_V4, port)), { what: `${port} closed` })
	}

	it('have the page of a container at the host’s addresses, without -p', async () => {
		await host.docker('run', '-d', '--name', 'page', '--net', 'ports', IMAGE, 'httpd', '-f', '-h', '/www')
		for (const address of [HOST_V4, `[${HOST_V6}]`]) {
			const page = () => host.outside(['busybox', 'wget', '-qO-', `http://${address}/`]).catch(() => '')
			await eventually(async () => (await page()) === 'hello from a container on weft', {
				what: `the page of ${address}`,
			})
		}
		const page = await host.exec(['busybox', 'wget', '-qO-', 'http://127.0.0.1/'])
		assert.equal(page, 'hello from a container on weft')
	})

	it('show the container its clients, and the world the host', async () => {
		await runContainer(host, 'app', 'ports')
		await listen('app', 8080)
		const udp = await serve(await inContainer(host, 'app'), 'udp', 8080)
		servers.push(udp)
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 8080), OUTSIDE_V4)
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V6, 8080), OUTSIDE_V6)
		assert.equal(await dial(outsideOf(host), 'udp', HOST_V4, 8080), OUTSIDE_V4)
		assert.equal(await dial(await inContainer(host, 'app'), 'tcp', INTERNET_V4, PORT), HOST_V4)
		await runContainer(host, 'customer', 'shop')
		assert.ok(await dial(await inContainer(host, 'customer'), 'tcp', HOST_V4, 8080))
	})

	it('follow a container that listens late, closes and opens again', async () => {
		for (let round = 0; round < 2; round++) {
			const server = await listen('app', 8081)
			await assertReaches(outsideOf(host), 'tcp', HOST_V4, 8081)
			await server.stop()
			await assertClosed(8081)
		}
	})

	it('combine with another network on one container', async () => {
		await host.docker('network', 'connect', 'shop', 'app')
		await assertPings(await inContainer(host, 'customer'), await addressOf(host, 'app', 'shop'))
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 8080), OUTSIDE_V4)
		await host.docker('network', 'disconnect', 'ports', 'app')
		await assertClosed(8080)
		await host.docker('network', 'connect', 'ports', 'app')
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 8080), OUTSIDE_V4)
	})

	it('leave a port with its owner, and say so', async () => {
		const owner = await serve(onHost(host), 'tcp', 8090, '0.0.0.0')
		servers.push(owner)
		await listen('page', 8090, '0.0.0.0')
		const refusal = async () => (await weft<PortView[]>('ports')).find((each) => each.refused !== null)
		await eventually(async () => (await refusal()) !== undefined, { what: 'a refusal' })
		const { refused: why, container, hostPort, found } = (await refusal()) ?? {}
		assert.match(why ?? '', /^port 0\.0\.0\.0:8090\/tcp is already allocated by .+ \(pid \d+\)$/)
		assert.deepEqual({ container, hostPort, found }, { container: 'page', hostPort: 8090, found: true })
		assert.match(await host.exec([process.execPath, WEFT, 'ports']), /0\.0\.0\.0:8090 .*REFUSED: port 0\.0\.0\.0:8090/)
		assert.match(await host.exec([process.execPath, WEFT, 'inspect', 'ports']), /REFUSED:8090\/tcp/)
		await owner.stop()
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 8090), OUTSIDE_V4)
		await eventually(async () => (await refusal()) === undefined, { what: 'no refusal' })
	})

	it('have one 127.0.0.1 and one ::1 with the host', async () => {
		const app = await inContainer(host, 'app')
		for (const address of ['127.0.0.1', '::1']) {
			servers.push(await serve(onHost(host), 'tcp', 8100, address))
			await assertReaches(app, 'tcp', address, 8100)
			await listen('app', 8101, address)
			await assertReaches(onHost(host), 'tcp', address, 8101)
		}
		assert.equal(await reaches(outsideOf(host), 'tcp', HOST_V4, 8101), false)
		assert.equal(await reaches(outsideOf(host), 'tcp', HOST_V6, 8101), false)
		await host.killWeftd()
		for (const address of ['127.0.0.1', '::1']) {
			await assertReaches(app, 'tcp', address, 8100)
			await assertReaches(onHost(host), 'tcp', address, 8101)
		}
		await host.startWeftd()
		for (const address of ['127.0.0.1', '::1']) await assertReaches(app, 'tcp', address, 8100)
		const late = await serve(onHost(host), 'tcp', 8102, '127.0.0.1')
		servers.push(late)
		await assertReaches(app, 'tcp', '127.0.0.1', 8102)
	})

	it('keep ports and connections while weftd is killed, and follow the container when it is back', async () => {
		const talk = await converse(outsideOf(host), HOST_V4, 8080)
		await talk.echo('before')
		await host.killWeftd()
		await talk.echo('while it is away')
		await assertReaches(outsideOf(host), 'tcp', HOST_V4, 8080)
		const late = await listen('app', 8082)
		await host.startWeftd()
		await talk.echo('after')
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 8082), OUTSIDE_V4)
		await late.stop()
		await assertClosed(8082)
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 8080), OUTSIDE_V4)
		await talk.stop()
	})

	it('follow a container that is restarted', async () => {
		await host.docker('restart', '-t', '1', 'page')
		const page = () => host.outside(['busybox', 'wget', '-qO-', `http://${HOST_V4}/`]).catch(() => '')
		await eventually(async () => (await page()) === 'hello from a container on weft', { what: 'the page' })
	})

	it('refuse options in one line, and name what is accepted', async () => {
		const create = ['network', 'create', '--driver', 'weft', '-o', 'mode=host']
		const list = /must be a list of ports from 1 to 65535 such as 80,443\/tcp,5000-5010\/udp/
		for (const bad of ['0', '80-79', '80/icmp', '65536', '80,,81', 'http']) {
			await refused(host, [...create, '-o', `ports=${bad}`, 'bad'], list)
		}
		await refused(host, [...create, '-o', 'exclude=x', 'bad'], list)
		await refused(host, [...create, '-o', 'parent=eth0', 'bad'], /parent belongs to mode macvlan and ipvlan/)
		await refused(host, [...create, '--internal', 'bad'], /--internal forbids/)
	})

	it('have the options that they were given', async () => {
		await createNetwork(host, 'few', '-o', 'mode=host', '-o', 'ports=80,443/tcp', '-o', 'exclude=90-99/udp')
		const { options, network } = await weft<NetworkDetail>('inspect', 'few')
		assert.equal(network.mode, 'host')
		assert.equal(options.ports, '80,443/tcp')
		assert.equal(options.exclude, '90-99/udp')
	})

	it('leave nothing behind', async () => {
		await host.docker('rm', '-f', 'page', 'app', 'customer')
		await host.docker('network', 'rm', 'ports', 'shop', 'few')
		await assertFootprint(host, clean)
		await assertClosed(80)
	})
})
