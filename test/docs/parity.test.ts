/** docs/parity.md is whole and true: no cell is empty, each test it names is there, and nothing of Docker's is left out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DOCKERS } from './dockers.ts'
import { assertTests, assertWhole, rowsOf } from './tables.ts'

const rows = rowsOf('parity.md')

test('every row says what Docker has, what that means and what weft has', () => {
	assertWhole(rows, 3)
	assert.ok(rows.length > 100, `${rows.length} rows`)
})

test('every test that is named is there, and everything else is a sentence', () => assertTests(rows))

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
