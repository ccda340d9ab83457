/** The check of LevelDB's logs on a log that LevelDB wrote: any single wrong bit is found, a cut-off end is not damage. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { firstDamage } from '../../src/store/log-check.ts'
import { lease } from '../contract/store.ts'
import { scratch, using } from './scratch.ts'

const BLOCK = 32 * 1024

/** A log of so many commits, each with an id of so many characters. */
async function logOf(t: TestContext, commits: number, idLength: number): Promise<Buffer> {
	const directory = await scratch(t)
	await using(directory, async (store) => {
		for (let n = 0; n < commits; n++) await store.commit([lease('p', String(n).padEnd(idLength, 'x'))])
	})
	const names = await readdir(join(directory, 'db'))
	return readFile(join(directory, 'db', names.find((name) => name.endsWith('.log')) ?? ''))
}

/** What the check says of the log with one bit of one byte turned round. */
function damagedWith(log: Buffer, at: number, bit: number): number | undefined {
	const damaged = Buffer.from(log)
	damaged[at] = (damaged[at] ?? 0) ^ (1 << bit)
	return firstDamage(damaged)
}

test('a log as LevelDB writes it is sound, at every length it could have been cut to', async (t) => {
	const log = await logOf(t, 4, 10)
	for (let length = 0; length <= log.length; length++) {
		assert.equal(firstDamage(log.subarray(0, length)), undefined, `cut to ${length}`)
	}
})

test('a log of several blocks is sound, with records that are spread over blocks and with the padding between', async (t) => {
	for (const idLength of [100, 5000, 40_000]) {
		const log = await logOf(t, Math.ceil((2.5 * BLOCK) / idLength), idLength)
		assert.ok(log.length > 2 * BLOCK)
		assert.equal(firstDamage(log), undefined)
	}
})

test('any wrong bit of any byte is found, wherever it is', async (t) => {
	const log = await logOf(t, 4, 10)
	for (let at = 0; at < log.length; at++) {
		for (let bit = 0; bit < 8; bit++) assert.notEqual(damagedWith(log, at, bit), undefined, `byte ${at} bit ${bit}`)
	}
})

test('a wrong bit in a large log is found in the record that has it', async (t) => {
	const log = await logOf(t, 60, 1500)
	for (let at = 3; at < log.length; at += 1013) {
		// Between the last record of a block and the next block there may be up to six bytes that nobody reads.
		if (BLOCK - (at % BLOCK) < 7) continue
		const found = damagedWith(log, at, at % 8)
		assert.ok(found !== undefined && found <= at, `byte ${at} found at ${found}`)
	}
})

test('blocks that were allocated and never written are no damage, anything after them is', async (t) => {
	const log = await logOf(t, 4, 10)
	assert.equal(firstDamage(Buffer.concat([log, Buffer.alloc(5000)])), undefined)
	assert.equal(firstDamage(Buffer.concat([log, Buffer.alloc(50), Buffer.from([1])])), log.length)
})
