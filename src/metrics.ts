/** What weftd counts while it runs: Docker's calls and how long they took, and what had to be repaired. Held in memory. */
import type { Repair } from './keeper.ts'

/** Seconds: a call of Docker's is answered in milliseconds, and one that takes ten seconds is as good as lost. */
export const BOUNDS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export interface Call {
	/** The path without its slash, of the calls that there are; `unknown` for any other. */
	readonly method: string
	/** `ok`, or the code of the error. */
	readonly outcome: string
	readonly seconds: number
}

/** The calls of one method with one outcome. */
export interface CallCounts {
	readonly method: string
	readonly outcome: string
	/** Calls up to each of the bounds, and one more place for those that took longer; not added up. */
	readonly buckets: readonly number[]
	readonly seconds: number
}

export class Metrics {
	readonly #calls = new Map<string, { method: string; outcome: string; buckets: number[]; seconds: number }>()
	#done = 0
	#failed = 0
	#last: (Repair & { readonly at: Date }) | undefined

	called({ method, outcome, seconds }: Call): void {
		const key = `${method} ${outcome}`
		const counts = this.#calls.get(key) ?? { method, outcome, buckets: [...BOUNDS, 0].map(() => 0), seconds: 0 }
		const place = BOUNDS.findIndex((bound) => seconds <= bound)
		const bucket = place < 0 ? BOUNDS.length : place
		counts.buckets[bucket] = (counts.buckets[bucket] ?? 0) + 1
		counts.seconds += seconds
		this.#calls.set(key, counts)
	}

	repaired(repair: Repair): void {
		this.#done++
		this.#last = { ...repair, at: new Date() }
	}

	failed(): void {
		this.#failed++
	}

	get calls(): readonly CallCounts[] {
		return [...this.#calls.values()]
	}

	get repairs(): {
		readonly done: number
		readonly failed: number
		readonly last: (Repair & { at: Date }) | undefined
	} {
		return { done: this.#done, failed: this.#failed, last: this.#last }
	}
}
