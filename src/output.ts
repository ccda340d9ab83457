/**
 * Standard output for a program that must not wait for it: a file, a pipe or a terminal, whose disk may be full, and whose reader may
 * have stopped to read, or be gone. What cannot be written is lost, and what comes after it is tried as ever.
 */
import { write, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const STDOUT = 1

/** Characters that wait at most, while a reader does not read; what is more is lost. */
const MOST = 1_048_576

/** Milliseconds until it is tried again, where somebody has set it so that it refuses instead of having a writer wait. */
const BUSY = 100

export class Output {
	#waiting = ''
	#writing: Promise<void> | undefined

	/** Whether nothing waits to be written; something may be on its way. */
	get isEmpty(): boolean {
		return this.#waiting === ''
	}

	add(text: string): void {
		if (this.#waiting.length + text.length <= MOST) this.#waiting += text
	}

	/** Until nothing waits any more, nor is on its way. */
	write(): Promise<void> {
		if (this.#writing === undefined && !this.isEmpty) this.#writing = this.#writeAll()
		return this.#writing ?? Promise.resolve()
	}

	async #writeAll(): Promise<void> {
		while (!this.isEmpty) await writeText(this.#take())
		this.#writing = undefined
	}

	/** At the end of the process. What is on its way then has been given to another thread, which may or may not come to it. */
	writeSync(): void {
		try {
			for (let rest = Buffer.from(this.#take()); rest.length > 0; ) rest = rest.subarray(writeSync(STDOUT, rest))
		} catch {
			// Nobody is left who could be told.
		}
	}

	#take(): string {
		const text = this.#waiting
		this.#waiting = ''
		return text
	}
}

async function writeText(text: string): Promise<void> {
	for (let rest = Buffer.from(text); rest.length > 0; ) {
		try {
			rest = rest.subarray(await writeSome(rest))
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
			await sleep(BUSY)
		}
	}
}

/** How many bytes were. */
function writeSome(bytes: Uint8Array): Promise<number> {
	return new Promise((resolve, reject) => {
		write(STDOUT, bytes, (error, count) => (error === null ? resolve(count) : reject(error)))
	})
}
