/**
 * Hears of legacy iptables, whose changes the kernel tells nobody: whoever makes one holds this file as a lock, and
 * closes it afterwards.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { openInotify, watchReadable } from './ffi.ts'
import { XTABLES_LOCK } from './host-files.ts'

/** struct inotify_event; one that concerns the file itself names no other. */
const EVENT = 16
const MASK_AT = 4
/** IN_CLOSE_WRITE and IN_CLOSE_NOWRITE */
const IN_CLOSE = 0x18
const IN_IGNORED = 0x8000

export class LegacyIptables {
	readonly #used: () => void
	readonly #path: string
	readonly #buffer = Buffer.alloc(64 * EVENT)
	#fd: number | undefined
	#unwatch: (() => void) | undefined

	constructor(used: () => void, path = XTABLES_LOCK) {
		this.#used = used
		this.#path = path
	}

	open(): void {
		// As iptables itself makes it when it runs for the first time.
		closeSync(openSync(this.#path, 'a', 0o600))
		const fd = openInotify(this.#path, IN_CLOSE)
		this.#fd = fd
		this.#unwatch = watchReadable(fd, () => this.#read(fd))
	}

	close(): void {
		this.#unwatch?.()
		if (this.#fd !== undefined) closeSync(this.#fd)
		this.#fd = undefined
	}

	#read(fd: number): void {
		const length = readSync(fd, this.#buffer)
		const events = Array.from({ length: length / EVENT }, (_, i) => this.#buffer.readUInt32LE(i * EVENT + MASK_AT))
		this.#used()
		// Somebody has deleted the file, and with it the watch.
		if (!events.some((mask) => (mask & IN_IGNORED) !== 0)) return
		this.close()
		this.open()
	}
}
