/** What is made of measured times: medians, and the ratio of weft to Docker's driver of the same run. Pure. */

/** A measurement of both drivers, interleaved: element i of the one was taken next to element i of the other. */
export interface Pair {
	readonly name: string
	/** Milliseconds. */
	readonly weft: readonly number[]
	readonly docker: readonly number[]
}

/** One row of the table. */
export interface Row {
	readonly name: string
	readonly weft: number
	readonly docker: number
	/** Median of weft by median of Docker's driver. */
	readonly ratio: number
	/** First and third quartile of the ratios of neighbours. */
	readonly spread: readonly [number, number]
	/** How many times each was measured. */
	readonly count: number
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

export function compare({ name, weft, docker }: Pair): Row {
	const ratios = weft.map((each, i) => each / (docker[i] ?? Number.NaN))
	return {
		name,
		weft: median(weft),
		docker: median(docker),
		ratio: median(weft) / median(docker),
		spread: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
		count: weft.length,
	}
}
