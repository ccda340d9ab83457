/** What single calls of the kernel take that weft makes, in a network namespace of their own. */
import { fileURLToPath } from 'node:url'
import type { Row } from './figures.ts'
import { withRig } from './rig.ts'

const PROGRAM = fileURLToPath(new URL('./kernel-calls.js', import.meta.url))

export function kernel(): Promise<Row[]> {
	return withRig(async ({ host }) => JSON.parse(await host.exec([process.execPath, PROGRAM])), {
		dockerd: false,
		weftd: false,
	})
}
