/**
 * A few netlink sockets shared by all callers in order of arrival. A call holds a thread of libuv's pool while the
 * kernel waits for RTNL, and the store needs threads of that pool too: hence few.
 */
import { WeftError } from '../../errors.ts'
import { NetlinkSocket } from './socket.ts'

export class SocketPool {
	readonly #protocol: number
	readonly #size: number
	#all: NetlinkSocket[] = []
	#idle: NetlinkSocket[] = []
	#waiting: ((socket: NetlinkSocket) => void)[] = []
	#open = false

	/** `protocol` is one of linux/netlink.h. */
	constructor(protocol: number, size: number) {
		this.#protocol = protocol
		this.#size = size
	}

	/** Opens the sockets in the network namespace of the calling thread. */
	open(): void {
		this.#all = Array.from({ length: this.#size }, () => new NetlinkSocket(this.#protocol))
		try {
			for (const socket of this.#all) socket.open()
		} catch (error) {
			for (const socket of this.#all) socket.close()
			throw error
		}
		this.#idle = [...this.#all]
		this.#open = true
	}

	/** Refuses new calls, waits for those that were accepted, then closes. */
	async close(): Promise<void> {
		const all = this.#all
		const inUse = this.#open ? all.map(() => this.#take()) : []
		this.#all = []
		this.#open = false
		await Promise.all(inUse)
		for (const socket of all) socket.close()
	}

	async use<T>(work: (socket: NetlinkSocket) => Promise<T>): Promise<T> {
		if (!this.#open) throw new WeftError('system', 'the netlink sockets are not open')
		const socket = await this.#take()
		try {
			return await work(socket)
		} finally {
			this.#give(socket)
		}
	}

	#take(): Promise<NetlinkSocket> {
		const socket = this.#idle.pop()
		return socket === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(socket)
	}

	#give(socket: NetlinkSocket): void {
		const next = this.#waiting.shift()
		if (next === undefined) this.#idle.push(socket)
		else next(socket)
	}
}
