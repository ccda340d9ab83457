/** One holder at a time for each key, in order of arrival, different keys side by side, whatever the work does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { KeyedMutex } from '../src/mutex.ts'

test('whatever the schedule: one at a time for a key, in order of arrival, also past failures', async () => {
	await fc.assert(
		fc.asyncProperty(
			fc.scheduler(),
			fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), fails: fc.boolean() }), { maxLength: 12 }),
			async (scheduler, jobs) => {
				const mutex = new KeyedMutex()
				const busy = new Set<string>()
				const ended: Record<string, number[]> = {}
				const work = (key: string, fails: boolean, n: number) => async () => {
					assert.ok(!busy.has(key), `two hold ${key}`)
					busy.add(key)
					await scheduler.schedule(Promise.resolve(), key)
					busy.delete(key)
					ended[key] = [...(ended[key] ?? []), n]
					if (fails) throw new Error(String(n))
					return n
				}
				const results = Promise.allSettled(jobs.map(({ key, fails }, n) => mutex.run(key, work(key, fails, n))))
				await scheduler.waitFor(results)
				const answers = (await results).map((each) =>
					each.status === 'fulfilled' ? each.value : Number(each.reason.message),
				)
				assert.deepEqual(
					answers,
					jobs.map((_, n) => n),
				)
				for (const order of Object.values(ended))
					assert.deepEqual(
						order,
						[...order].sort((a, b) => a - b),
					)
			},
		),
	)
})

test('different keys do not wait for each other', async () => {
	const mutex = new KeyedMutex()
	let release = () => {}
	const slow = mutex.run(
		'slow',
		() =>
			new Promise<void>((done) => {
				release = done
			}),
	)
	assert.equal(await mutex.run('other', async () => 'done'), 'done')
	release()
	await slow
})

test('work that throws at once fails its own caller and nobody else', async () => {
	const mutex = new KeyedMutex()
	const thrown = mutex.run('k', () => {
		throw new Error('at once')
	})
	const after = mutex.run('k', async () => 'next')
	await assert.rejects(thrown, /at once/)
	assert.equal(await after, 'next')
})
