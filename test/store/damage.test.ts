/**
 * Damaged files: whatever byte of whatever file is wrong, the state is refused or complete, and never silently less.
 * Refused, it stays as it is: with the damage undone everything is there. The one exception is a log that ends early: that
 * is what a crash in the middle of a write leaves, of a commit that was never acknowledged.
 */
import assert from 'node:assert/strict'
import { cp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { WeftError } from '../../src/errors.ts'
import { LevelStore } from '../../src/store/level.ts'
import { lease } from '../contract/store.ts'
import { scratch, using } from './scratch.ts'

const COMMITS = 12
/** How many positions of a file are damaged, evenly spread, and every one of its last bytes. */
const SPREAD = 20
const LAST = 20

/** A state with records in a table and in the log, closed; returns its database directory. */
async function madeState(t: TestContext): Promise<string> {
	const directory = await scratch(t)
	for (const half of ['first', 'second']) {
		await using(directory, async (store) => {
			for (let n = 0; n < COMMITS / 2; n++) await store.commit([lease('p', `${half}-${n}`)])
		})
	}
	return directory
}

async function filesOf(directory: string, pattern: RegExp): Promise<string[]> {
	const names = await readdir(join(directory, 'db'))
	return names.filter((name) => pattern.test(name)).map((name) => join('db', name))
}

/** How many of the records are there, or in which words the state was refused. */
async function outcome(directory: string): Promise<number | string> {
	try {
		return await using(directory, (store) => store.list('lease', 'p').length)
	} catch (error) {
		assert.ok(error instanceof WeftError, `not in words for a person: ${(error as Error).stack}`)
		assert.match(error.message, new RegExp(`^the state in ${directory}.* `))
		assert.doesNotMatch(error.message, /\n/)
		return error.message
	}
}

function positions(length: number): number[] {
	const spread = Array.from({ length: SPREAD }, (_, i) => Math.floor((i * length) / SPREAD))
	const end = Array.from({ length: LAST }, (_, i) => length - 1 - i).filter((at) => at >= 0)
	return [...new Set([...spread, ...end])]
}

/** What opening says for each damaged copy of a file; each refusal is followed by undoing the damage. */
async function flipEach(t: TestContext, pattern: RegExp): Promise<{ refused: number; complete: number }> {
	const made = await madeState(t)
	const copy = join(await scratch(t), 'copy')
	const count = { refused: 0, complete: 0 }
	for (const file of await filesOf(made, pattern)) {
		const sound = await readFile(join(made, file))
		for (const at of positions(sound.length)) {
			await rm(copy, { recursive: true, force: true })
			await cp(made, copy, { recursive: true })
			const bytes = Buffer.from(sound)
			bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
			await writeFile(join(copy, file), bytes)
			const result = await outcome(copy)
			if (typeof result === 'number') {
				assert.equal(result, COMMITS, `${file} damaged at ${at}: opened with ${result} of ${COMMITS} records`)
				count.complete++
				continue
			}
			count.refused++
			assert.deepEqual(await readFile(join(copy, file)), bytes, `${file} damaged at ${at} was changed`)
			await writeFile(join(copy, file), sound)
			assert.equal(await outcome(copy), COMMITS, `${file} damaged at ${at}: undoing it did not help`)
		}
	}
	return count
}

test('the state that is damaged here is complete when it is not', async (t) => {
	const made = await madeState(t)
	assert.deepEqual((await filesOf(made, /\.(log|ldb)$/)).map((name) => name.slice(-3)).sort(), ['ldb', 'log'])
	assert.equal(await outcome(made), COMMITS)
})

test('a flipped bit in the log is always refused', async (t) => {
	const { refused, complete } = await flipEach(t, /\.log$/)
	assert.equal(complete, 0)
	assert.ok(refused >= SPREAD)
})

test('a flipped bit in the manifest is always refused', async (t) => {
	const { refused, complete } = await flipEach(t, /^MANIFEST/)
	assert.equal(complete, 0)
	assert.ok(refused >= LAST)
})

test('a flipped bit in CURRENT is always refused', async (t) => {
	const { refused, complete } = await flipEach(t, /^CURRENT$/)
	assert.equal(complete, 0)
	assert.ok(refused > 0)
})

test('a flipped bit in a table is refused, or where no record lies', async (t) => {
	const { refused, complete } = await flipEach(t, /\.ldb$/)
	assert.ok(refused >= 10 && complete > 0, `${refused} refused, ${complete} without effect`)
})

test('a file that is gone or empty is always refused, and no table goes with it', async (t) => {
	const made = await madeState(t)
	const copy = join(await scratch(t), 'copy')
	const spoilt = (await filesOf(made, /\.(log|ldb)$|^MANIFEST|^CURRENT$/)).flatMap((file) => [
		{ file, how: 'gone', spoil: () => rm(join(copy, file)) },
		{ file, how: 'empty', spoil: () => truncate(join(copy, file), 0) },
	])
	// An empty log is what a start leaves before its first commit.
	for (const { file, how, spoil } of spoilt.filter((each) => !(each.file.endsWith('.log') && each.how === 'empty'))) {
		await rm(copy, { recursive: true, force: true })
		await cp(made, copy, { recursive: true })
		await spoil()
		const tables = await filesOf(copy, /\.ldb$/)
		assert.equal(typeof (await outcome(copy)), 'string', `${file} ${how}: opened with fewer records`)
		const after = await filesOf(copy, /\.ldb$/)
		assert.deepEqual(
			tables.filter((name) => !after.includes(name)),
			[],
			`${file} ${how}`,
		)
	}
})

test('a state whose only log was emptied is not taken for a new one', async (t) => {
	const directory = await scratch(t)
	await using(directory, (store) => store.commit([lease('p', '1')]))
	for (const file of await filesOf(directory, /\.log$/)) await truncate(join(directory, file), 0)
	assert.equal(typeof (await outcome(directory)), 'string')
	assert.equal(typeof (await outcome(directory)), 'string')
})

test('a manifest that ends early is always refused', async (t) => {
	const made = await madeState(t)
	const [manifest = ''] = await filesOf(made, /^MANIFEST/)
	const length = (await readFile(join(made, manifest))).length
	const copy = join(await scratch(t), 'copy')
	for (let size = length - 1; size >= 0; size -= 4) {
		await rm(copy, { recursive: true, force: true })
		await cp(made, copy, { recursive: true })
		await truncate(join(copy, manifest), size)
		assert.equal(typeof (await outcome(copy)), 'string', `cut to ${size}`)
	}
})

test('a log that ends early has every commit up to there, each whole: that is a crash in the middle of a write', async (t) => {
	const made = await madeState(t)
	const [log = ''] = await filesOf(made, /\.log$/)
	const length = (await readFile(join(made, log))).length
	const copy = join(await scratch(t), 'copy')
	let before = COMMITS
	for (let size = length; size > 0; size -= 7) {
		await rm(copy, { recursive: true, force: true })
		await cp(made, copy, { recursive: true })
		await truncate(join(copy, log), size)
		const store = await LevelStore.open(copy)
		const there = store.list('lease', 'p').map((each) => each.address)
		await store.close()
		assert.ok(there.length <= before && there.length >= before - 1, `${there.length} after ${before} at ${size}`)
		const order = ['first', 'second'].flatMap((half) => [0, 1, 2, 3, 4, 5].map((n) => `${half}-${n}`))
		assert.deepEqual(new Set(there), new Set(order.slice(0, there.length)))
		before = there.length
	}
	assert.equal(before, COMMITS / 2)
})
