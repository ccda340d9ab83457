/** The store's contract, on LevelDB and on the twin in memory that the tests of other parts use. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCode } from '../../src/errors.ts'
import { pool, storeContract } from '../contract/store.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { freshStore } from './scratch.ts'

storeContract('LevelDB', freshStore)
storeContract('memory', async () => new MemoryStore())

test('the store in memory refuses while it is told to, and nothing of that commit stays', async () => {
	const store = new MemoryStore()
	store.failure = new Error('no space left on device')
	await assert.rejects(store.commit([pool('p')]), (error) => isCode(error, 'system') && /no space/.test(error.message))
	store.failure = undefined
	assert.equal(store.get('pool', '', 'p'), undefined)
	await store.commit([pool('p')])
	assert.notEqual(store.get('pool', '', 'p'), undefined)
})
