/** Hears what the kernel tells of changes on netlink's groups: no thread and no timer waits for it. */
import { isErrno } from '../../errors.ts'
import { attachFilter, closeFd, openNetlink, receive, watchReadable } from '../ffi.ts'
import { joinGroup } from './group.ts'
import { decodeMessages, type Message } from './message.ts'

const RECEIVE_BYTES = 64 * 1024

export interface MessageListener {
	heard(message: Message): void
	/** More happened than the socket could hold: what was learnt so far must be learnt anew. */
	lost(): void
}

export class Monitor {
	readonly #buffer = Buffer.alloc(RECEIVE_BYTES)
	readonly #protocol: number
	readonly #groups: readonly number[]
	readonly #listener: MessageListener
	readonly #types: readonly number[]
	#fd: number | undefined
	#unwatch: (() => void) | undefined

	/** Only messages of these types are heard; of all, where none is named. */
	constructor(protocol: number, groups: readonly number[], listener: MessageListener, types: readonly number[] = []) {
		this.#types = types
		this.#protocol = protocol
		this.#groups = groups
		this.#listener = listener
	}

	/** In the network namespace of the calling thread. What the sockets with the netlink ports `deafTo` cause is not heard. */
	open(deafTo: readonly number[] = []): void {
		const fd = openNetlink(this.#protocol)
		if (deafTo.length + this.#types.length > 0) attachFilter(fd, filter(this.#types, deafTo))
		for (const group of this.#groups) joinGroup(fd, group)
		this.#fd = fd
		this.#watch(fd)
	}

	close(): void {
		this.#unwatch?.()
		if (this.#fd !== undefined) closeFd(this.#fd)
		this.#fd = undefined
	}

	#watch(fd: number): void {
		this.#unwatch?.()
		this.#unwatch = watchReadable(fd, () => this.#drain(fd))
	}

	#drain(fd: number): void {
		for (;;) {
			try {
				const length = receive(fd, this.#buffer)
				if (length === undefined) return
				const data = Buffer.from(this.#buffer.subarray(0, Math.min(length, this.#buffer.length)))
				for (const message of decodeMessages(data)) this.#listener.heard(message)
			} catch (error) {
				if (!isErrno(error, 'ENOBUFS')) throw error
				// libuv stops watching a descriptor that reports an error.
				this.#watch(fd)
				this.#listener.lost()
			}
		}
	}
}

const LOAD_WORD = 0x20
const LOAD_HALF = 0x28
const JUMP_IF_EQUAL = 0x15
const RETURN = 0x06
const PASS = 0xffffffff
/** In a message's header: its type, and the netlink port of who asked for the change. A load swaps the bytes of a number. */
const TYPE_AT = 4
const PORT_AT = 12

function instruction(code: number, jumpTrue: number, k: number): Buffer {
	const bytes = Buffer.alloc(8)
	bytes.writeUInt16LE(code, 0)
	bytes.writeUInt8(jumpTrue, 2)
	bytes.writeUInt32LE(k, 4)
	return bytes
}

function filter(types: readonly number[], deafTo: readonly number[]): Buffer {
	return Buffer.concat([...passOnly(types), ...filterOut(deafTo)])
}

/** Drops a message of another type before it takes a place in the buffer or wakes anybody; goes on with one of these. */
function passOnly(types: readonly number[]): Buffer[] {
	if (types.length === 0) return []
	const swapped = (type: number): number => Buffer.from(Uint16Array.of(type).buffer).readUInt16BE()
	return [
		instruction(LOAD_HALF, 0, TYPE_AT),
		...types.map((type, i) => instruction(JUMP_IF_EQUAL, types.length - i, swapped(type))),
		instruction(RETURN, 0, 0),
	]
}

/** The same of a message that comes of one of the ports. */
function filterOut(ports: readonly number[]): Buffer[] {
	const swapped = (port: number): number => Buffer.from(Uint32Array.of(port).buffer).readUInt32BE()
	return [
		instruction(LOAD_WORD, 0, PORT_AT),
		...ports.map((port, i) => instruction(JUMP_IF_EQUAL, ports.length - i, swapped(port))),
		instruction(RETURN, 0, PASS),
		instruction(RETURN, 0, 0),
	]
}
