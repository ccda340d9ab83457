/**
 * Several users at once, whose commands come in any order, and a weft that is killed again and again, at any step of its start
 * or its work: at least as many times as WEFT_TEST_KILLS says. WEFT_TEST_SEED repeats a run.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { startClock, stopClock } from '../support/clock.ts'
import { Docker } from './docker.ts'
import { assertKept, assertNothingLeft } from './promises.ts'
import { ROWS, type Row } from './rows.ts'
import { type Action, actions, User } from './user.ts'
import { assertAgreed, Front, MortalWeft, sandboxesOf } from './weft.ts'
import { MANNERS, type Manner, MortalWire } from './wire.ts'

const KILLS = Number(process.env.WEFT_TEST_KILLS ?? 1000)
const SEED = Number(process.env.WEFT_TEST_SEED ?? Date.now() % 2 ** 31)

const front = new Front()

interface Storm {
	/** Steps of one life after the other. */
	readonly lives: readonly number[]
	/** What dockerd does after one death after the other. */
	readonly manners: readonly Manner[]
	/** What each user does, one after the other. */
	readonly users: readonly (readonly Action[])[]
	readonly rows: readonly Row[]
}

const storms: fc.Arbitrary<Storm> = fc.record({
	lives: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 20, maxLength: 20 }),
	manners: fc.array(fc.constantFrom(...MANNERS), { minLength: 20, maxLength: 20 }),
	users: fc.array(fc.array(actions, { minLength: 3, maxLength: 8 }), { minLength: 1, maxLength: 4 }),
	rows: fc.array(fc.constantFrom(...ROWS), { minLength: 4, maxLength: 4 }),
})

/** How often weft was killed in it. */
async function play({ lives, manners, users, rows }: Storm): Promise<number> {
	const [deaths, ways] = [[...lives], [...manners]]
	let calm = true
	const weft = await MortalWeft.start(front, () => (calm ? undefined : deaths.shift()) ?? Number.POSITIVE_INFINITY)
	const wire = new MortalWire(weft, () => ways.shift() ?? 'whole')
	const docker = new Docker(wire, sandboxesOf(weft))
	const [row] = rows
	assert.ok(row)
	const shared = await docker.create(row)
	weft.started = () => assertKept(weft, docker)
	weft.docker = docker
	await weft.look()
	calm = false
	await weft.kill()
	const people = users.map((_, i) => new User(i, docker, [rows[i] ?? row], shared))
	await Promise.all(
		users.map(async (commands, i) => {
			for (const action of commands) {
				await people[i]?.do(action)
				await weft.look()
			}
		}),
	)
	await docker.removeAll()
	for (let round = 0; round < 3; round++) await weft.wait()
	calm = true
	await weft.kill()
	await weft.wait()
	assertAgreed(weft)
	assertNothingLeft(weft, wire)
	return weft.deaths
}

before(() => stopClock())
after(startClock)

test(`whatever users do while weft is killed ${KILLS} times, nothing is lost, left or given twice`, async (t) => {
	let kills = 0
	for (let seed = SEED; kills < KILLS; seed++) {
		t.diagnostic(`WEFT_TEST_SEED=${seed}, ${kills} kills before`)
		const property = fc.asyncProperty(storms, async (storm) => {
			kills += await play(storm)
		})
		await fc.assert(property, { seed, numRuns: 20 })
	}
	t.diagnostic(`${kills} kills`)
})
