/**
 * The sockets in a container's network namespace, looked at from outside. sock_diag tells which there are, and goes through
 * the kernel's tables of all namespaces for it (0.5 ms here); so it is asked only after a socket has ended there, or the
 * namespace's own counts of sockets have changed, which both are read in some microseconds.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { isErrno } from '../errors.ts'
import type { Family } from '../model/address.ts'
import type { Protocol } from '../model/network.ts'
import { moveUp } from './ffi.ts'
import { isFileError, PROC } from './host-files.ts'
import type { SharedLoopbacks } from './loopback-table.ts'
import { EndedSockets } from './netlink/ended-sockets.ts'
import type { Message } from './netlink/message.ts'
import { getListeners, type Listener, NETLINK_SOCK_DIAG, readListener } from './netlink/sock-diag.ts'
import { NetlinkSocket } from './netlink/socket.ts'
import { type Visit, visitor } from './netns.ts'
import { SandboxLoopback } from './sandbox-loopback.ts'

/** SCTP has no count, but a list, which there is only where the kernel has been asked for such a socket. */
const COUNTS = ['sockstat', 'sockstat6', 'sctp/eps']
/** Bytes; the counts have some 200, and a list that is longer shows what is new at its beginning. */
const LONGEST = 4096
const LISTS: readonly (readonly [Family, Protocol])[] = [
	[4, 'tcp'],
	[6, 'tcp'],
	[4, 'udp'],
	[6, 'udp'],
	[4, 'sctp'],
	[6, 'sctp'],
]

const buffer = Buffer.alloc(LONGEST)

/** Holds the namespace, also when all that was in it has ended, until it is closed. */
export class SandboxSockets {
	/** The index there of the link by which it was found. */
	readonly link: number
	readonly #namespace: number
	readonly #visit: Visit
	readonly #diag = new NetlinkSocket(NETLINK_SOCK_DIAG)
	readonly #ended = new EndedSockets()
	readonly #loopback: SandboxLoopback
	/** Descriptors of the counts, those that there are. */
	readonly #counts = new Map<string, number>()
	#seen = ''
	#underWay: Promise<unknown> = Promise.resolve()

	/** `namespace` is a descriptor of a network namespace, and closed with it; `name` is that of the link's end on the host. */
	constructor(namespace: number, link: number, name: string) {
		this.#namespace = moveUp(namespace)
		this.link = link
		this.#visit = visitor(this.#namespace)
		this.#loopback = new SandboxLoopback(this.#visit, link, name)
		try {
			this.#visit(() => {
				this.#diag.open()
				this.#ended.open()
			})
		} catch (error) {
			this.#diag.close()
			closeSync(this.#namespace)
			throw error
		}
	}

	/** Whether sockets have begun or ended since the last call. */
	stirred(): boolean {
		let seen = ''
		for (const [name, fd] of this.#counts) seen += this.#read(name, fd)
		const stirred = this.#ended.any() || seen === '' || seen !== this.#seen
		this.#seen = seen
		return stirred
	}

	/** All that wait for others. */
	listeners(): Promise<readonly Listener[]> {
		return this.#inTurn(() => this.#look())
	}

	/**
	 * From now on has of its loopback together with the host what is given. Costs nothing where that is the same as before. False
	 * while the container's link is down: to be tried again soon.
	 */
	share(shared: SharedLoopbacks): Promise<boolean> {
		return this.#inTurn(() => this.#loopback.share(shared))
	}

	/** Has nothing of it together any more: the container goes on without the network. */
	unshare(): Promise<void> {
		return this.#inTurn(() => this.#loopback.unshare())
	}

	/** After the calls under way. What the container has together with the host stays. */
	async close(): Promise<void> {
		await this.#underWay
		this.#diag.close()
		this.#ended.close()
		for (const fd of [...this.#counts.values(), this.#namespace]) closeSync(fd)
	}

	async #look(): Promise<Listener[]> {
		const found: Listener[] = []
		for (const [family, protocol] of LISTS) {
			const read = (message: Message) => readListener(protocol, message)
			found.push(...(await unlessUnknown(this.#diag.dump(getListeners(family, protocol), read))))
		}
		this.#openCounts()
		return found
	}

	#openCounts(): void {
		const missing = COUNTS.filter((name) => !this.#counts.has(name))
		if (missing.length === 0) return
		this.#visit(() => {
			for (const name of missing) {
				const fd = openCount(name)
				if (fd !== undefined) this.#counts.set(name, fd)
			}
		})
	}

	/** One that cannot be read any more, as when its protocol was unloaded, is opened again with the next look. */
	#read(name: string, fd: number): string {
		try {
			return readCounts(fd)
		} catch {
			this.#counts.delete(name)
			closeSync(fd)
			return ''
		}
	}

	#inTurn<T>(work: () => Promise<T>): Promise<T> {
		const done = this.#underWay.then(work)
		this.#underWay = done.catch(() => undefined)
		return done
	}
}

/** The counts of the calling thread's network namespace, wherever they are read. */
function openCount(name: string): number | undefined {
	try {
		return moveUp(openSync(`${PROC}/thread-self/net/${name}`, 'r'))
	} catch (error) {
		if (isFileError(error, 'ENOENT')) return undefined
		throw error
	}
}

/** Without the kernel's memory for sockets, which is counted for all namespaces together. */
function readCounts(fd: number): string {
	const text = buffer.toString('latin1', 0, readSync(fd, buffer, 0, LONGEST, 0))
	return text.includes('inuse') ? (text.match(/used? \d+/g) ?? []).join() : text
}

/** A kernel without a protocol, or without its list, says that there is no such thing. */
async function unlessUnknown(dump: Promise<Listener[]>): Promise<Listener[]> {
	try {
		return await dump
	} catch (error) {
		if (isErrno(error, 'ENOENT', 'EOPNOTSUPP', 'EPROTONOSUPPORT')) return []
		throw error
	}
}
