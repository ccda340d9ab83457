/** weft as a managed plugin: what `docker plugin enable` takes, and how much of that its process takes until it serves. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildPlugin, DRIVER, STATE } from '../test/e2e/managed.ts'
import { eventually } from '../test/support/eventually.ts'
import type { Host } from '../test/support/host.ts'
import { alone, type Row } from './figures.ts'
import { timed } from './interleave.ts'
import { withRig } from './rig.ts'

const ROUNDS = 9
/** The oldest process of the program, and since when it runs, in ticks of 10 ms after the kernel's start: proc_pid_stat(5), field 22. */
const BIRTH = `
pid=$(pgrep -o -f '^/usr/bin/node /weftd.js')
sed 's/.*) //' "/proc/$pid/stat" | cut -d ' ' -f 20
cut -d ' ' -f 1 /proc/uptime
date +%s%3N
`

export async function plugin(): Promise<Row[]> {
	const folder = await mkdtemp(join(tmpdir(), 'weft-bench-plugin-'))
	try {
		await buildPlugin(folder)
		return await withRig(
			async ({ host, api }) => {
				await host.docker('plugin', 'create', 'weft', folder)
				await host.docker('plugin', 'set', 'weft', STATE)
				const [enabling, serving]: [number[], number[]] = [[], []]
				// The first one, which reads all of it from the disk, does not count.
				for (let round = -1; round < ROUNDS; round++) {
					const seen = host.dockerd.log.length
					const enabled = await timed(() => api.call('POST', `/plugins/${DRIVER}/enable?timeout=30`))
					const served = await servedAfter(host, seen)
					if (round >= 0) {
						enabling.push(enabled)
						serving.push(served)
					}
					await api.call('POST', `/plugins/${DRIVER}/disable`)
				}
				return [
					alone('managed plugin serves, from the start of its process', 'ms', serving),
					alone('docker plugin enable', 'ms', enabling),
				]
			},
			{ weftd: false },
		)
	} finally {
		await rm(folder, { recursive: true, force: true })
	}
}

/** Milliseconds from the start of the process to its own word that it serves, which is in dockerd's log behind `seen`. */
async function servedAfter(host: Host, seen: number): Promise<number> {
	const word = () => /time[\\":]+([\d:.T-]+Z)[^\n]*weft is serving/.exec(host.dockerd.log.slice(seen))?.[1]
	await eventually(() => word() !== undefined, { what: () => host.dockerd.tail() })
	const [ticks = 0, uptime = 0, now = 0] = (await host.exec(['sh', '-ec', BIRTH])).split('\n').map(Number)
	return Date.parse(word() ?? '') - (now - (uptime * 1000 - ticks * 10))
}
