/**
 * Makes true what is stored when weft starts. Nobody else would, so it is tried until it succeeds, and meanwhile whoever
 * needs it is told why it has not.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { within } from '../errors.ts'

/** Milliseconds between two attempts; they double up to the longest. */
const FIRST_PAUSE = 1000
const LONGEST_PAUSE = 60_000

export class Restoration {
	/** Resolves when an attempt has succeeded, or none will follow. Never fails. */
	readonly done: Promise<void>
	readonly #failed: (error: unknown) => void
	readonly #pause: number
	readonly #ending = new AbortController()
	#state: 'restoring' | 'serving' | 'failed' = 'restoring'
	#last: Promise<void>
	#finish: () => void = () => undefined

	/** `failed` is told of each attempt that fails. */
	constructor(failed: (error: unknown) => void, pause = FIRST_PAUSE) {
		this.#failed = failed
		this.#pause = pause
		this.done = new Promise((resolve) => (this.#finish = resolve))
		this.#last = this.done
	}

	get state(): 'restoring' | 'serving' | 'failed' {
		return this.#state
	}

	/** Resolves when all is restored. @throws WeftError why that has failed, as long as the last attempt has. */
	attempt(): Promise<void> {
		return this.#last
	}

	begin(restore: () => Promise<void>): void {
		void this.#run(restore).then(this.#finish)
	}

	/** Waits for the attempt under way; there will be no other. */
	async close(): Promise<void> {
		this.#ending.abort()
		await this.done
	}

	async #run(restore: () => Promise<void>): Promise<void> {
		const { signal } = this.#ending
		for (let pause = this.#pause; !signal.aborted; pause = Math.min(LONGEST_PAUSE, pause * 2)) {
			if (await this.#succeeds(restore)) return
			await sleep(pause, undefined, { signal }).catch(() => undefined)
		}
	}

	async #succeeds(restore: () => Promise<void>): Promise<boolean> {
		this.#last = restore().catch((error: unknown) => {
			throw within('weft could not restore its networks, and tries again', error)
		})
		try {
			await this.#last
			this.#state = 'serving'
		} catch (error) {
			this.#state = 'failed'
			this.#failed(error)
		}
		return this.#state === 'serving'
	}
}
