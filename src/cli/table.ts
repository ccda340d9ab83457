/** Text for a terminal: tables with aligned columns, and lines of a name and a value. Pure. */

/** One line for each row, below the titles; the last column is not padded. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
	const all = [titles, ...rows].map((row) => row.map(plain))
	const widths = titles.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
	return all.map((row) => lineOf(row, widths)).join('')
}

/** One line for each pair, values below each other; one without a name goes on with the pair before. */
export function facts(pairs: readonly (readonly [name: string, value: string])[]): string {
	const widths = [Math.max(0, ...pairs.map(([name]) => name.length + 1)), 0]
	return pairs.map(([name, value]) => lineOf([name === '' ? '' : `${name}:`, plain(value)], widths)).join('')
}

function lineOf(cells: readonly string[], widths: readonly number[]): string {
	return `${cells
		.map((cell, column) => cell.padEnd(widths[column] ?? 0))
		.join('  ')
		.trimEnd()}\n`
}

/** Names come from elsewhere, and must not drive the terminal. */
export function plain(text: string): string {
	return text.replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '?')
}

/** The beginning of an id, as Docker shows it. */
export function short(id: string): string {
	return id.slice(0, 12)
}

/** A name where there is one, or else the beginning of the id. */
export function called(name: string | null, id: string): string {
	return name ?? short(id)
}

export function count(number: number, noun: string, plural = `${noun}s`): string {
	return `${number} ${number === 1 ? noun : plural}`
}

/** As it is written in a URL: IPv6 in brackets. */
export function socketAddress(address: string, port: number): string {
	return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** Addresses of an IPv6 subnet are too many for their number to be of use. */
export function amount(number: number): string {
	return number > 1_000_000_000 ? `about ${number.toExponential(1)}` : String(number)
}

/** Of seconds, in its two largest units. */
export function duration(seconds: number): string {
	const units = [
		['d', 86_400],
		['h', 3600],
		['min', 60],
		['s', 1],
	] as const
	const first = units.findIndex(([, size]) => seconds >= size)
	if (first < 0) return '0 s'
	let rest = seconds
	const parts = units.slice(first, first + 2).map(([unit, size]) => {
		const whole = Math.floor(rest / size)
		rest %= size
		return `${whole} ${unit}`
	})
	return parts.filter((part) => !part.startsWith('0 ')).join(' ')
}
