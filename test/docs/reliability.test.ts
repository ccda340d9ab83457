/** docs/reliability.md is whole and true: no cell is empty, and each test it names is there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertTests, assertWhole, rowsOf } from './tables.ts'

const rows = rowsOf('reliability.md')

test('every fault has what the user sees, what weft does and a test', () => {
	assertWhole(rows, 4)
	assert.ok(rows.length > 30, `${rows.length} rows`)
})

test('every test that is named is there, and everything else is a sentence', () => assertTests(rows))
