/**
 * Several users at once, whose commands come in any order, and a weft that is killed again and again, at any step of its start
 * or its work: at least as many times as WEFT_TEST_KILLS says. WEFT_TEST_SEED repeats a run.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { NetworkState } from '../contract/cnm-order-network.ts'
import { type Container, Docker } from './docker.ts'
import { assertKept, assertNothingLeft } from './promises.ts'
import { ROWS, type Row } from './rows.ts'
import { assertAgreed, Front, MortalWeft, sandboxesOf } from './weft.ts'
import { MANNERS, type Manner, MortalWire } from './wire.ts'

const KILLS = Number(process.env.WEFT_TEST_KILLS ?? 1000)
const SEED = Number(process.env.WEFT_TEST_SEED ?? Date.now() % 2 ** 31)

const front = new Front()

type Action = 'create' | 'run' | 'run on the shared one' | 'program' | 'stop' | 'remove'

interface Storm {
	/** Steps of one life after the other. */
	readonly lives: readonly number[]
	/** What dockerd does after one death after the other. */
	readonly manners: readonly Manner[]
	/** What each user does, one after the other. */
	readonly users: readonly (readonly Action[])[]
	readonly rows: readonly Row[]
}

interface Home {
	readonly network: NetworkState
	readonly row: Row
}

const action = fc.constantFrom<Action>('create', 'run', 'run', 'run on the shared one', 'program', 'stop', 'remove')

const storms: fc.Arbitrary<Storm> = fc.record({
	lives: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 20, maxLength: 20 }),
	manners: fc.array(fc.constantFrom(...MANNERS), { minLength: 20, maxLength: 20 }),
	users: fc.array(fc.array(action, { minLength: 3, maxLength: 8 }), { minLength: 1, maxLength: 4 }),
	rows: fc.array(fc.constantFrom(...ROWS), { minLength: 4, maxLength: 4 }),
})

class User {
	readonly #docker: Docker
	readonly #row: Row
	readonly #shared: Home
	readonly #containers: Container[] = []
	#own: Home | undefined
	#port: number

	constructor(number: number, docker: Docker, row: Row, shared: Home) {
		this.#docker = docker
		this.#row = row
		this.#shared = shared
		this.#port = 20_000 + 1000 * number
	}

	/** A command that fails, because weft was killed or something is missing, breaks no promise. */
	async do(action: Action): Promise<void> {
		await this.#try(action).catch((error: unknown) => {
			if (error instanceof assert.AssertionError) throw error
		})
	}

	async #try(action: Action): Promise<void> {
		const own = this.#own
		const [container] = this.#containers
		if (action === 'create') this.#own ??= { network: await this.#docker.create(this.#row.flags), row: this.#row }
		if (action === 'run on the shared one') await this.#run(this.#shared)
		if (action === 'run' && own !== undefined) await this.#run(own)
		if (action === 'program' && container !== undefined) await this.#docker.program(container, this.#ports(this.#row))
		if (action === 'stop' && container !== undefined) await this.#docker.stop(this.#containers.shift() ?? container)
		if (action === 'remove' && own !== undefined && this.#docker.containersOf(own.network).length === 0) {
			this.#own = undefined
			await this.#docker.remove(own.network)
		}
	}

	async #run({ network, row }: Home): Promise<void> {
		const era = this.#port % 4 === 0 ? '28' : '20.10'
		this.#containers.push(await this.#docker.run(network, era, this.#ports(row)))
	}

	#ports({ publishes }: Row): number[] {
		this.#port += 2
		return publishes ? [this.#port, this.#port + 1] : []
	}
}

/** How often weft was killed in it. */
async function play({ lives, manners, users, rows }: Storm): Promise<number> {
	const [deaths, ways] = [[...lives], [...manners]]
	let calm = true
	const weft = await MortalWeft.start(front, () => (calm ? undefined : deaths.shift()) ?? Number.POSITIVE_INFINITY)
	const wire = new MortalWire(weft, () => ways.shift() ?? 'whole')
	const docker = new Docker(wire, sandboxesOf(weft))
	const [row] = rows
	assert.ok(row)
	const shared = { network: await docker.create(row.flags), row }
	weft.started = () => assertKept(weft, docker)
	calm = false
	await weft.kill()
	const people = users.map((_, i) => new User(i, docker, rows[i] ?? row, shared))
	await Promise.all(
		users.map(async (actions, i) => {
			for (const action of actions) await people[i]?.do(action)
		}),
	)
	await docker.removeAll()
	calm = true
	await weft.kill()
	assertAgreed(weft)
	assertNothingLeft(weft, wire)
	return weft.deaths
}

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
