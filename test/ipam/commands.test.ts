/** Random sequences of everything that may happen, checked against a naive model; in memory, and on a real disk. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { LevelStore } from '../../src/store/level.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { ALL, checkInvariants, type Model, type Real, startIpam } from './commands.ts'

test('in memory, whatever happens: nothing is given twice, nothing outside, nothing lost, nothing reused at once', async () => {
	await fc.assert(
		fc.asyncProperty(fc.commands(ALL, { maxCommands: 60, size: 'max' }), async (commands) => {
			const store = new MemoryStore()
			const setFailing = (failing: boolean) => {
				store.failure = failing ? new Error('no space left on device') : undefined
			}
			await play(commands, { store, ipam: startIpam(store), reopen: async () => store, setFailing })
		}),
		{ numRuns: 300 },
	)
})

test('on LevelDB, whatever happens: the same over every restart', async () => {
	await fc.assert(
		fc.asyncProperty(fc.commands(ALL, { maxCommands: 40, size: 'max' }), async (commands) => {
			const directory = await mkdtemp(join(tmpdir(), 'weft-ipam-'))
			let store = await LevelStore.open(directory)
			const reopen = async () => {
				await store.close()
				store = await LevelStore.open(directory)
				return store
			}
			try {
				await play(commands, { store, ipam: startIpam(store), reopen })
			} finally {
				await store.close()
				await rm(directory, { recursive: true, force: true })
			}
		}),
		{ numRuns: 12 },
	)
})

async function play(commands: Iterable<fc.AsyncCommand<Model, Real>>, real: Real): Promise<void> {
	const model: Model = new Map()
	await fc.asyncModelRun(() => ({ model, real }), commands)
	checkInvariants(model)
}
