/** When a repair is made: soon, once for many words, seldom where somebody keeps breaking it, again after a failure. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { messageOf } from '../src/errors.ts'
import { Keeper, PartlyRepaired, type Repair } from '../src/keeper.ts'
import { passTime, setTimeOfDay, startClock, stopClock } from './support/clock.ts'

/** A thing that breaks, with its keeper, and a clock that only moves when told to. */
class Bench {
	broken = false
	failing = false
	looks = 0
	readonly repairs: Repair[] = []
	readonly failures: string[] = []
	readonly keeper = new Keeper(() => this.#repair(), {
		repaired: (repair) => this.repairs.push(repair),
		failed: (error, cause) => this.failures.push(`${cause}: ${String(error)}`),
	})

	async #repair(): Promise<readonly string[]> {
		this.looks++
		if (this.failing) throw new Error('no')
		const done = this.broken ? ['mended it'] : []
		this.broken = false
		return done
	}

	break(cause = 'somebody broke it'): void {
		this.broken = true
		this.keeper.tell(cause)
	}

	/** Breaks it and lets time pass until it is mended; the milliseconds that this took. */
	async mended(): Promise<number> {
		this.break()
		for (let waited = 0; ; waited += 10) {
			if (!this.broken) return waited
			assert.ok(waited < 120_000)
			await pass(10)
		}
	}
}

async function pass(milliseconds: number): Promise<void> {
	passTime(milliseconds)
	await new Promise(setImmediate)
}

describe('a keeper', () => {
	beforeEach(() => stopClock('setTimeout'))
	afterEach(startClock)

	it('repairs as soon after somebody has set the clock back as before', async () => {
		const bench = new Bench()
		await bench.mended()
		const wait = await bench.mended()
		setTimeOfDay(-86_400_000)
		assert.equal(await bench.mended(), wait)
	})

	it('repairs at once for somebody who waits for it', async () => {
		const bench = new Bench()
		await bench.keeper.due()
		assert.equal(bench.looks, 0)
		bench.break()
		await bench.keeper.due()
		assert.ok(!bench.broken)
		// Also when the pause since the last look is not over.
		bench.break()
		await bench.keeper.due()
		assert.deepEqual(
			bench.repairs.map(({ done }) => done),
			[['mended it'], ['mended it']],
		)
		bench.failing = true
		bench.break()
		await bench.keeper.due()
		assert.equal(bench.failures.length, 1)
		await bench.keeper.close()
	})

	it('lets all who wait for the same repair wait until it is done', async () => {
		let finish = (): void => undefined
		const slow = new Promise<readonly string[]>((resolve) => {
			finish = () => resolve([])
		})
		const keeper = new Keeper(() => slow, { repaired: () => undefined, failed: () => undefined })
		keeper.tell('somebody broke it')
		let over = 0
		const waiting = [1, 2, 3].map(() => keeper.due().then(() => over++))
		await pass(0)
		assert.equal(over, 0)
		finish()
		await Promise.all(waiting)
		assert.equal(over, 3)
	})

	it('repairs once for all that happens in a moment, and says who came last', async () => {
		const bench = new Bench()
		for (const who of ['nft', 'nft', 'iptables']) bench.break(`${who} broke it`)
		await pass(99)
		assert.equal(bench.looks, 0)
		await pass(1)
		assert.deepEqual(bench.repairs, [{ cause: 'iptables broke it', done: ['mended it'] }])
		await pass(60_000)
		assert.equal(bench.looks, 1)
	})

	it('only looks where nothing is broken, once a second at most', async () => {
		const bench = new Bench()
		for (let i = 0; i < 500; i++) {
			bench.keeper.tell('somebody changed something')
			await pass(10)
		}
		assert.deepEqual([bench.looks, bench.repairs], [5, []])
	})

	it('does not miss what happens while it repairs', async () => {
		const bench = new Bench()
		let end = (): void => undefined
		const keeper = new Keeper(
			() =>
				new Promise((resolve) => {
					bench.looks++
					end = () => resolve([])
				}),
			{ repaired: () => undefined, failed: () => undefined },
		)
		keeper.tell('first')
		await pass(100)
		keeper.tell('second')
		await pass(5000)
		assert.equal(bench.looks, 1)
		end()
		await pass(0)
		await pass(1000)
		assert.equal(bench.looks, 2)
	})

	it('waits longer and longer while somebody keeps breaking it, says so, and forgets it in peace', async () => {
		const bench = new Bench()
		for (let i = 0; i < 10; i++) assert.ok((await bench.mended()) <= 1000, `repair ${i}`)
		assert.ok(bench.repairs.every(({ pause }) => pause === undefined))
		for (let i = 0; i < 10; i++) await bench.mended()
		assert.deepEqual(
			bench.repairs.slice(10).map(({ pause }) => pause),
			[2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000, 60_000],
		)
		assert.equal(await bench.mended(), 60_000)
		await pass(100_000)
		assert.equal(await bench.mended(), 100)
		assert.equal(bench.repairs.at(-1)?.pause, undefined)
	})

	it('tries again after a failure, but not for ever', async () => {
		const bench = new Bench()
		bench.failing = true
		bench.break()
		for (let i = 0; i < 300; i++) await pass(100)
		assert.deepEqual(bench.failures, Array(5).fill('somebody broke it: Error: no'))
		bench.failing = false
		assert.equal(await bench.mended(), 100)
		bench.failing = true
		bench.break()
		await pass(1000)
		bench.failing = false
		await pass(1000)
		assert.equal(bench.broken, false)
	})

	it('counts what was put right beside what could not be, which is tried again', async () => {
		const [repairs, failures]: [Repair[], unknown[]] = [[], []]
		let looks = 0
		const keeper = new Keeper(
			async () => {
				looks++
				if (looks > 1) return ['mended the other']
				throw new PartlyRepaired(['mended one'], [new Error('not the other')])
			},
			{ repaired: (repair) => repairs.push(repair), failed: (error) => failures.push(error) },
		)
		keeper.tell('somebody broke both')
		await pass(100)
		assert.deepEqual([repairs.map(({ done }) => done), failures.map(messageOf)], [[['mended one']], ['not the other']])
		await pass(1000)
		assert.deepEqual([repairs.at(-1)?.done, failures.length], [['mended the other'], 1])
	})

	it('repairs nothing any more once it is closed, and waits for the repair under way', async () => {
		const bench = new Bench()
		bench.break()
		await bench.keeper.close()
		bench.break()
		await pass(10_000)
		assert.equal(bench.looks, 0)

		const order: string[] = []
		const slow = new Keeper(
			async () => {
				await new Promise(setImmediate)
				order.push('repaired')
				return []
			},
			{ repaired: () => undefined, failed: () => undefined },
		)
		slow.tell('somebody broke it')
		passTime(100)
		await slow.close()
		order.push('closed')
		assert.deepEqual(order, ['repaired', 'closed'])
	})
})
