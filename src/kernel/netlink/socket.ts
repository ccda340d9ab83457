/**
 * One netlink socket: a request goes out, its answers come in, errors carry the kernel's errno and own words. Serves
 * one call at a time (see pool.ts) and knows nothing of links or addresses.
 */
import { isErrno, WeftError } from '../../errors.ts'
import { closeFd, kernelError, openNetlink, receive, receiveMore, sendAll, setIntegerOption } from '../ffi.ts'
import { SOL_NETLINK } from './group.ts'
import {
	decodeMessages,
	encodeMessage,
	type Message,
	NLM_F_DUMP,
	NLM_F_DUMP_INTR,
	NLMSG_DONE,
	NLMSG_ERROR,
	outcome,
	type Request,
} from './message.ts'

const NETLINK_CAP_ACK = 10
const NETLINK_EXT_ACK = 11
const NETLINK_GET_STRICT_CHK = 12

/** The kernel fills dumps into at most 32 KiB at a time. */
const RECEIVE_BYTES = 64 * 1024
const DUMP_ATTEMPTS = 5

export interface Dump<T> {
	readonly found: T[]
	/** Something changed while the kernel listed it. */
	readonly interrupted: boolean
}

/** The first dump that was not interrupted, or the last of a few. */
export async function untilWhole<T>(dump: () => Promise<Dump<T>>): Promise<T[]> {
	for (let attempt = 1; ; attempt++) {
		try {
			const { found, interrupted } = await dump()
			if (!interrupted || attempt === DUMP_ATTEMPTS) return found
		} catch (error) {
			// The receive buffer ran over: what is left of this dump is worthless, a new one is not.
			if (!isErrno(error, 'ENOBUFS') || attempt === DUMP_ATTEMPTS) throw error
		}
	}
}

export class NetlinkSocket {
	readonly #buffer = Buffer.alloc(RECEIVE_BYTES)
	readonly #protocol: number
	#fd: number | undefined
	#sequence = 0

	/** `protocol` is one of linux/netlink.h. */
	constructor(protocol: number) {
		this.#protocol = protocol
	}

	/** Opens it in the network namespace of the calling thread, where it stays. */
	open(): void {
		const fd = openNetlink(this.#protocol)
		this.#fd = fd
		for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
			setIntegerOption(fd, SOL_NETLINK, option, 1)
		}
	}

	/** Not during a call: its thread would go on with a number that may by then be another file's. */
	close(): void {
		if (this.#fd !== undefined) closeFd(this.#fd)
		this.#fd = undefined
	}

	/** Asks for a change or for one object; the answers that came before the acknowledgement. */
	async request(request: Request): Promise<Message[]> {
		const sequence = await this.#send(request)
		const answers: Message[] = []
		for (;;) {
			for (const message of this.#receive(sequence)) {
				if (message.type !== NLMSG_ERROR) answers.push(message)
				else return accept(message, answers)
			}
		}
	}

	/**
	 * Asks for all objects of a kind. Where they changed while the kernel listed them, the list is taken anew; on a host
	 * that never rests the last one stands, which can lack or repeat what came or went meanwhile. What `read` makes of each
	 * is kept, and not the message: those of ten thousand links are tens of megabytes.
	 */
	dump<T>(request: Request, read: (message: Message) => T | undefined): Promise<T[]> {
		return untilWhole(() => this.#dumpOnce(request, read))
	}

	async #dumpOnce<T>(request: Request, read: (message: Message) => T | undefined): Promise<Dump<T>> {
		const sequence = await this.#send({ ...request, flags: request.flags | NLM_F_DUMP })
		const found: T[] = []
		let interrupted = false
		for (;;) {
			for (const message of await this.#receiveMore(sequence)) {
				interrupted ||= (message.flags & NLM_F_DUMP_INTR) !== 0
				if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR) {
					return { found: accept(message, found), interrupted }
				}
				const one = read(message)
				if (one !== undefined) found.push(one)
			}
		}
	}

	async #send(request: Request): Promise<number> {
		this.#drain()
		this.#sequence = (this.#sequence + 1) >>> 0
		const sequence = this.#sequence
		await sendAll(this.#descriptor(), encodeMessage(request, sequence))
		return sequence
	}

	/** Drops what a failed call left, so that the kernel takes a new dump and the buffer is empty for its answers. */
	#drain(): void {
		for (;;) {
			try {
				if (receive(this.#descriptor(), this.#buffer) === undefined) return
			} catch (error) {
				if (!isErrno(error, 'ENOBUFS')) throw error
			}
		}
	}

	#receive(sequence: number): Message[] {
		return this.#taken(receive(this.#descriptor(), this.#buffer), sequence)
	}

	async #receiveMore(sequence: number): Promise<Message[]> {
		return this.#taken(await receiveMore(this.#descriptor(), this.#buffer), sequence)
	}

	/** The kernel answers within send, so nothing on the socket means that there is no answer. */
	#taken(length: number | undefined, sequence: number): Message[] {
		if (length === undefined) throw new WeftError('system', 'the kernel gave no answer on netlink')
		if (length > this.#buffer.length) throw new WeftError('system', `netlink message of ${length} bytes is too long`)
		// Messages outlive the buffer, which the next receive overwrites.
		const messages = decodeMessages(Buffer.from(this.#buffer.subarray(0, length)))
		return messages.filter((message) => message.sequence === sequence)
	}

	#descriptor(): number {
		if (this.#fd === undefined) throw new WeftError('system', 'the netlink socket is not open')
		return this.#fd
	}
}

function accept<T>(end: Message, found: T[]): T[] {
	const { errno, detail } = outcome(end)
	if (errno !== 0) throw kernelError(errno, detail)
	return found
}
