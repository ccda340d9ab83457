/**
 * One at a time, in order of arrival, for what the cluster is asked about. While it gives no answer nobody waits for a
 * silence of his own after that of the one before: a call of Docker's would take as many of them as there are before it.
 */
import { isCode } from '../errors.ts'

export class Turns {
	#last: Promise<unknown> | undefined

	/** Runs `work` when that before has ended. @throws WeftError `unreachable` as the one before did, without running `work` */
	async take<T>(work: () => Promise<T>): Promise<T> {
		const mine = this.#last === undefined ? work() : this.#last.then(work, orFail(work))
		this.#last = mine
		try {
			return await mine
		} finally {
			if (this.#last === mine) this.#last = undefined
		}
	}
}

function orFail<T>(work: () => Promise<T>): (error: unknown) => Promise<T> {
	return async (error) => {
		if (isCode(error, 'unreachable')) throw error
		return await work()
	}
}
