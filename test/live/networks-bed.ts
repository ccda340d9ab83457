/**
 * A host to try packets on, in network namespaces that end with this process: the process itself moves into the "host",
 * an uplink leads to an "outside", and each container is a peer process whose end of a link it was given by hand.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, closeSync, constants, openSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setNetns } from '../../src/kernel/ffi.ts'
import { type Answer, answer, type Call, type Protocol } from './networks-talk.ts'

const PEER = fileURLToPath(new URL('./networks-peer.js', import.meta.url))

export const HOST = { 4: '203.0.113.2', 6: '2001:db8:113::2' } as const
export const OUTSIDE = { 4: '203.0.113.1', 6: '2001:db8:113::1' } as const
export const LOOPBACK = { 4: '127.0.0.1', 6: '::1' } as const

/** Long for what must arrive, on a busy machine too; short for what must not. */
const PATIENCE = 5_000
const IMPATIENCE = 400

/** Why packets cannot be tried on this machine, by name; false where they can. */
export function noBed(...programs: string[]): string | false {
	if (process.getuid?.() !== 0) return 'needs root, to make network namespaces'
	const missing = ['ip', 'nft', 'unshare', 'busybox', ...programs].filter((name) => !inPath(name))
	return missing.length > 0 ? `needs ${missing.join(', ')}` : false
}

function inPath(name: string): boolean {
	const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin']
	return folders.some((folder) => {
		try {
			accessSync(`${folder}/${name}`, constants.X_OK)
			return true
		} catch {
			return false
		}
	})
}

export interface Manner {
	/** Milliseconds. */
	readonly patience?: number
	/** The client's own port, for udp. */
	readonly from?: number
}

/** Somewhere to send from and to listen at. */
export class Place {
	readonly #ask: (call: Call) => Promise<Answer>

	constructor(ask: (call: Call) => Promise<Answer>) {
		this.#ask = ask
	}

	/** Tells clients the address that they came from, or what it `says`. */
	async listen(protocol: Protocol, port: number, address = '::', says?: string): Promise<void> {
		await this.#ask({ verb: 'listen', protocol, address, port, ...(says === undefined ? {} : { says }) })
	}

	/** Of a server that listens there. */
	async close(protocol: Protocol, port: number, address = '::'): Promise<void> {
		await this.#ask({ verb: 'close', protocol, address, port })
	}

	/** What the server there says: the address that it saw. Null when nobody answers in a long time. */
	dial(protocol: Protocol, address: string, port: number, how: Manner = {}): Promise<Answer> {
		return this.#ask({ verb: 'dial', protocol, address, port, patience: PATIENCE, ...how })
	}

	/** True when nobody answers for a moment, which a test must see beside a twin that is answered. */
	async isShutOut(protocol: Protocol, address: string, port: number, how: Manner = {}): Promise<boolean> {
		return (await this.dial(protocol, address, port, { patience: IMPATIENCE, ...how })) === null
	}

	async pings(address: string): Promise<boolean> {
		const argv = ['busybox', 'ping', '-c', '1', '-W', '1', address]
		return (await this.#ask({ verb: 'run', argv, input: '' })) !== null
	}

	/** Frames made by test/support/frames.ts, sent as they are. */
	async send(link: string, frames: readonly Buffer[]): Promise<void> {
		await this.#ask({ verb: 'send', link, frames: frames.map((frame) => frame.toString('hex')) })
	}

	/** From now on catches the frames that come by a link. */
	async catch(link: string): Promise<void> {
		await this.#ask({ verb: 'catch', link })
	}

	/** The names of those that have been caught, up to the last. */
	async caught(last: string): Promise<string[]> {
		return ((await this.#ask({ verb: 'caught', last, patience: PATIENCE })) ?? '').split('\n')
	}

	/** Commands of ip(8), one a line. */
	async ip(...lines: string[]): Promise<void> {
		await this.pipe(lines.join('\n'), 'ip', '-batch', '-')
	}

	/** The output of a program, which must not fail. */
	run(...argv: string[]): Promise<string> {
		return this.pipe('', ...argv)
	}

	async pipe(input: string, ...argv: string[]): Promise<string> {
		const output = await this.#ask({ verb: 'run', argv, input })
		if (output === null) throw new Error(`${argv.join(' ')} failed ${input}`)
		return output
	}
}

interface Pending {
	readonly done: (text: Answer) => void
	readonly failed: (error: Error) => void
}

/** Calls to a peer that wait for their answers. Only while some do, the peer keeps this process from ending. */
class Calls {
	readonly #child: ChildProcess
	readonly #pending = new Map<number, Pending>()
	#last = 0

	constructor(child: ChildProcess) {
		this.#child = child
		child.unref()
		child.on('error', (error) => this.#failAll(error))
		child.on('exit', () => this.#failAll(new Error('the peer ended')))
		child.on('message', (message: { id: number; text: Answer; error?: string }) => this.#settle(message))
	}

	/** The first answer comes unasked. */
	ready(): Promise<Answer> {
		return this.#wait(0)
	}

	ask(call: Call): Promise<Answer> {
		const id = ++this.#last
		const answered = this.#wait(id)
		this.#child.send({ id, call })
		return answered
	}

	#wait(id: number): Promise<Answer> {
		this.#child.channel?.ref()
		return new Promise((done, failed) => this.#pending.set(id, { done, failed }))
	}

	#settle({ id, text, error }: { id: number; text: Answer; error?: string }): void {
		const waiting = this.#pending.get(id)
		this.#pending.delete(id)
		if (this.#pending.size === 0) this.#child.channel?.unref()
		if (error === undefined) waiting?.done(text)
		else waiting?.failed(new Error(error))
	}

	#failAll(error: Error): void {
		for (const { failed } of this.#pending.values()) failed(error)
		this.#pending.clear()
	}
}

/** A place of its own, in a process that holds its network namespace. */
export class Peer extends Place {
	readonly pid: number
	readonly #process: ChildProcess

	private constructor(child: ChildProcess, pid: number, ask: (call: Call) => Promise<Answer>) {
		super(ask)
		this.#process = child
		this.pid = pid
	}

	/** In a new network namespace, or where the command line leads that goes before the program's. */
	static async start(enter: readonly string[] = ['unshare', '--net', '--']): Promise<Peer> {
		const [program = '', ...words] = enter
		const child = spawn(program, [...words, process.execPath, PEER], {
			stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
		})
		const calls = new Calls(child)
		await calls.ready()
		const peer = new Peer(child, child.pid ?? 0, (call) => calls.ask(call))
		await peer.ip('link set lo up')
		return peer
	}

	end(): Promise<void> {
		return new Promise((resolve) => {
			if (this.#process.exitCode !== null) return resolve()
			this.#process.ref()
			this.#process.once('exit', () => resolve())
			this.#process.disconnect()
		})
	}
}

/** Moves this process for good into a network namespace of its own, so that all it does is done to a host of its own. */
export async function enterOwnNamespace(): Promise<Place> {
	const holder = await Peer.start()
	const namespace = openSync(`/proc/${holder.pid}/ns/net`, 'r')
	setNetns(namespace)
	closeSync(namespace)
	await holder.end()
	return new Place(answer)
}

export interface Bed {
	readonly host: Place
	readonly outside: Peer
	end(): Promise<void>
}

/** The host's eth0 leads to the outside, both with an address of each family, and is the default route. */
export async function makeBed(): Promise<Bed> {
	const [host, outside] = [await enterOwnNamespace(), await Peer.start()]
	await host.ip(
		`link add eth0 type veth peer name up0 netns ${outside.pid}`,
		`addr add ${HOST[4]}/24 dev eth0`,
		`addr add ${HOST[6]}/64 dev eth0 nodad`,
		'link set eth0 up',
		`route add default via ${OUTSIDE[4]}`,
		`route add default via ${OUTSIDE[6]} dev eth0`,
	)
	await outside.ip(`addr add ${OUTSIDE[4]}/24 dev up0`, `addr add ${OUTSIDE[6]}/64 dev up0 nodad`, 'link set up0 up')
	return { host, outside, end: () => outside.end() }
}

/** Of the network namespace in which this process is. */
export function setSysctl(key: string, value: string): void {
	writeFileSync(`/proc/sys/${key}`, value)
}
