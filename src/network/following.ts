/**
 * Hears from Docker what happens to containers, while somebody wants to know: once more when that breaks off although dockerd runs. A
 * dockerd that is off is not asked, since a socket of systemd's would start it: see docker/README.md.
 */

/** Milliseconds until it is tried again, which double where it breaks off again before the longest of them is over. */
const PAUSE = 1000
const LONGEST_PAUSE = 60_000

export interface Told {
	/** Calls `heard` at its beginning, and whenever something may have changed, until it returns or fails. */
	follow(heard: () => void, ending: AbortSignal): Promise<void>
	/** Whether dockerd runs, as far as can be seen without asking it. */
	isThere(): Promise<boolean>
}

export class Following {
	readonly #told: Told
	readonly #heard: () => void
	readonly #failed: (error: unknown) => void
	#ending: AbortController | undefined
	#over: Promise<void> = Promise.resolve()
	#again: NodeJS.Timeout | undefined
	#pause = PAUSE
	#isWanted = false

	constructor(told: Told, heard: () => void, failed: (error: unknown) => void) {
		this.#told = told
		this.#heard = heard
		this.#failed = failed
	}

	/** Whether Docker is telling, or is being asked to. */
	isOpen(): boolean {
		return this.#ending !== undefined
	}

	/** Asks, if that is not so, on behalf of somebody who knows dockerd to be there. */
	open(): void {
		clearTimeout(this.#again)
		this.#isWanted = true
		if (this.#ending !== undefined) return
		const ending = new AbortController()
		const began = performance.now()
		this.#ending = ending
		this.#over = this.#told
			.follow(this.#heard, ending.signal)
			.catch(this.#failed)
			.finally(() => {
				if (this.#ending !== ending) return
				this.#ending = undefined
				this.#pause = performance.now() - began > LONGEST_PAUSE ? PAUSE : this.#pause
				this.#rest()
			})
	}

	/** Asks as soon as dockerd is seen, on behalf of somebody who does not know whether it is there. */
	async resume(): Promise<void> {
		this.#isWanted = true
		await this.#resume()
	}

	/** Nobody wants to know any more, until it is opened again. */
	async close(): Promise<void> {
		clearTimeout(this.#again)
		this.#isWanted = false
		this.#ending?.abort()
		this.#ending = undefined
		this.#pause = PAUSE
		await this.#over
	}

	#rest(): void {
		this.#again = setTimeout(() => void this.#resume(), this.#pause)
		this.#again.unref()
		this.#pause = Math.min(LONGEST_PAUSE, this.#pause * 2)
	}

	async #resume(): Promise<void> {
		const isThere = await this.#told.isThere().catch(() => false)
		if (!this.#isWanted || this.isOpen()) return
		if (isThere) this.open()
		else this.#rest()
	}
}
