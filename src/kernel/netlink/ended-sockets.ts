/** Tells that sockets have ended in a network namespace: where as many began meanwhile, there are as many as before. See linux/sock_diag.h. */
import { isErrno } from '../../errors.ts'
import { closeFd, openNetlink, receive, SOL_SOCKET, setIntegerOption } from '../ffi.ts'
import { joinGroup } from './group.ts'
import { NETLINK_SOCK_DIAG } from './sock-diag.ts'

const SO_RCVBUF = 8
/** SKNLGRP_INET_TCP_DESTROY, then UDP's, then both of IPv6. There is none for SCTP. */
const GROUPS = [1, 2, 3, 4]

export class EndedSockets {
	readonly #into = Buffer.alloc(1)
	#fd: number | undefined

	/** Of the calling thread's network namespace. */
	open(): void {
		const fd = openNetlink(NETLINK_SOCK_DIAG)
		// One message says it all: with the least room that there is, the kernel soon leaves out the others.
		setIntegerOption(fd, SOL_SOCKET, SO_RCVBUF, 1)
		for (const group of GROUPS) joinGroup(fd, group)
		this.#fd = fd
	}

	/** Whether any has ended since the last call. */
	any(): boolean {
		let any = false
		while (this.#take()) any = true
		return any
	}

	close(): void {
		if (this.#fd !== undefined) closeFd(this.#fd)
		this.#fd = undefined
	}

	#take(): boolean {
		if (this.#fd === undefined) return false
		try {
			return receive(this.#fd, this.#into) !== undefined
		} catch (error) {
			if (isErrno(error, 'ENOBUFS')) return true
			throw error
		}
	}
}
