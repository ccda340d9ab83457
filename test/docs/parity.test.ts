/** docs/parity.md is whole and true: no cell is empty, each test it names is there, and nothing of Docker's is left out. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DOCKERS } from './dockers.ts'

// From dist/test/docs/ up to the repository.
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const COLUMNS = 3
/** A test's file below test/, without its endings, and its title. */
const REFERENCE = /^`([a-z\d-]+\/[a-z\d-]+)` (.+)$/

interface Row {
	readonly line: string
	readonly cells: readonly string[]
}

const text = readFileSync(`${ROOT}docs/parity.md`, 'utf8')

/** Without the heads of tables and the lines below them. */
const rows: Row[] = text
	.split('\n')
	.filter((line, index, lines) => line.startsWith('|') && !/^\|-/.test(line) && !/^\|-/.test(lines[index + 1] ?? ''))
	.map((line) => ({
		line,
		cells: line
			.slice(1, -1)
			.split('|')
			.map((cell) => cell.trim()),
	}))

const answers = rows.flatMap(({ line, cells }) => (cells[2] ?? '').split('<br>').map((answer) => ({ line, answer })))

test('every row says what Docker has, what that means and what weft has', () => {
	const wrong = rows.filter(
		({ line, cells }) => !line.endsWith('|') || cells.length !== COLUMNS || cells.some((cell) => cell === ''),
	)
	assert.deepEqual(
		wrong.map(({ line }) => line),
		[],
	)
	assert.ok(rows.length > 100, `${rows.length} rows`)
})

test('every test that is named is there, and everything else is a sentence', () => {
	const wrong = answers.filter(({ answer }) => {
		const [, file = '', title = ''] = REFERENCE.exec(answer) ?? []
		return file === '' ? !/^[A-Za-z`].*\.$/.test(answer) : !titlesOf(file).includes(title)
	})
	assert.deepEqual(
		wrong.map(({ answer }) => answer),
		[],
	)
})

test("every test and option of Docker's has its row, and one only", () => {
	const names = rows.flatMap(({ cells }) => Array.from((cells[0] ?? '').matchAll(/`([^`]+)`/g), ([, name]) => name))
	assert.deepEqual(
		DOCKERS.filter((name) => !names.includes(name)),
		[],
		'without a row',
	)
	assert.deepEqual(
		names.filter((name, index) => !DOCKERS.includes(name ?? '') || names.indexOf(name) !== index),
		[],
	)
})

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
