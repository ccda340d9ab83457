/**
 * One weftd in a network namespace: two would take away each other's tables and links, whatever state they have. A name
 * among the abstract sockets belongs to the namespace, so that a managed plugin and the host's daemon meet there though
 * they share no file, and the kernel frees it when the process is gone, however that ended.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { WeftError } from './errors.ts'

/** Of full length, as some versions of libuv make each name, and others do not. */
const NAME = '\0weft'.padEnd(108, '\0')

/** Held until the process ends. @throws WeftError `in-use` where another weftd has it. */
export async function lockNetns(): Promise<void> {
	// It says nothing to anybody.
	const server = createServer((socket) => socket.destroy())
	server.unref().listen({ path: NAME })
	try {
		await once(server, 'listening')
	} catch (error) {
		const why = 'another weftd has this network namespace (the socket @weft of ss -xlp): stop it first'
		throw isTaken(error) ? new WeftError('in-use', why) : error
	}
}

function isTaken(error: unknown): boolean {
	return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
}
