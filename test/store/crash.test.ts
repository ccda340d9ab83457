/** Durability: a process that is killed while it commits loses nothing that was acknowledged, and leaves no half commit. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { lease } from '../contract/store.ts'
import { scratch, using } from './scratch.ts'

const ROUNDS = 6
const program = fileURLToPath(new URL('./commit-loop.js', import.meta.url))

test('every acknowledged commit survives SIGKILL at a random moment', async (t) => {
	const directory = await scratch(t)
	const acknowledged = new Set<string>()
	for (let round = 0; round < ROUNDS; round++) {
		for (const name of await commitUntilKilled(directory, round)) acknowledged.add(name)
		await using(directory, (store) => {
			const left = store.list('lease', 'left').map((each) => each.address)
			const right = store.list('lease', 'right').map((each) => each.address)
			assert.deepEqual(left, right, 'a commit came back in halves')
			assert.deepEqual(
				[...acknowledged].filter((name) => !left.includes(name)),
				[],
				'an acknowledged commit is lost',
			)
			// What was not acknowledged may be there: it was on its way, one for each of the four loops and each round.
			assert.ok(left.length <= acknowledged.size + 4 * (round + 1))
		})
	}
	assert.ok(acknowledged.size > ROUNDS * 4, `only ${acknowledged.size} commits were made`)
})

async function commitUntilKilled(directory: string, round: number): Promise<string[]> {
	const child = spawn(process.execPath, [program, directory, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] })
	const chunks: Buffer[] = []
	child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
	const closed = once(child, 'close')
	await once(child.stdout, 'data')
	await sleep(Math.random() * 150)
	child.kill('SIGKILL')
	const [code, signal] = await closed
	assert.equal(signal, 'SIGKILL', `the loop ended by itself with ${code}`)
	// The end of the last line may be missing: such a name is not known to be acknowledged.
	return Buffer.concat(chunks).toString().split('\n').slice(0, -1)
}

test('many parallel commits go to disk together and are all there after opening again', async (t) => {
	const directory = await scratch(t)
	const started = performance.now()
	await using(directory, async (store) => {
		await Promise.all(Array.from({ length: 2000 }, (_, n) => store.commit([lease('p', String(n))])))
		assert.equal(store.list('lease', 'p').length, 2000)
	})
	// One sync for each would take a second or more even on a fast disk; generous, for a busy machine.
	assert.ok(performance.now() - started < 5000)
	await using(directory, (store) => assert.equal(store.list('lease', 'p').length, 2000))
})

test('closing waits for what is on its way', async (t) => {
	const directory = await scratch(t)
	let commits: Promise<void>[] = []
	await using(directory, (store) => {
		commits = ['a', 'b', 'c'].map((name) => store.commit([lease('p', name)]))
	})
	await Promise.all(commits)
	await using(directory, (store) => assert.equal(store.list('lease', 'p').length, 3))
})
