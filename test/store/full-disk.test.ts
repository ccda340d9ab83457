/** A disk that is full for a while, as a limit on the size of this process's files, which refuses in the middle of a write too. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, test } from 'node:test'
import { LevelStore } from '../../src/store/level.ts'
import { lease } from '../contract/store.ts'
import { scratch } from './scratch.ts'

function limit(bytes: number | 'unlimited'): void {
	execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:unlimited`])
}

/** How many were refused, each with an error that says why. */
async function commit(store: LevelStore, from: number, to: number, kept: Set<string>): Promise<number> {
	let refused = 0
	for (let number = from; number < to; number++) {
		const change = lease('p', `${number}`)
		const outcome = await store.commit([change]).catch((error: unknown) => error)
		if (outcome === undefined) kept.add(change.id)
		else {
			assert.match(String(outcome), /cannot write the state: .*File too large/)
			refused++
		}
	}
	return refused
}

function addresses(store: LevelStore): string[] {
	return store.list('lease', 'p').map(({ address }) => address)
}

after(() => limit('unlimited'))

test('what was refused is gone, what was kept stays, and it goes on when there is room again', async (t) => {
	for (const room of [1_000, 1_017, 1_100, 4_000, 33_000]) {
		const directory = await scratch(t)
		let store = await LevelStore.open(directory)
		const kept = new Set<string>()
		assert.equal(await commit(store, 0, 10, kept), 0)
		limit(room)
		assert.ok((await commit(store, 100, 500, kept)) > 0, `room of ${room} bytes`)
		assert.deepEqual(new Set(addresses(store)), kept)
		limit('unlimited')
		assert.equal(await commit(store, 1000, 1010, kept), 0)
		await store.close()
		store = await LevelStore.open(directory)
		assert.deepEqual(new Set(addresses(store)), kept)
		await store.close()
	}
})
