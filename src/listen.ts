/**
 * Publishes a server: on a unix socket, or by TCP. dockerd may dial at any moment and stalls for 15 s on a socket that nobody serves,
 * so the name appears only when the server answers and goes before it stops.
 */
import { chmod, lstat, rename, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { basename, dirname, join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { makeDirectory } from './directory.ts'
import { messageOf, WeftError } from './errors.ts'
import type { SocketAddress } from './settings.ts'

/** `sun_path` less its final zero; libuv cuts what is longer without a word. */
const LONGEST_PATH = 107

/** Docker kills a managed plugin 10 s after it asked it to stop. */
const GRACE = 8_000

/** Connections by TCP at a time, whoever makes them; more are closed. */
const MOST_CONNECTIONS = 16

/** Stops listening: takes the socket away, lets calls in flight end, and cuts off what has not ended within the grace. */
export type Close = () => Promise<void>

/** @throws WeftError `in-use` where another daemon answers on the socket. */
export async function listenOnSocket(server: FastifyInstance, path: string, grace: number = GRACE): Promise<Close> {
	const hidden = join(dirname(path), `.${basename(path)}.${process.pid}`)
	if (Buffer.byteLength(hidden) > LONGEST_PATH) {
		throw new WeftError(
			'invalid',
			`the path of the socket is too long by ${Buffer.byteLength(hidden) - LONGEST_PATH} bytes: ${path}`,
		)
	}
	await makeDirectory(dirname(path), 0o755).catch((error: unknown) => {
		throw new WeftError('system', `the socket ${path} cannot be made: ${messageOf(error)}`, { cause: error })
	})
	await refuseIfServed(path)
	await rm(hidden, { force: true })
	await server.listen({ path: hidden, listenTextResolver: () => `listening on ${path}` })
	try {
		await chmod(hidden, 0o600)
		await rename(hidden, path)
	} catch (error) {
		await server.close()
		throw error
	}
	const mine = await identity(path)
	return async () => {
		// Whoever has put a socket of its own in this place since then keeps it.
		if (mine !== undefined && (await identity(path)) === mine) await rm(path, { force: true })
		await closeWithin(server, grace)
	}
}

/** @throws WeftError `system` where that address is not this host's, or the port is taken. */
export async function listenOnPort(server: FastifyInstance, { address, port }: SocketAddress): Promise<Close> {
	// Each is a descriptor, of which the calls of Docker need some too.
	server.server.maxConnections = MOST_CONNECTIONS
	const listenTextResolver = (where: string): string => `listening on ${where}`
	await server.listen({ host: address, port, listenTextResolver }).catch((error: unknown) => {
		throw new WeftError('system', `WEFT_METRICS cannot be served: ${messageOf(error)}`, { cause: error })
	})
	return () => closeWithin(server, GRACE)
}

async function closeWithin(server: FastifyInstance, grace: number): Promise<void> {
	const cut = setTimeout(() => server.server.closeAllConnections(), grace)
	try {
		await server.close()
	} finally {
		clearTimeout(cut)
	}
}

/** The inode alone may be given to the next socket, its time of birth is not. */
async function identity(path: string): Promise<string | undefined> {
	try {
		const { dev, ino, mtimeNs } = await lstat(path, { bigint: true })
		return `${dev}:${ino}:${mtimeNs}`
	} catch (error) {
		if (codeOf(error) === 'ENOENT') return undefined
		throw error
	}
}

/** A socket that refuses connections is what a dead daemon left behind; rename replaces it in one step. */
async function refuseIfServed(path: string): Promise<void> {
	if ((await identity(path)) === undefined) return
	if (!(await lstat(path)).isSocket()) throw new WeftError('in-use', `${path} exists and is not a socket`)
	const failure = await dial(path)
	if (failure === 'ECONNREFUSED' || failure === 'ENOENT') return
	const why = failure === undefined ? 'another daemon answers on it' : `connecting to it fails with ${failure}`
	throw new WeftError('in-use', `${path} cannot be taken over: ${why}`)
}

/** Undefined where somebody answers, otherwise the name of the error. */
async function dial(path: string): Promise<string | undefined> {
	return await new Promise((resolve) => {
		const socket = connect(path)
		socket.once('error', (error) => resolve(codeOf(error) ?? error.message))
		socket.once('connect', () => {
			socket.destroy()
			resolve(undefined)
		})
	})
}

function codeOf(error: unknown): string | undefined {
	return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
