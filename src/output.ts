/**
 * Standard output for a program that must not wait for it: a file, a pipe, a socket or a terminal, whose disk may be full, and whose
 * reader may have stopped to read, or be gone. What cannot be written is lost, and what comes after it is tried as ever.
 */
import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { isatty } from 'node:tty'

const STDOUT = 1

/** Characters that wait at most, while a reader does not read; what is more is lost. */
const MOST = 1_048_576

/** Milliseconds until it is tried again, the first time and at most, where the reader has no room. */
const BUSY = { first: 1, most: 100 }

/** Milliseconds that the end of the process waits for a reader that takes nothing. */
const PATIENCE = 1000

export class Output {
	readonly #fd = openStdout()
	#waiting = ''
	/** Goes before what waits: what the reader had no room for. */
	#refused: Uint8Array = Buffer.alloc(0)
	#writing: Promise<void> | undefined
	#ending = false

	/** Whether nothing waits to be written; something may be on its way. */
	get isEmpty(): boolean {
		return this.#waiting === ''
	}

	add(text: string): void {
		if (this.#waiting.length + text.length <= MOST) this.#waiting += text
	}

	/** Begins, where it has not. */
	write(): void {
		if (this.#writing === undefined && !this.isEmpty && !this.#ending) this.#writing = this.#writeAll()
	}

	/** Until nothing is on its way. From then on only {@link writeSync} writes. */
	async settle(): Promise<void> {
		this.#ending = true
		await this.#writing
	}

	async #writeAll(): Promise<void> {
		let pause = BUSY.first
		while (!this.#ending && (this.#refused.length > 0 || !this.isEmpty)) {
			const bytes = this.#refused.length > 0 ? this.#refused : Buffer.from(this.#take())
			this.#refused = Buffer.alloc(0)
			try {
				this.#refused = bytes.subarray(await writeSome(this.#fd, bytes))
				pause = BUSY.first
			} catch (error) {
				if (!isBusy(error)) continue
				this.#refused = bytes
				await sleep(pause)
				pause = Math.min(2 * pause, BUSY.most)
			}
		}
		this.#writing = undefined
	}

	/**
	 * At the end of the process, for as long as the reader takes something. What is on its way then has been given to another
	 * thread, which may or may not come to it.
	 */
	writeSync(): void {
		const asleep = new Int32Array(new SharedArrayBuffer(4))
		let rest: Uint8Array = Buffer.concat([this.#refused, Buffer.from(this.#take())])
		for (let waited = 0; rest.length > 0 && waited < PATIENCE; ) {
			try {
				rest = rest.subarray(writeSync(this.#fd, rest))
				waited = 0
			} catch (error) {
				// Nobody is left who could be told.
				if (!isBusy(error)) return
				Atomics.wait(asleep, 0, 0, BUSY.first)
				waited += BUSY.first
			}
		}
	}

	#take(): string {
		const text = this.#waiting
		this.#waiting = ''
		return text
	}
}

/**
 * So that a write is refused where it would wait for a reader: neither the end of the process nor one of its threads could do
 * anything else meanwhile. Of a pipe or a terminal by a description of its own, since others have that of standard output, too.
 */
function openStdout(): number {
	try {
		const stat = fstatSync(STDOUT)
		if (stat.isFIFO() || isatty(STDOUT)) {
			return openSync('/proc/self/fd/1', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
		}
		// Cannot be opened again. Node sets the flag of what it has as a socket.
		if (stat.isSocket()) new Socket({ fd: STDOUT, readable: false }).unref()
	} catch {
		// As it is, then.
	}
	return STDOUT
}

function isBusy(error: unknown): boolean {
	return (error as NodeJS.ErrnoException).code === 'EAGAIN'
}

/** How many bytes were. */
function writeSome(fd: number, bytes: Uint8Array): Promise<number> {
	return new Promise((resolve, reject) => {
		write(fd, bytes, (error, count) => (error === null ? resolve(count) : reject(error)))
	})
}
