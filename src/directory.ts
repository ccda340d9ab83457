/** Directories on the way to what weft keeps. */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Makes it, and what is missing above it. Node's own `recursive` never ends below /proc, where nothing can be made. */
export async function makeDirectory(path: string, mode: number): Promise<void> {
	try {
		await mkdir(path, { mode })
	} catch (error) {
		const code = error instanceof Error && 'code' in error ? error.code : undefined
		if (code === 'EEXIST') return
		if (code !== 'ENOENT' || dirname(path) === path) throw error
		await makeDirectory(dirname(path), mode)
		await mkdir(path, { mode })
	}
}
