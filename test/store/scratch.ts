/** A directory of its own for a test, taken away when the test ends, also when it fails; and stores opened in it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { LevelStore } from '../../src/store/level.ts'

export async function scratch(t: TestContext): Promise<string> {
	const directory = await mkdtemp(join(tmpdir(), 'weft-store-'))
	t.after(() => rm(directory, { recursive: true, force: true }))
	return directory
}

/** A store in its own directory; closed before the directory goes. Closing it in the test as well does no harm. */
export async function freshStore(t: TestContext): Promise<LevelStore> {
	const directory = await mkdtemp(join(tmpdir(), 'weft-store-'))
	const store = await LevelStore.open(directory)
	t.after(async () => {
		await store.close()
		await rm(directory, { recursive: true, force: true })
	})
	return store
}

/** Opens, lets `work` use it and closes, also when that fails. */
export async function using<T>(directory: string, work: (store: LevelStore) => Promise<T> | T): Promise<T> {
	const store = await LevelStore.open(directory)
	try {
		return await work(store)
	} finally {
		await store.close()
	}
}
