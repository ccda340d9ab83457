/** One at a time on the cluster, in order; and while it is silent nobody waits for more than one silence. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCode, WeftError } from '../../src/errors.ts'
import { Turns } from '../../src/ipam/turns.ts'

const silent = () => Promise.reject(new WeftError('unreachable', 'etcd gives no answer'))
const codes = (answers: readonly PromiseSettledResult<unknown>[]) =>
	answers.map((each) => (each.status === 'fulfilled' ? each.value : each.reason.code))

test('one runs at a time, in order, also after one that was refused', async () => {
	const turns = new Turns()
	const events: string[] = []
	const work =
		(name: string, refused = false) =>
		async () => {
			events.push(`${name} begins`)
			await new Promise(setImmediate)
			events.push(`${name} ends`)
			if (refused) throw new WeftError('exists', name)
			return name
		}
	const answers = await Promise.allSettled([work('a'), work('b', true), work('c')].map((each) => turns.take(each)))
	assert.deepEqual(codes(answers), ['a', 'exists', 'c'])
	assert.deepEqual(
		events,
		['a', 'b', 'c'].flatMap((name) => [`${name} begins`, `${name} ends`]),
	)
})

test('those who wait for one that gets no answer fail as it does, and whoever comes later asks again', async () => {
	const turns = new Turns()
	const asked: string[] = []
	const ask = (name: string) => () => {
		asked.push(name)
		return silent()
	}
	const answers = await Promise.allSettled(['a', 'b', 'c'].map((name) => turns.take(ask(name))))
	assert.deepEqual(codes(answers), ['unreachable', 'unreachable', 'unreachable'])
	assert.deepEqual(asked, ['a'])
	await assert.rejects(turns.take(ask('d')), (error) => isCode(error, 'unreachable'))
	assert.deepEqual(asked, ['a', 'd'])
	assert.equal(await turns.take(async () => 'e'), 'e')
})
