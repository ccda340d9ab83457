/** Asking over HTTP: where Docker is, and what becomes of a question that gets no answer, or none of use. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createSocket, type ListenOptions } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { DockerClient } from '../../src/docker/client.ts'
import { makeNetwork } from '../../src/docker/networks.ts'
import { eventually } from '../support/eventually.ts'

let number = 0

async function listen(t: TestContext, answer: RequestListener, where: ListenOptions): Promise<Server> {
	const server = createServer(answer)
	t.after(() => {
		server.closeAllConnections()
		server.close()
	})
	server.listen(where)
	await once(server, 'listening')
	return server
}

async function dockerAt(t: TestContext, answer: RequestListener): Promise<DockerClient> {
	const path = join(tmpdir(), `weft-docker-${process.pid}-${number++}.sock`)
	await listen(t, answer, { path })
	return new DockerClient(`unix://${path}`)
}

const echo: RequestListener = ({ method, url }, response) => response.end(JSON.stringify([method, url]))

it('goes to a socket, or a port', async (t) => {
	const docker = await dockerAt(t, echo)
	assert.deepEqual(await docker.get('/networks?x=%7B'), ['GET', '/networks?x=%7B'])
	const { port } = (await listen(t, echo, { host: '127.0.0.1', port: 0 })).address() as AddressInfo
	assert.deepEqual(await new DockerClient(`tcp://127.0.0.1:${port}`).get('/_ping'), ['GET', '/_ping'])
})

it('tells in one line why there is no answer', async (t) => {
	await assert.rejects(new DockerClient('unix:///nowhere.sock').get('/'), {
		code: 'system',
		message: 'Docker at unix:///nowhere.sock gives no answer: connect ENOENT /nowhere.sock',
	})
	const refusing = await dockerAt(t, (_, response) => response.writeHead(403).end('not you\n'))
	await assert.rejects(refusing.get('/'), { code: 'system', message: /gives no answer: 403 not you$/ })
	const missing = await dockerAt(t, (_, response) => response.writeHead(404).end('no such thing\n'))
	await assert.rejects(missing.get('/'), { code: 'not-found', message: /gives no answer: 404 no such thing$/ })
	const babbling = await dockerAt(t, (_, response) => response.end('hello'))
	await assert.rejects(babbling.get('/'), /gives no answer: .*JSON/)
	const dying = await dockerAt(t, ({ socket }) => socket.destroy())
	await assert.rejects(dying.get('/'), /gives no answer: socket hang up/)
	const breaking = await dockerAt(t, ({ socket }, response) => {
		response.writeHead(200, { 'content-length': 100 })
		response.write('[', () => socket.destroy())
	})
	await assert.rejects(breaking.get('/'), /gives no answer: aborted/)
})

it('has something made, and tells what Docker says where that is refused', async (t) => {
	const sent: unknown[] = []
	const docker = await dockerAt(t, ({ method, url, headers }, response) => {
		sent.push([method, url, headers['content-type']])
		response.writeHead(201).end('{"Id":"x"}')
	})
	await docker.post('/networks/create', { Name: 'wide' }, 5000)
	assert.deepEqual(sent, [['POST', '/networks/create', 'application/json']])
	for (const [status, code] of [
		[409, 'exists'],
		[404, 'system'],
	] as const) {
		const refusing = await dockerAt(t, (_, response) => response.writeHead(status).end('{"message":"no"}\n'))
		const message = new RegExp(`refuses: ${status} \\{"message":"no"\\}$`)
		await assert.rejects(refusing.post('/', {}, 5000), { code, message })
	}
	const silent = await dockerAt(t, () => undefined)
	await assert.rejects(silent.post('/', {}, 20), { code: 'system', message: /gives no answer: / })
})

it('makes a network as docker network create would ask for it', async (t) => {
	const bodies: unknown[] = []
	const docker = await dockerAt(t, async (request, response) => {
		bodies.push(JSON.parse(Buffer.concat(await request.toArray()).toString()))
		response.writeHead(201).end('{}')
	})
	const subnets = [
		{ pool: '10.1.0.0/24', gateway: '10.1.0.1', reserved: { p: '10.1.0.9' } },
		{ pool: 'fd00::/64', reserved: {} },
	]
	const drivers = { driver: 'weft', ipamDriver: 'weft' }
	const families = { ipv4: false, ipv6: true }
	await makeNetwork(docker, { name: 'wide', ...drivers, internal: true, options: { id: 'x' }, subnets, ...families })
	assert.deepEqual(bodies, [
		{
			Name: 'wide',
			CheckDuplicate: true,
			Driver: 'weft',
			Internal: true,
			EnableIPv4: false,
			EnableIPv6: true,
			Options: { id: 'x' },
			IPAM: {
				Driver: 'weft',
				Config: [
					{ Subnet: '10.1.0.0/24', Gateway: '10.1.0.1', AuxiliaryAddresses: { p: '10.1.0.9' } },
					{ Subnet: 'fd00::/64', AuxiliaryAddresses: {} },
				],
			},
		},
	])
})

it('is not buried by an answer without end', async (t) => {
	const docker = await dockerAt(t, (_, response) => {
		const more = (): void => {
			while (response.write(Buffer.alloc(1024 * 1024)));
			response.once('drain', more)
		}
		more()
	})
	await assert.rejects(docker.get('/'), /gives no answer: more than \d+ bytes/)
})

it('waits for one who does not answer until it is told to end', async (t) => {
	const path = join(tmpdir(), `weft-docker-${process.pid}-${number++}.sock`)
	const silent = createSocket().listen(path)
	t.after(() => silent.close())
	await once(silent, 'listening')
	const docker = new DockerClient(`unix://${path}`)
	const answer = docker.get('/')
	await once(silent, 'connection')
	docker.close()
	await assert.rejects(answer, /gives no answer: The operation was aborted/)
})

it('a question of a person’s does not wait for a Docker that hangs', async (t) => {
	const docker = await dockerAt(t, ({ url }, response) => {
		if (url === '/answered') response.end('[]')
	})
	await assert.rejects(docker.get('/hangs', 20), /Docker at unix:.* gives no answer: .*(abort|timeout)/)
	assert.deepEqual(await docker.get('/answered', 10_000), [])
})

it('hears of what happens for as long as Docker tells, or somebody wants to hear', async (t) => {
	let tell = (_line: string) => undefined as unknown
	let asked = 0
	const docker = await dockerAt(t, (_, response) => {
		asked++
		response.writeHead(200)
		response.flushHeaders()
		tell = (line) => (line === '' ? response.end() : response.write(line))
	})
	let heard = 0
	const hear = (ending = new AbortController().signal) => docker.follow('/events', () => heard++, ending)
	const until = (count: number) => eventually(() => heard === count, { what: () => `${count} times and not ${heard}` })
	const over = hear()
	await until(1)
	tell('{}\n')
	await until(2)
	tell('')
	await over
	const ending = new AbortController()
	const ended = hear(ending.signal)
	await until(3)
	ending.abort()
	await ended
	const broken = hear()
	await until(4)
	docker.close()
	await assert.rejects(broken, /^WeftError: Docker at unix:.* tells no more: /)
	const refusing = await dockerAt(t, (_, response) => response.writeHead(403).end('not you\n'))
	await assert.rejects(
		refusing.follow('/events', () => heard++, new AbortController().signal),
		/tells no more: 403 not you$/,
	)
	assert.deepEqual([heard, asked], [4, 3])
})
