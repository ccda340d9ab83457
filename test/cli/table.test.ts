/** Tables, numbers and names as people read them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { amount, count, duration, facts, socketAddress, table } from '../../src/cli/table.ts'

describe('table', () => {
	it('aligns columns and leaves no blanks at the end of a line', () => {
		const text = table(
			['NAME', 'SIZE'],
			[
				['a', '1'],
				['longer', ''],
			],
		)
		assert.equal(text, 'NAME    SIZE\na       1\nlonger\n')
	})

	it('is its titles where there are no rows', () => {
		assert.equal(table(['A', 'B'], []), 'A  B\n')
	})

	it('has one line for each row, whatever is in it, and nothing that drives a terminal', () => {
		const rows = fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })))
		fc.assert(
			fc.property(rows, (all) => {
				const text = table(['A', 'B'], all)
				assert.equal(text.split('\n').length, all.length + 2)
				assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
			}),
		)
	})
})

describe('facts', () => {
	it('puts values below each other', () => {
		assert.equal(
			facts([
				['A', 'x'],
				['Long', 'y\u001b[31m'],
			]),
			'A:     x\nLong:  y?[31m\n',
		)
		assert.equal(facts([]), '')
	})
})

describe('numbers', () => {
	it('are said with their noun', () => {
		assert.deepEqual([count(0, 'port'), count(1, 'port'), count(2, 'port')], ['0 ports', '1 port', '2 ports'])
	})

	it('are rounded where nobody could use them', () => {
		assert.deepEqual([amount(254), amount(2 ** 64)], ['254', 'about 1.8e+19'])
	})

	it('of seconds are said in two units at most', () => {
		const said = [0, 59, 60, 3600, 3725, 86_400 + 3 * 3600 + 59].map(duration)
		assert.deepEqual(said, ['0 s', '59 s', '1 min', '1 h', '1 h 2 min', '1 d 3 h'])
	})

	it('of ports stand behind an address as in a URL', () => {
		assert.deepEqual([socketAddress('1.2.3.4', 80), socketAddress('::', 80)], ['1.2.3.4:80', '[::]:80'])
	})
})
