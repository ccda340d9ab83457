/** The socket's life, and connections: which ones the server keeps, which ones it ends, and when. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, lstat, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { buildServer } from '../src/cnm/server.ts'
import { type Close, listenOnPort, listenOnSocket } from '../src/listen.ts'
import { eventually } from './support/eventually.ts'
import { fakeIpam, fakeNetworks } from './support/fake-verbs.ts'
import { Wire } from './support/wire.ts'

const ref = { NetworkID: 'n1' }

function build(deleteNetwork = async (): Promise<void> => undefined): FastifyInstance {
	const network = { ...fakeNetworks(), deleteNetwork }
	const logger = pino({ level: 'silent' })
	return buildServer({
		network,
		ipam: fakeIpam(),
		ready: async () => undefined,
		scope: 'local',
		logger,
		activated: () => undefined,
	})
}

async function inDirectory(work: (path: string, directory: string) => Promise<void>): Promise<void> {
	const directory = await mkdtemp(join(tmpdir(), 'weft-listen-'))
	try {
		await work(join(directory, 'weft.sock'), directory)
	} finally {
		await rm(directory, { recursive: true })
	}
}

async function serving(
	path: string,
	work: (close: Close) => Promise<void>,
	server: FastifyInstance = build(),
): Promise<void> {
	const close = await listenOnSocket(server, path)
	try {
		await work(close)
	} finally {
		await close()
	}
}

async function isAnswering(path: string): Promise<boolean> {
	const wire = new Wire(path)
	try {
		return (await wire.raw('Plugin.Activate')).status === 200
	} finally {
		wire.close()
	}
}

/** A socket file that nobody listens on any more, as after a SIGKILL. */
async function leaveStale(path: string): Promise<void> {
	const server = createServer().listen(`${path}.old`)
	await once(server, 'listening')
	await rename(`${path}.old`, path)
	server.close()
	await once(server, 'close')
}

describe('listenOnSocket', () => {
	it('makes the directory, and a socket that only its owner may use', async () => {
		await inDirectory(async (_path, directory) => {
			const path = join(directory, 'run', 'plugins', 'weft.sock')
			await serving(path, async () => {
				assert.equal((await lstat(path)).mode & 0o777, 0o600)
				assert.equal((await lstat(join(directory, 'run', 'plugins'))).mode & 0o777, 0o755)
				assert.deepEqual(await readdir(join(directory, 'run', 'plugins')), ['weft.sock'])
				assert.ok(await isAnswering(path))
			})
			assert.deepEqual(await readdir(join(directory, 'run', 'plugins')), [])
		})
	})

	it('replaces what a dead daemon left behind', async () => {
		await inDirectory(async (path) => {
			await leaveStale(path)
			await serving(path, async () => assert.ok(await isAnswering(path)))
		})
	})

	it('refuses a socket on which another daemon answers, and leaves it alone', async () => {
		await inDirectory(async (path) => {
			await serving(path, async () => {
				await assert.rejects(listenOnSocket(build(), path), { code: 'in-use', message: /another daemon answers/ })
				assert.ok(await isAnswering(path))
			})
		})
	})

	it('refuses to replace what is not a socket', async () => {
		await inDirectory(async (path) => {
			await writeFile(path, 'precious')
			await assert.rejects(listenOnSocket(build(), path), { code: 'in-use', message: /not a socket/ })
		})
	})

	it('refuses a path that the kernel would cut', async () => {
		await inDirectory(async (_path, directory) => {
			const path = join(directory, `${'x'.repeat(100)}.sock`)
			await assert.rejects(listenOnSocket(build(), path), { code: 'invalid', message: /too long/ })
		})
	})

	it('leaves the socket of a successor in its place', async () => {
		await inDirectory(async (path) => {
			await serving(path, async (close) => {
				await rm(path)
				await serving(path, async () => {
					await close()
					assert.ok(await isAnswering(path))
				})
			})
		})
	})

	it('knows its socket again after somebody changed its mode', async () => {
		await inDirectory(async (path, directory) => {
			await serving(path, () => chmod(path, 0o660))
			assert.deepEqual(await readdir(directory), [])
		})
	})
})

describe('listenOnPort', () => {
	const anyPort = { address: '127.0.0.1', port: 0 }

	function portOf({ server }: FastifyInstance): number {
		const address = server.address()
		return typeof address === 'object' && address !== null ? address.port : assert.fail(`no port: ${address}`)
	}

	it('serves until it is closed, and refuses a port that is taken and an address of somebody else', async () => {
		const server = build()
		const close = await listenOnPort(server, anyPort)
		const port = portOf(server)
		try {
			assert.equal((await fetch(`http://127.0.0.1:${port}/Plugin.Activate`, { method: 'POST' })).status, 200)
			const refusals = [
				[{ address: '127.0.0.1', port }, /^WEFT_METRICS cannot be served: .*EADDRINUSE/],
				[{ address: '192.0.2.1', port }, /^WEFT_METRICS cannot be served: .*EADDRNOTAVAIL/],
			] as const
			for (const [where, message] of refusals) {
				const other = build()
				await assert.rejects(listenOnPort(other, where), { name: 'WeftError', message })
				await other.close()
			}
		} finally {
			await close()
		}
		await assert.rejects(fetch(`http://127.0.0.1:${port}/Plugin.Activate`, { method: 'POST' }))
	})

	it('has 16 connections at a time, and another one when one of them has gone', async () => {
		const server = build()
		const close = await listenOnPort(server, anyPort)
		const sockets: Socket[] = []
		const dial = async (): Promise<Socket> => {
			const socket = connect(portOf(server), '127.0.0.1').on('error', () => undefined)
			sockets.push(socket)
			await once(socket, 'connect')
			return socket
		}
		const isAnswered = async (): Promise<boolean> => {
			const request = fetch(`http://127.0.0.1:${portOf(server)}/`, { headers: { connection: 'close' } })
			return await request.then(({ status }) => status === 404).catch(() => false)
		}
		try {
			for (let i = 0; i < 15; i++) await dial()
			assert.ok(await isAnswered())
			const last = await dial()
			assert.ok(!(await isAnswered()))
			last.destroy()
			await eventually(isAnswered)
		} finally {
			for (const each of sockets) each.destroy()
			await close()
		}
	})
})

/** A DeleteNetwork that says when it has begun and ends when it is told to. */
function slow(): { deleteNetwork: () => Promise<void>; begun: Promise<void>; finish: () => void } {
	let begin = (): void => undefined
	let finish = (): void => undefined
	const begun = new Promise<void>((resolve) => {
		begin = resolve
	})
	const finished = new Promise<void>((resolve) => {
		finish = resolve
	})
	const deleteNetwork = async (): Promise<void> => {
		begin()
		await finished
	}
	return { deleteNetwork, begun, finish }
}

describe('stopping', () => {
	it('answers the calls in flight, then ends the connections that dockerd keeps open', async () => {
		await inDirectory(async (path) => {
			const { deleteNetwork, begun, finish } = slow()
			const close = await listenOnSocket(build(deleteNetwork), path)
			const [busy, idle] = [new Wire(path), new Wire(path)]
			await idle.call('Plugin.Activate')
			const inFlight = busy.call('NetworkDriver.DeleteNetwork', ref)
			await begun
			const started = performance.now()
			const closed = close()
			await sleep(50)
			await assert.rejects(lstat(path), { code: 'ENOENT' })
			finish()
			assert.deepEqual(await inFlight, {})
			await closed
			assert.ok(performance.now() - started < 5000, 'an idle connection does not hold it up')
			busy.close()
			idle.close()
		})
	})

	it('cuts off a call that does not end', async () => {
		await inDirectory(async (path) => {
			const { deleteNetwork, begun } = slow()
			const close = await listenOnSocket(build(deleteNetwork), path, 100)
			const wire = new Wire(path)
			const hanging = assert.rejects(wire.call('NetworkDriver.DeleteNetwork', ref))
			await begun
			await close()
			await hanging
			wire.close()
		})
	})
})

describe('connections', () => {
	/** The same limits, a hundred times shorter. */
	function hurried(): FastifyInstance {
		const server = build()
		const raw: { headersTimeout: number; requestTimeout: number; connectionsCheckingInterval?: number } = server.server
		assert.deepEqual([raw.headersTimeout, raw.requestTimeout], [60_000, 60_000])
		assert.deepEqual([server.server.keepAliveTimeout, server.server.timeout], [0, 0])
		raw.headersTimeout = raw.requestTimeout = 400
		raw.connectionsCheckingInterval = 50
		return server
	}

	/** Sends this text and gives the connection to `work`, with a promise of what comes back. */
	async function talking(
		server: FastifyInstance,
		text: string,
		work: (socket: Socket, received: (pattern: RegExp) => Promise<void>) => Promise<void>,
	): Promise<void> {
		await inDirectory((path) =>
			serving(
				path,
				async () => {
					const socket = connect(path)
					let all = ''
					socket.on('data', (chunk: Buffer) => {
						all += chunk.toString()
					})
					const received = async (pattern: RegExp): Promise<void> => {
						for (let i = 0; i < 500 && !pattern.test(all); i++) await sleep(20)
						assert.match(all, pattern)
					}
					socket.write(text)
					await work(socket, received).finally(() => socket.destroy())
				},
				server,
			),
		)
	}

	for (const [what, text] of [
		['headers that never end', 'POST /Plugin.Activate HTTP/1.1\r\nHost: x\r\n'],
		['a body that never comes', 'POST /NetworkDriver.Leave HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{'],
	] as const) {
		it(`${what} are given up`, async () => {
			await talking(hurried(), text, async (socket, received) => {
				if (!socket.closed) await once(socket, 'close')
				await received(/^HTTP\/1\.1 408 .*\{"Err":".+","Error":".+"\}$/s)
			})
		})
	}

	it('a connection that waits for the next call is not', async () => {
		const call = 'POST /Plugin.Activate HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'
		await talking(hurried(), call, async (socket, received) => {
			await received(/^HTTP\/1\.1 200 OK.*\}$/s)
			await sleep(1000)
			assert.equal(socket.closed, false)
			socket.write(call)
			await received(/^HTTP\/1\.1 200 OK.*\}HTTP\/1\.1 200 OK.*\}$/s)
		})
	})

	it('what is not HTTP is answered and ended', async () => {
		await talking(build(), 'hello\r\n\r\n', async (socket, received) => {
			if (!socket.closed) await once(socket, 'close')
			await received(/^HTTP\/1\.1 400 .*"Err":/s)
		})
	})
})
