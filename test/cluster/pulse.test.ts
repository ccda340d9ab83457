/** Work that is done again and again: when, and what is told of it. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Pulse } from '../../src/cluster/pulse.ts'
import { eventually } from '../support/eventually.ts'

function open(t: TestContext, work: () => Promise<unknown>, period: number) {
	const told: string[] = []
	const pulse = new Pulse(work, period, {
		failed: (error) => told.push(String(error)),
		well: () => told.push('well'),
	})
	pulse.open()
	t.after(() => pulse.close())
	return { pulse, told }
}

test('it is done at once, by the clock, and tells of the first success and failure in a row only', async (t) => {
	let times = 0
	const work = async () => {
		if (++times > 2 && times < 5) throw new Error(`failure ${times}`)
	}
	const { told } = open(t, work, 1)
	await eventually(() => times > 6)
	assert.deepEqual(told, ['well', 'Error: failure 3', 'well'])
})

test('it is done again at once for a reason, also one that comes while it is under way', async (t) => {
	let times = 0
	let finish = () => {}
	const work = () => {
		times++
		return new Promise<void>((resolve) => {
			finish = resolve
		})
	}
	const { pulse } = open(t, work, 3_600_000)
	assert.equal(times, 1)
	pulse.nudge()
	assert.equal(times, 1)
	finish()
	await eventually(() => times === 2)
	finish()
	await new Promise((resolve) => setTimeout(resolve, 250))
	assert.equal(times, 2)
	pulse.nudge()
	await eventually(() => times === 3)
	finish()
})

test('it ends with the work under way, and that this fails then is told to nobody', async (t) => {
	let fail = (_: Error) => {}
	const work = () => {
		return new Promise<void>((_, reject) => {
			fail = reject
		})
	}
	const { pulse, told } = open(t, work, 1)
	const closed = pulse.close()
	fail(new Error('broken off'))
	await closed
	assert.deepEqual(told, [])
})
