/** Real packets between the places of a test host: who reaches whom, and what the other end sees. */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { attempt } from './command.ts'
import { eventually } from './eventually.ts'
import type { Host } from './host.ts'

const PEER = fileURLToPath(new URL('./peer.js', import.meta.url))

export type Protocol = 'tcp' | 'udp' | 'sctp'

/** Where a program runs: turns its command line into one that runs it there. */
export type Place = (argv: readonly string[]) => string[]

export const onHost = (host: Host): Place => {
	return (argv) => host.enter(argv)
}

export const outsideOf = (host: Host): Place => {
	return (argv) => host.enterOutside(argv)
}

/** A container's network, with this machine's programs. */
export async function inContainer(host: Host, name: string): Promise<Place> {
	const pid = await host.docker('inspect', '-f', '{{.State.Pid}}', name)
	return (argv) => host.enter(['nsenter', '-t', pid, '-n', '--', ...argv])
}

export interface Server {
	stop(): Promise<void>
}

/** Listens until stopped; tells every client the address it is seen with, or is a nameserver. */
export async function serve(place: Place, protocol: Protocol | 'dns', port: number, address?: string): Promise<Server> {
	const words = ['serve', protocol, String(port), ...(address === undefined ? [] : [address])]
	const child = start(place, words)
	const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), once(child, 'close')])
	if (line !== 'listening') throw new Error(`nothing listens on ${protocol} port ${port}`)
	return { stop: () => end(child) }
}

/** The address that the server sees this client with; throws when nothing answers. `from`: a port of its own, for udp. */
export async function dial(place: Place, protocol: Protocol, address: string, port: number, from = 0): Promise<string> {
	const argv = place([process.execPath, PEER, 'dial', protocol, address, String(port), String(from)])
	let outcome = await attempt(argv)
	const answered = async (): Promise<boolean> => {
		if (outcome.code !== 0) outcome = await attempt(argv)
		return outcome.code === 0
	}
	const what = () => `${protocol} to ${address} port ${port} (${outcome.stderr.trim()})`
	await eventually(answered, { what })
	return outcome.stdout.trimEnd()
}

/** Tries once, as what must not pass has to be tried; what has to pass is for assertReaches. */
export async function reaches(
	place: Place,
	protocol: Protocol,
	address: string,
	port: number,
	from = 0,
): Promise<boolean> {
	const words = ['dial', protocol, address, String(port), String(from)]
	return (await attempt(place([process.execPath, PEER, ...words]))).code === 0
}

/** Tries until it does. */
export function assertReaches(
	place: Place,
	protocol: Protocol,
	address: string,
	port: number,
	what = `${protocol} to ${address} port ${port}`,
): Promise<void> {
	return eventually(() => reaches(place, protocol, address, port), { what })
}

/** Tries once, as reaches does. */
export async function pings(place: Place, address: string): Promise<boolean> {
	return (await attempt(place(['busybox', 'ping', '-c', '1', '-W', '1', address]))).code === 0
}

/** Tries until it does. */
export function assertPings(place: Place, address: string, what = `ping to ${address}`): Promise<void> {
	return eventually(() => pings(place, address), { what })
}

/** One TCP connection that stays: says a line, and waits for it to come back. */
export interface Conversation extends Server {
	echo(line: string): Promise<void>
}

export async function converse(place: Place, address: string, port: number): Promise<Conversation> {
	const child = start(place, ['hold', address, String(port)])
	const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
	const hear = async (): Promise<string> => {
		const late = new Promise<never>((_, reject) => {
			setTimeout(() => reject(new Error(`the connection to ${address} port ${port} is silent`)), 5000).unref()
		})
		const { value, done } = await Promise.race([lines.next(), late])
		if (done) throw new Error(`the connection to ${address} port ${port} was closed`)
		return value
	}
	// The first line is the server's word of the client's address.
	await hear()
	return {
		echo: async (line) => {
			child.stdin.write(`${line}\n`)
			const heard = await hear()
			if (heard !== line) throw new Error(`said ${line}, heard ${heard}`)
		},
		stop: () => end(child),
	}
}

function start(place: Place, words: readonly string[]): ChildProcessWithoutNullStreams {
	const [file = '', ...args] = place([process.execPath, PEER, ...words])
	return spawn(file, args, { stdio: 'pipe' })
}

async function end(child: ChildProcessWithoutNullStreams): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null) return
	const gone = once(child, 'close')
	// The peer ends with its standard input: a signal would stop at nsenter.
	child.stdin.end()
	await gone
}
