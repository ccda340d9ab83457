/** The one error class: what is kept when a layer adds its words, and what a person reads in the end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { invalid, isCode, isErrno, messageOf, WeftError, within } from '../src/errors.ts'

test("an error has its code, its message and, where there is one, its cause and the kernel's name", () => {
	const cause = new Error('deep')
	const error = new WeftError('system', 'create bridge', { cause, errno: 'EEXIST' })
	assert.ok(error instanceof Error)
	assert.deepEqual(
		[error.name, error.code, error.message, error.errno],
		['WeftError', 'system', 'create bridge', 'EEXIST'],
	)
	assert.equal(error.cause, cause)
	assert.equal('cause' in invalid('x'), false)
	assert.equal(invalid('x').code, 'invalid')
	assert.equal(invalid('x').errno, undefined)
})

test("errors are told apart by code and by the kernel's name, and others are none of them", () => {
	const error = new WeftError('in-use', 'taken', { errno: 'EADDRINUSE' })
	assert.ok(isCode(error, 'in-use'))
	assert.ok(isErrno(error, 'EEXIST', 'EADDRINUSE'))
	assert.ok(!isCode(error, 'exists') && !isErrno(error, 'EEXIST') && !isErrno(error))
	for (const other of [new Error('x'), { code: 'in-use', errno: 'EADDRINUSE' }, undefined, null, 'in-use']) {
		assert.ok(!isCode(other, 'in-use') && !isErrno(other, 'EADDRINUSE'))
	}
	assert.ok(!isErrno(invalid('x'), 'undefined'))
})

test("a layer puts its words in front and keeps code, kernel's name and cause", () => {
	const inner = new WeftError('in-use', 'File exists', { errno: 'EEXIST' })
	const outer = within('endpoint ab12', within('create bridge weft0', inner))
	assert.equal(outer.message, 'endpoint ab12: create bridge weft0: File exists')
	assert.ok(isCode(outer, 'in-use') && isErrno(outer, 'EEXIST'))
	assert.equal((outer.cause as Error).cause, inner)
	assert.equal(within('x', invalid('y')).errno, undefined)
})

test("what is not weft's own becomes a failure of the system", () => {
	for (const [thrown, message] of [
		[new TypeError('boom'), 'open: boom'],
		['text', 'open: text'],
		[undefined, 'open: undefined'],
		[new AggregateError([new Error('a'), new AggregateError(['b', new Error('c')])]), 'open: a; b; c'],
	] as const) {
		const error = within('open', thrown)
		assert.deepEqual([error.code, error.message, error.cause], ['system', message, thrown])
	}
})

test('a person reads the message, of an aggregate every one, once', () => {
	assert.equal(messageOf(new Error('a')), 'a')
	assert.equal(messageOf(new AggregateError([new Error('a'), 'b'], 'hidden')), 'a; b')
	assert.equal(messageOf(new AggregateError([new Error('a'), 'b', new Error('a')])), 'a; b')
	for (const [thrown, text] of [
		[42, '42'],
		[null, 'null'],
		[{}, '[object Object]'],
	] as const)
		assert.equal(messageOf(thrown), text)
})
