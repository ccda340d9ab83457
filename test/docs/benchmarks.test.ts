/** docs/benchmarks.md has each target: met in the run that it tells of, or with what stands in the way. No figure is held. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bound, TARGETS } from '../../bench/targets.ts'
import { rowsOf } from './tables.ts'

const rows = rowsOf('benchmarks.md').filter(({ cells }) => /^[<>]= /.test(cells[1] ?? ''))

test('every target of make bench has its row, with its bound', () => {
	const missing = TARGETS.filter(
		(target) => !rows.some(({ cells: [row, text] }) => row === target.row && text === bound(target)),
	)
	assert.ok(TARGETS.length > 20)
	assert.deepEqual(
		missing.map(({ row }) => row),
		[],
	)
})

test('a target is met, or a sentence says why not', () => {
	const wrong = rows.filter(({ cells }) => cells[3] !== 'met' && !/^[A-Z].{20,}\.$/.test(cells[3] ?? ''))
	assert.deepEqual(
		wrong.map(({ line }) => line),
		[],
	)
})
