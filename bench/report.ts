/** Tables in Markdown. Pure. */
import type { Row } from './figures.ts'
import { bound, isMet, TARGETS, type Target } from './targets.ts'

export interface Section {
	readonly name: string
	readonly rows: readonly Row[]
	readonly seconds: number
}

const COLUMNS = ['weft', 'docker', 'floor', 'none', 'host'] as const
const TITLES = { weft: 'weft', docker: 'Docker', floor: 'idle plugin', none: 'none', host: 'host' }

export function table(rows: readonly Row[]): string[] {
	const columns = COLUMNS.filter((column) => rows.some(({ medians }) => medians[column] !== undefined))
	const compared = rows.some(({ ratio }) => ratio !== undefined)
	const head = ['medians', 'unit', ...columns.map((column) => TITLES[column])]
	const heads = [...head, ...(compared ? ['ratio', 'quartiles'] : []), 'runs']
	const lines = rows.map(({ name, unit, medians, ratio, spread, runs }) => {
		const cells = [name, unit, ...columns.map((column) => figure(medians[column]))]
		const between = spread === undefined ? '' : `${spread[0].toFixed(2)} to ${spread[1].toFixed(2)}`
		return [...cells, ...(compared ? [ratio?.toFixed(2) ?? '', between] : []), String(runs)]
	})
	return [line(heads), `|${heads.map(() => '---|').join('')}`, ...lines.map(line)]
}

function line(cells: readonly string[]): string {
	return `| ${cells.join(' | ')} |`
}

/** Three digits that mean something. */
function figure(value: number | undefined): string {
	if (value === undefined) return ''
	return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

/** Those targets whose rows were measured. */
export function verdicts(rows: readonly Row[]): string[] {
	const lines = TARGETS.flatMap((target) => {
		const row = rows.find(({ name }) => name === target.row)
		const value = target.of === 'ratio' ? row?.ratio : row?.medians.weft
		return row === undefined || value === undefined ? [] : [verdict(target, row, value)]
	})
	return ['| target | bound | measured | result |', '|---|---|---|---|', ...lines]
}

function verdict(target: Target, { name, unit }: Row, value: number): string {
	const measured = target.of === 'ratio' ? value.toFixed(2) : `${figure(value)} ${unit}`
	return line([
		name,
		bound(target),
		measured,
		isMet(target, value) ? 'met' : ['Missed.', target.why].filter(Boolean).join(' '),
	])
}
