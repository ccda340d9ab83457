/** Measurements on a kernel that has what this machine's lacks: a program in a virtual machine, where all takes some ten times as long. */
import { fileURLToPath } from 'node:url'
import { noVm, runInVm } from '../test/support/vm.ts'
import type { Row } from './figures.ts'

const GUEST = fileURLToPath(new URL('./guest.js', import.meta.url))
/** Milliseconds; it takes a tenth of that. */
const DEADLINE = 1_800_000

/** The rows of `guest.ts`. */
export async function emulated(): Promise<Row[]> {
	const obstacle = noVm()
	if (obstacle) {
		console.error(`ipvlan is not measured: this kernel has none, and a virtual machine ${obstacle}`)
		return []
	}
	// Docker's layers cannot lie on the machine's root, which is made of layers itself.
	const argv = ['env', 'TMPDIR=/dev/shm', process.execPath, '--enable-source-maps', GUEST]
	const { lines, ended, complaint } = runInVm(argv, DEADLINE)
	let last = ''
	for await (const line of lines) last = line
	if ((await ended) !== 0) throw new Error(`ipvlan cannot be measured: ${complaint()}`)
	return JSON.parse(last)
}
