/** The tables of a page that name tests, and whether those are there. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// From dist/test/docs/ up to the repository.
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
/** A test's file below test/, without its endings, and its title. */
const REFERENCE = /^`([a-z\d-]+(?:\/[a-z\d-]+)?)` (.+)$/

export interface Row {
	readonly line: string
	readonly cells: readonly string[]
}

/** Of a page in docs/. */
export function textOf(page: string): string {
	return readFileSync(`${ROOT}docs/${page}`, 'utf8')
}

/** Without the heads of tables and the lines below them. */
export function rowsOf(page: string): Row[] {
	return textOf(page)
		.split('\n')
		.filter((line, index, lines) => line.startsWith('|') && !/^\|-/.test(line) && !/^\|-/.test(lines[index + 1] ?? ''))
		.map((line) => ({
			line,
			cells: line
				.slice(1, -1)
				.split('|')
				.map((cell) => cell.trim()),
		}))
}

/** Every row has this many cells, and none is empty. */
export function assertWhole(rows: readonly Row[], columns: number): void {
	const wrong = rows.filter(
		({ line, cells }) => !line.endsWith('|') || cells.length !== columns || cells.some((cell) => cell === ''),
	)
	assert.deepEqual(
		wrong.map(({ line }) => line),
		[],
	)
}

/** In the last cell of a row each part is a test that is there, or a sentence. */
export function assertTests(rows: readonly Row[]): void {
	const answers = rows.flatMap(({ cells }) => (cells.at(-1) ?? '').split('<br>'))
	const wrong = answers.filter((answer) => {
		const [, file = '', title = ''] = REFERENCE.exec(answer) ?? []
		return file === '' ? !/^[A-Za-z`].*\.$/.test(answer) : !titlesOf(file).includes(title)
	})
	assert.deepEqual(wrong, [])
}

const QUOTED = /'([^'\n]+)'|"([^"\n]+)"|`([^`\n]+)`/.source
const TITLE = new RegExp(`\\b(?:it|test|describe)\\(\\s*(?:${QUOTED})`, 'g')
/** The first word of a row of a table, before the command line that it stands for. */
const ROW = new RegExp(`\\[\\s*(?:${QUOTED}),\\s*\\[`, 'g')
/** Where a title takes the word of a row. */
const WORD = '$' + '{title}'

/** The titles of its tests and of their groups, as they stand there, and each with the words that its table has for it. */
function titlesOf(file: string): string[] {
	const path = [`${ROOT}test/${file}.test.ts`, `${ROOT}test/${file}.ts`].find(existsSync)
	if (path === undefined) return []
	const source = readFileSync(path, 'utf8')
	const words = quoted(source, ROW)
	return quoted(source, TITLE).flatMap((title) => [title, ...words.map((word) => title.replace(WORD, word))])
}

function quoted(source: string, pattern: RegExp): string[] {
	return Array.from(source.matchAll(pattern), ([, single, double, template]) => single ?? double ?? template ?? '')
}
