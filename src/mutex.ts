/** One holder at a time for each key, in order of arrival: per network, per endpoint, per pool. Imports nothing. */
export class KeyedMutex {
	readonly #tails = new Map<string, Promise<unknown>>()

	/** Runs `work` when all earlier work on `key` has ended, also when that failed. */
	async run<T>(key: string, work: () => Promise<T>): Promise<T> {
		const before = this.#tails.get(key) ?? Promise.resolve()
		const mine = before.then(work, work)
		const tail = mine.catch(() => undefined)
		this.#tails.set(key, tail)
		try {
			return await mine
		} finally {
			if (this.#tails.get(key) === tail) this.#tails.delete(key)
		}
	}
}
