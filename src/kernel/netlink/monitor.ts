/** Tells of links that come, change and go, as the kernel says so: no thread and no timer waits for it. */
import { isErrno } from '../../errors.ts'
import { closeFd, openNetlink, receive, setIntegerOption, watchReadable } from '../ffi.ts'
import { type LinkInfo, RTM_DELLINK, RTM_NEWLINK, readLink } from './link.ts'
import { decodeMessages } from './message.ts'

const AF_UNSPEC = 0
const NETLINK_ROUTE = 0
const SOL_NETLINK = 270
const NETLINK_ADD_MEMBERSHIP = 1
const RTNLGRP_LINK = 1
const RECEIVE_BYTES = 64 * 1024

export interface LinkListener {
	changed(link: LinkInfo): void
	gone(link: LinkInfo): void
	/** More happened than the socket could hold: what is known of links must be taken anew. */
	lost(): void
}

export class LinkMonitor {
	readonly #buffer = Buffer.alloc(RECEIVE_BYTES)
	readonly #listener: LinkListener
	#fd: number | undefined
	#unwatch: (() => void) | undefined

	constructor(listener: LinkListener) {
		this.#listener = listener
	}

	/** In the network namespace of the calling thread. */
	open(): void {
		const fd = openNetlink(NETLINK_ROUTE)
		setIntegerOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_LINK)
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
				this.#read(Buffer.from(this.#buffer.subarray(0, Math.min(length, this.#buffer.length))))
			} catch (error) {
				if (!isErrno(error, 'ENOBUFS')) throw error
				// libuv stops watching a descriptor that reports an error.
				this.#watch(fd)
				this.#listener.lost()
			}
		}
	}

	#read(data: Buffer): void {
		for (const message of decodeMessages(data)) {
			// Of a bridge's family: a port that changes or leaves, with the same types.
			if (message.body[0] !== AF_UNSPEC) continue
			if (message.type === RTM_NEWLINK) this.#listener.changed(readLink(message))
			if (message.type === RTM_DELLINK) this.#listener.gone(readLink(message))
		}
	}
}
