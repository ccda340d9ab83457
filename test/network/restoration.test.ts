/** The restoration at the start: tried until it succeeds, and told to who asks. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { isCode, WeftError } from '../../src/errors.ts'
import { Restoration } from '../../src/network/restoration.ts'

it('is tried again until it succeeds, says why it has not, and is then over', async () => {
	const failures: string[] = []
	const told: unknown[] = []
	let tries = 0
	const restoration = new Restoration((error) => {
		failures.push(String(error))
		told.push(restoration.attempt().catch((reason: unknown) => reason))
	}, 1)
	assert.equal(restoration.state, 'restoring')
	const states: string[] = []
	restoration.begin(async () => {
		states.push(restoration.state)
		if (++tries < 3) throw new WeftError('system', `no netlink ${tries}`)
	})
	await restoration.done
	assert.deepEqual([tries, restoration.state, states], [3, 'serving', ['restoring', 'failed', 'failed']])
	assert.equal(failures.length, 2)
	assert.match(failures[0] ?? '', /weft could not restore its networks, and tries again: no netlink 1$/)
	const [reason] = await Promise.all(told)
	assert.ok(isCode(reason, 'system'))
	await restoration.attempt()
})

it('ends while it waits for the next attempt', async () => {
	let failed = (): void => undefined
	const failure = new Promise<void>((resolve) => (failed = resolve))
	const restoration = new Restoration(() => failed(), 1_000_000)
	restoration.begin(() => Promise.reject(new Error('never')))
	await failure
	await restoration.close()
	assert.equal(restoration.state, 'failed')
	await assert.rejects(restoration.done, /weft ends before its networks could be restored/)
})

it('ends with the attempt under way', async () => {
	let finish = (): void => undefined
	const restoration = new Restoration(() => assert.fail('it failed'))
	restoration.begin(() => new Promise((resolve) => (finish = resolve)))
	let closed = false
	const closing = restoration.close().then(() => (closed = true))
	await new Promise((resolve) => setImmediate(resolve))
	assert.equal(closed, false)
	finish()
	await closing
	assert.equal(restoration.state, 'serving')
})
