/**
 * A program for crash.test.ts: commits in a loop, several at a time, and says on standard output which commits were
 * acknowledged, until it is killed. Commit N of round R puts two records, so that half a commit would show.
 */
import { writeSync } from 'node:fs'
import { LevelStore } from '../../src/store/level.ts'
import { lease } from '../contract/store.ts'

const [directory = '', round = '0'] = process.argv.slice(2)
const store = await LevelStore.open(directory)
let next = 0

async function commitForEver(): Promise<void> {
	for (;;) {
		const name = `${round}.${next++}`
		await store.commit([lease('left', name), lease('right', name)])
		// Written at once: what the process kept in a buffer would die with it.
		writeSync(1, `${name}\n`)
	}
}

await Promise.all([1, 2, 3, 4].map(commitForEver))
