/** Work that is done again and again: by the clock, and at once when there is a reason. Tells when it begins to fail, and when that is over. */
import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds between two times, at least: reasons come in crowds. */
const REST = 100

export interface PulseListener {
	/** The first failure after it was well. */
	failed(error: unknown): void
	/** The first success, and the first after a failure. */
	well(): void
}

export class Pulse {
	readonly #work: () => Promise<unknown>
	readonly #listener: PulseListener
	readonly #period: number
	readonly #ending = new AbortController()
	#waiting = new AbortController()
	#beating: Promise<void> = Promise.resolve()
	#isWell: boolean | undefined

	/** `period` is in milliseconds, from the end of one time to the beginning of the next. */
	constructor(work: () => Promise<unknown>, period: number, listener: PulseListener) {
		this.#work = work
		this.#period = period
		this.#listener = listener
	}

	open(): void {
		this.#beating = this.#beat()
	}

	/** Again, soon: also where it is under way, which may be too late for the reason. */
	nudge(): void {
		this.#waiting.abort()
	}

	/** Waits for the work under way, which somebody else breaks off. */
	async close(): Promise<void> {
		this.#ending.abort()
		this.nudge()
		await this.#beating
	}

	async #beat(): Promise<void> {
		while (!this.#ending.signal.aborted) {
			this.#waiting = new AbortController()
			await this.#once()
			await pause(REST, this.#ending.signal)
			await pause(this.#period, this.#waiting.signal)
		}
	}

	async #once(): Promise<void> {
		try {
			await this.#work()
			if (this.#isWell !== true) this.#listener.well()
			this.#isWell = true
		} catch (error) {
			if (this.#isWell !== false && !this.#ending.signal.aborted) this.#listener.failed(error)
			this.#isWell = false
		}
	}
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
	await sleep(milliseconds, undefined, { signal }).catch(() => undefined)
}
