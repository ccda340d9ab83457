/** Rounds in which each contender is measured once, one after the other, so that whatever else the machine does meets all. */
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Contender, type Row, summarize, type Unit, type Value } from './figures.ts'

export interface Plan {
	/** How many count. */
	readonly rounds: number
	/** How many come before and do not; default 1. */
	readonly warmUps?: number
}

/** `measure` gives the same values, by name and order, each time. */
export async function interleave<C extends Contender>(
	contenders: readonly C[],
	{ rounds, warmUps = 1 }: Plan,
	measure: (contender: C) => Promise<readonly Value[]>,
): Promise<Row[]> {
	const all = new Map<string, { unit: Unit; samples: Partial<Record<Contender, number[]>> }>()
	for (let round = -warmUps; round < rounds; round++) {
		for (const contender of contenders) {
			const values = await measure(contender)
			if (round < 0) continue
			for (const { name, unit, value } of values) {
				const series = all.get(name) ?? { unit, samples: {} }
				series.samples[contender] = [...(series.samples[contender] ?? []), value]
				all.set(name, series)
			}
		}
	}
	return Array.from(all, ([name, series]) => summarize({ name, ...series }))
}

/**
 * Milliseconds that `work` takes. The kernel's grace periods end with its ticks, and so does what waits for them: started
 * right after another, a measurement would always meet the same tick. The pause is of 20 ms and a random part of a few ticks.
 */
export async function timed(work: () => Promise<unknown>): Promise<number> {
	await sleep(20)
	const late = performance.now() + Math.random() * 12
	while (performance.now() < late);
	const start = performance.now()
	await work()
	return performance.now() - start
}
