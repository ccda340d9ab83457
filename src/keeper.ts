/**
 * Keeps one thing as it should be: told that somebody may have broken it, it has it repaired, soon, once for all that it
 * is told meanwhile, and less often while somebody keeps breaking it. Whatever the time of day is set to. Imports nothing.
 */

/** Milliseconds after the first word for which others are awaited, as a program seldom makes one change only. */
const SETTLE = 100
/** Milliseconds between two looks, at least. */
const PAUSE = 1000
const LONGEST_PAUSE = 60_000
/** Repairs one after the other before the pause begins to grow, and milliseconds of peace after which it is as before. */
const PATIENCE = 10
const PEACE = 30_000
/** After so many failures in a row it waits until it is told again. */
const ATTEMPTS = 5

export interface Repair {
	/** Who did what, for people. */
	readonly cause: string
	/** What had to be done, for people. */
	readonly done: readonly string[]
	/** Milliseconds until the next look, where somebody keeps breaking it. */
	readonly pause?: number
}

/** Thrown by a repair of several things, of which some were put right and others could not be. */
export class PartlyRepaired extends AggregateError {
	readonly done: readonly string[]

	constructor(done: readonly string[], errors: readonly unknown[]) {
		super(errors)
		this.done = done
	}
}

export interface KeeperLog {
	repaired(repair: Repair): void
	failed(error: unknown, cause: string): void
}

export class Keeper {
	/** Puts right what is not, and says what that was. */
	readonly #repair: () => Promise<readonly string[]>
	readonly #log: KeeperLog
	readonly #settle: number
	#cause: string | undefined
	#timer: NodeJS.Timeout | undefined
	#running: Promise<void> | undefined
	#notBefore = 0
	#lastRepair = 0
	#streak = 0
	#failures = 0
	#closed = false

	constructor(repair: () => Promise<readonly string[]>, log: KeeperLog, settle = SETTLE) {
		this.#repair = repair
		this.#log = log
		this.#settle = settle
	}

	/** Something happened after which it may not be as it should be. */
	tell(cause: string): void {
		// The last: the first may be the repair before, of which is told as well.
		this.#cause = cause
		this.#schedule()
	}

	/** Waits for the look that is due, and has it at once: for who depends on what was told so far. Never fails. */
	async due(): Promise<void> {
		await this.#running
		if (this.#timer !== undefined) {
			clearTimeout(this.#timer)
			this.#start()
		}
		// Also of another who waits, and was first to start it.
		await this.#running
	}

	/** Waits for the repair under way; there will be no other. */
	async close(): Promise<void> {
		this.#closed = true
		clearTimeout(this.#timer)
		await this.#running
	}

	#schedule(): void {
		if (this.#closed || this.#timer !== undefined || this.#running !== undefined) return
		const wait = Math.max(this.#settle, this.#notBefore - performance.now())
		this.#timer = setTimeout(() => this.#start(), wait)
		this.#timer.unref()
	}

	#start(): void {
		this.#timer = undefined
		this.#running = this.#run().finally(() => {
			this.#running = undefined
			if (this.#cause !== undefined) this.#schedule()
		})
	}

	async #run(): Promise<void> {
		const cause = this.#cause ?? ''
		this.#cause = undefined
		try {
			const done = await this.#repair()
			this.#failures = 0
			this.#rest(done.length > 0)
			this.#tellOf(done, cause)
		} catch (error) {
			this.#failures++
			this.#rest(true)
			if (error instanceof PartlyRepaired) this.#tellOf(error.done, cause)
			this.#log.failed(error, cause)
			if (this.#failures < ATTEMPTS) this.#cause ??= cause
		}
	}

	#tellOf(done: readonly string[], cause: string): void {
		if (done.length > 0) this.#log.repaired({ cause, done, ...this.#growing() })
	}

	#rest(broken: boolean): void {
		const now = performance.now()
		if (broken) {
			this.#streak = now - this.#lastRepair > PEACE + this.#pause() ? 1 : this.#streak + 1
			this.#lastRepair = now
		}
		this.#notBefore = now + this.#pause()
	}

	#pause(): number {
		return Math.min(LONGEST_PAUSE, PAUSE * 2 ** Math.max(0, this.#streak - PATIENCE))
	}

	#growing(): { pause?: number } {
		return this.#streak > PATIENCE ? { pause: this.#pause() } : {}
	}
}
