/** What is made of measured values: medians, and the ratio of weft to Docker's driver of the same run. Pure. */

/** weft, Docker's driver of the same mode, and what bounds them: a plugin that does nothing, and networks without work. */
export type Contender = 'weft' | 'docker' | 'floor' | 'none' | 'host'
export type Unit = '% of a CPU' | 'ms' | 'µs' | 'ns/byte' | 'Gbit/s' | '1/s' | 'MiB' | 'times' | 'keys'

export interface Value {
	readonly name: string
	readonly unit: Unit
	readonly value: number
}

/** One measurement of each contender again and again: element i of the one was taken next to element i of the others. */
export interface Series {
	readonly name: string
	readonly unit: Unit
	readonly samples: Partial<Record<Contender, readonly number[]>>
}

/** One row of the table. */
export interface Row {
	readonly name: string
	readonly unit: Unit
	readonly medians: Partial<Record<Contender, number>>
	/** Median of the ratios of neighbours, weft by Docker's driver; absent where only one of them was measured. */
	readonly ratio?: number
	/** First and third quartile of the same. */
	readonly spread?: readonly [number, number]
	/** How many times each was measured. */
	readonly runs: number
}

/** The value below which a share `q` of the values lies, between two neighbours where it falls between them. */
export function quantile(values: readonly number[], q: number): number {
	const sorted = values.toSorted((a, b) => a - b)
	const place = (sorted.length - 1) * q
	const [low = Number.NaN, high = low] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]]
	return low + (high - low) * (place - Math.floor(place))
}

export function median(values: readonly number[]): number {
	return quantile(values, 0.5)
}

export function summarize({ name, unit, samples }: Series): Row {
	const medians = Object.fromEntries(Object.entries(samples).map(([contender, all]) => [contender, median(all)]))
	const { weft = [], docker } = samples
	if (docker === undefined) return { name, unit, medians, runs: weft.length }
	const ratios = weft.map((each, i) => each / (docker[i] ?? Number.NaN))
	const spread = [quantile(ratios, 0.25), quantile(ratios, 0.75)] as const
	return { name, unit, medians, ratio: median(ratios), spread, runs: weft.length }
}

/** A figure of weft alone. */
export function alone(name: string, unit: Unit, values: readonly number[]): Row {
	return summarize({ name, unit, samples: { weft: values } })
}
