/** The schemas are what TypeBox's own builders make of the same words, and Ajv reads them so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Type from 'typebox/type'
import { anything, array, boolean, integer, maybe, object, record, string } from '../../src/cnm/json-schema.ts'

test('schemas are those of TypeBox', () => {
	const mine = object({ id: string({ pattern: '^a$' }), list: array(integer({ minimum: 1 })), flag: boolean() })
	const theirs = Type.Object({
		id: Type.String({ pattern: '^a$' }),
		list: Type.Array(Type.Integer({ minimum: 1 })),
		flag: Type.Boolean(),
	})
	assert.deepEqual(mine, JSON.parse(JSON.stringify(theirs)))
})

test('a field that may be missing is not required, and may be null', () => {
	assert.deepEqual(object({ id: string(), more: maybe(string()) }), {
		type: 'object',
		properties: { id: { type: 'string' }, more: { type: 'string', nullable: true } },
		required: ['id'],
	})
})

test('an object with names of its own says what its values are, or nothing', () => {
	assert.deepEqual(record(string()), { type: 'object', additionalProperties: { type: 'string' } })
	assert.deepEqual(anything(), { type: 'object' })
})
