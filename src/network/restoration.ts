/**
 * Makes true what is stored when weft starts. Nobody else would, so it is tried until it succeeds, and meanwhile whoever
 * needs it is told why it has not.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { WeftError, within } from '../errors.ts'

/** Milliseconds between two attempts; they double up to the longest. */
const FIRST_PAUSE = 1000
const LONGEST_PAUSE = 60_000

export class Restoration {
	/** Resolves when an attempt has succeeded, and fails where none will follow: nothing is held against what was not restored. */
	readonly done: Promise<void>
	readonly #failed: (error: unknown) => void
	readonly #pause: number
	readonly #ending = new AbortController()
	#state: 'restoring' | 'serving' | 'failed' = 'restoring'
	#last: Promise<void>
	#succeed: () => void = () => undefined
	#giveUp: (error: unknown) => void = () => undefined
	/** The attempts, one after the other. */
	#running: Promise<void> = Promise.resolve()

	/** `failed` is told of each attempt that fails. */
	constructor(failed: (error: unknown) => void, pause = FIRST_PAUSE) {
		this.#failed = failed
		this.#pause = pause
		this.done = new Promise((resolve, reject) => {
			this.#succeed = resolve
			this.#giveUp = reject
		})
		// Nobody may be waiting for it.
		this.done.catch(() => undefined)
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
		this.#running = this.#run(restore)
	}

	/** Waits for the attempt under way; there will be no other. */
	async close(): Promise<void> {
		this.#ending.abort()
		await this.#running
	}

	async #run(restore: () => Promise<void>): Promise<void> {
		const { signal } = this.#ending
		for (let pause = this.#pause; !signal.aborted; pause = Math.min(LONGEST_PAUSE, pause * 2)) {
			if (await this.#succeeds(restore)) return this.#succeed()
			await sleep(pause, undefined, { signal }).catch(() => undefined)
		}
		this.#giveUp(new WeftError('system', 'weft ends before its networks could be restored'))
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
