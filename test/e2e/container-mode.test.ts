/** Networks of mode container with a real dockerd: a container and its side-car, whatever becomes of either and of weftd. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { NetworkDetail, PortView } from '../../src/admin/api.ts'
import { run } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4, HOST_V6, INTERNET_V4, OUTSIDE_V4, OUTSIDE_V6 } from '../support/host-namespaces.ts'
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
import { assertFootprint, type Footprint, footprint } from './footprint.ts'
import { addressOf, createNetwork, onOuterEngines, refused, runContainer, startDockerHost } from './networks.ts'

const WEFT = fileURLToPath(new URL('../../src/weft.js', import.meta.url))
const PORT = 9000

onOuterEngines('networks of mode container', (engine) => {
	let host: Host
	let clean: Footprint
	const servers: Server[] = []

	before(async () => {
		host = await startDockerHost(engine)
		await host.exec(['sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1'])
		// Docker 28 keeps the table that it makes for the first container on its own bridge.
		await host.docker('run', '--rm', IMAGE, 'true')
		clean = await footprint(host)
		await createNetwork(host, 'shop', '--ipv6')
		await runContainer(host, 'web', 'shop', '-p', '8080:8080')
		await runContainer(host, 'customer', 'shop')
		await createNetwork(host, 'side', '-o', 'mode=container', '-o', 'container=web', '--ipv6')
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

	async function ownerIs(what: RegExp): Promise<void> {
		let owner: string | null = null
		const is = async () => {
			owner = (await weft<NetworkDetail>('inspect', 'side')).owner
			return what.test(owner ?? '')
		}
		await eventually(is, { what: () => `the owner ${what} and not ${owner}` })
	}

	const web = () => addressOf(host, 'web', 'shop')

	it('have a side-car’s ports at the addresses of its owner, without a trace of its own', async () => {
		await runContainer(host, 'car', 'side')
		await listen('car', 8080)
		const customer = await inContainer(host, 'customer')
		assert.equal(await dial(customer, 'tcp', await web(), 8080), await addressOf(host, 'customer', 'shop'))
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 8080), OUTSIDE_V4)
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V6, 8080), OUTSIDE_V6)
		assert.equal(await dial(await inContainer(host, 'car'), 'tcp', INTERNET_V4, PORT), HOST_V4)
		await listen('customer', 8081)
		assert.equal(
			await dial(await inContainer(host, 'car'), 'tcp', await addressOf(host, 'customer', 'shop'), 8081),
			await web(),
		)
	})

	it('have one 127.0.0.1 and one ::1 with their owner', async () => {
		for (const address of ['127.0.0.1', '::1']) {
			await listen('web', 8100, address)
			await assertReaches(await inContainer(host, 'car'), 'tcp', address, 8100)
			await listen('car', 8101, address)
			await assertReaches(await inContainer(host, 'web'), 'tcp', address, 8101)
			assert.equal(await reaches(onHost(host), 'tcp', address, 8101), false)
		}
		assert.equal(await reaches(await inContainer(host, 'customer'), 'tcp', await web(), 8101), false)
	})

	it('follow a side-car that listens late, closes and opens again, and several at once', async () => {
		const customer = await inContainer(host, 'customer')
		await runContainer(host, 'car2', 'side')
		for (const name of ['car', 'car2', 'car']) {
			const server = await listen(name, 8110)
			await assertReaches(customer, 'tcp', await web(), 8110)
			await server.stop()
			await eventually(async () => !(await reaches(customer, 'tcp', await web(), 8110)), { what: 'closed' })
		}
		await host.docker('rm', '-f', 'car2')
	})

	it('leave a port with their owner, and say so', async () => {
		const owner = await listen('web', 8120, '0.0.0.0')
		await listen('car', 8120, '0.0.0.0')
		const refusal = async () => (await weft<PortView[]>('ports')).find((each) => each.refused !== null)
		await eventually(async () => (await refusal()) !== undefined, { what: 'a refusal' })
		const { refused: why, container, hostPort } = (await refusal()) ?? {}
		assert.match(why ?? '', /^port 0\.0\.0\.0:8120\/tcp is already allocated by .+ \(pid \d+\)$/)
		assert.deepEqual({ container, hostPort }, { container: 'car', hostPort: 8120 })
		await owner.stop()
		await assertReaches(await inContainer(host, 'customer'), 'tcp', await web(), 8120)
	})

	it('keep ports and connections while weftd is killed, and follow the side-car when it is back', async () => {
		const customer = await inContainer(host, 'customer')
		const talk = await converse(customer, await web(), 8080)
		await talk.echo('before')
		await host.killWeftd()
		await talk.echo('while it is away')
		await assertReaches(customer, 'tcp', await web(), 8080)
		await assertReaches(await inContainer(host, 'car'), 'tcp', '127.0.0.1', 8100)
		const late = await listen('car', 8130)
		await host.startWeftd()
		await talk.echo('after')
		await assertReaches(customer, 'tcp', await web(), 8130)
		await late.stop()
		await eventually(async () => !(await reaches(customer, 'tcp', await web(), 8130)), { what: 'closed' })
		await assertReaches(customer, 'tcp', await web(), 8080)
		await talk.stop()
	})

	it('follow their owner to other networks', async () => {
		await createNetwork(host, 'second')
		await runContainer(host, 'other', 'second')
		await host.docker('network', 'connect', 'second', 'web')
		await assertReaches(await inContainer(host, 'other'), 'tcp', await addressOf(host, 'web', 'second'), 8080)
		await host.docker('network', 'disconnect', 'second', 'web')
		await assertReaches(await inContainer(host, 'customer'), 'tcp', await web(), 8080)
		await host.docker('rm', '-f', 'other')
		await host.docker('network', 'rm', 'second')
	})

	it('wait for an owner that stops, and have it again when it starts, also while weftd is away', async () => {
		await ownerIs(/^container web is running$/)
		await host.docker('stop', '-t', '0', 'web')
		await ownerIs(/^container web is not running$/)
		assert.equal(await reaches(await inContainer(host, 'car'), 'tcp', INTERNET_V4, PORT), false)
		await host.docker('start', 'web')
		await assertReaches(await inContainer(host, 'customer'), 'tcp', await web(), 8080)
		await assertReaches(await inContainer(host, 'car'), 'tcp', INTERNET_V4, PORT)
		await host.docker('restart', '-t', '0', 'web')
		await assertReaches(await inContainer(host, 'customer'), 'tcp', await web(), 8080)
		await host.docker('stop', '-t', '0', 'web')
		await host.killWeftd()
		await host.startWeftd()
		await host.docker('start', 'web')
		await assertReaches(await inContainer(host, 'customer'), 'tcp', await web(), 8080)
	})

	it('have an owner that is removed back under its name', async () => {
		await host.docker('rm', '-f', 'web')
		await ownerIs(/^there is no container "web" on this host$/)
		await refused(host, ['run', '--rm', '--net', 'side', IMAGE, 'true'], /there is no container "web" on this host/)
		await runContainer(host, 'web', 'shop', '-p', '8080:8080')
		await ownerIs(/^container web is running$/)
		await assertReaches(await inContainer(host, 'customer'), 'tcp', await web(), 8080)
		await assertReaches(outsideOf(host), 'tcp', HOST_V4, 8080)
	})

	it('go to the container that has the name of their owner by now, also while weftd is away', async () => {
		const customer = await inContainer(host, 'customer')
		const swap = async (name: string) => {
			await host.docker('rename', 'web', name)
			await runContainer(host, 'web', 'shop')
		}
		const inOld = async (name: string) => run((await inContainer(host, name))(['sh', '-c', 'nft list tables; ip link']))
		await host.docker('rm', '-f', 'web')
		await runContainer(host, 'web', 'shop')
		await assertReaches(customer, 'tcp', await web(), 8080)
		await swap('old')
		await assertReaches(customer, 'tcp', await web(), 8080)
		assert.doesNotMatch(await inOld('old'), /weft|wv/)
		await host.killWeftd()
		await host.docker('rename', 'web', 'older')
		await host.docker('rename', 'old', 'web')
		await host.startWeftd()
		await assertReaches(customer, 'tcp', await web(), 8080)
		await eventually(async () => !/weft|wv/.test(await inOld('older')), { what: 'nothing left with the former owner' })
		await host.docker('rm', '-f', 'older', 'web')
		await runContainer(host, 'web', 'shop', '-p', '8080:8080')
		await assertReaches(customer, 'tcp', await web(), 8080)
	})

	it('may have an owner on Docker’s own bridge, and a side-car that is on another network too', async () => {
		await host.docker('run', '-d', '--name', 'dockers', IMAGE)
		await createNetwork(host, 'aside', '-o', 'mode=container', '-o', 'container=dockers')
		await runContainer(host, 'both', 'aside')
		// One of IPv4 alone, and behind it in the alphabet: Docker takes its way out from the first.
		await createNetwork(host, 'plain')
		await runContainer(host, 'reader', 'plain')
		await host.docker('network', 'connect', 'plain', 'both')
		await listen('both', 8140, '0.0.0.0')
		const ip = await host.docker('inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'dockers')
		await assertReaches(onHost(host), 'tcp', ip, 8140)
		await assertReaches(await inContainer(host, 'reader'), 'tcp', await addressOf(host, 'both', 'plain'), 8140)
		await assertReaches(await inContainer(host, 'dockers'), 'tcp', '127.0.0.1', 8140)
		await host.docker('rm', '-f', 'both', 'dockers', 'reader')
		await host.docker('network', 'rm', 'aside', 'plain')
	})

	it('may have an owner without a network, with which they have one 127.0.0.1 and no way out', async () => {
		await createNetwork(host, 'closed', '-o', 'mode=none')
		for (const network of ['none', 'closed']) {
			await runContainer(host, 'hermit', network)
			await createNetwork(host, 'aside', '-o', 'mode=container', '-o', 'container=hermit')
			await runContainer(host, 'both', 'aside')
			await listen('both', 8150, '0.0.0.0')
			await assertReaches(await inContainer(host, 'hermit'), 'tcp', '127.0.0.1', 8150)
			await listen('hermit', 8151, '127.0.0.1')
			await assertReaches(await inContainer(host, 'both'), 'tcp', '127.0.0.1', 8151)
			assert.equal(await reaches(await inContainer(host, 'both'), 'tcp', INTERNET_V4, PORT), false)
			await host.docker('rm', '-f', 'both', 'hermit')
			await host.docker('network', 'rm', 'aside')
		}
		await host.docker('network', 'rm', 'closed')
	})

	it('refuse an owner that is none, by name', async () => {
		const create = (name: string) => [
			'network',
			'create',
			'--driver',
			'weft',
			'-o',
			'mode=container',
			'-o',
			`container=${name}`,
			'bad',
		]
		await refused(host, create('nobody'), /container="nobody" .*: there is no container "nobody" on this host/)
		await refused(
			host,
			create('car'),
			/container car is itself on network \w{12} of mode container, which shares container web/,
		)
		await host.docker('run', '-d', '--name', 'open', '--net', 'host', IMAGE)
		await refused(host, create('open'), /container open has the network of this host \(--net host\)/)
		await host.docker('run', '-d', '--name', 'guest', '--net', 'container:web', IMAGE)
		await refused(host, create('guest'), /container guest has the network of another container .*: name that one, web/)
		await createNetwork(host, 'ports', '-o', 'mode=host')
		await runContainer(host, 'server', 'ports')
		await refused(host, create('server'), /container server is itself on network \w{12} of mode host/)
		await host.docker('rm', '-f', 'open', 'guest', 'server')
		await host.docker('network', 'rm', 'ports')
		await refused(
			host,
			['network', 'create', '-d', 'weft', '-o', 'mode=container', 'bad'],
			/mode container needs -o container=NAME/,
		)
		await refused(host, [...create('web').slice(0, -1), '--internal', 'bad'], /--internal forbids/)
		await refused(
			host,
			['run', '--rm', '-p', '81:81', '--net', 'side', IMAGE, 'true'],
			/port 81\/tcp cannot be published .* container web, which can publish it/,
		)
	})

	it('refuse a circle, and stop where one is made of containers that run', async () => {
		for (const name of ['ape', 'bee']) {
			await runContainer(host, name, 'shop')
			await createNetwork(host, `onto-${name}`, '-o', 'mode=container', '-o', `container=${name}`)
		}
		const owner = async () => (await weft<NetworkDetail>('inspect', 'onto-bee')).owner ?? ''
		const circle = /container bee is itself on network \w{12} of mode container, which shares container ape/
		await host.docker('network', 'connect', 'onto-ape', 'bee')
		await eventually(async () => circle.test(await owner()), { what: 'a circle that is seen' })
		await refused(host, ['network', 'connect', 'onto-bee', 'ape'], circle)
		await refused(host, ['run', '--rm', '--net', 'onto-bee', IMAGE, 'true'], circle)
		await host.docker('network', 'disconnect', 'onto-ape', 'bee')
		await eventually(async () => (await owner()) === 'container bee is running', { what: 'an owner again' })
		await host.docker('network', 'connect', 'onto-bee', 'ape')
		await host.docker('rm', '-f', 'ape', 'bee')
		await host.docker('network', 'rm', 'onto-ape', 'onto-bee')
	})

	it('leave nothing behind, with the owner neither', async () => {
		await host.docker('rm', '-f', 'car')
		await host.docker('network', 'rm', 'side')
		const inWeb = await inContainer(host, 'web')
		assert.doesNotMatch(await run(inWeb(['sh', '-c', 'nft list tables; ip link'])), /weft|wv/)
		await host.docker('rm', '-f', 'web', 'customer')
		await host.docker('network', 'rm', 'shop')
		await assertFootprint(host, clean)
	})
})
