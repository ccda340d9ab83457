/** The private Docker host that measurements are made on: weft's state and Docker's on the disk, where a commit costs what it costs. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Daemon } from '../test/support/daemon.ts'
import { type Host, type HostOptions, startHost } from '../test/support/host.ts'
import { answers } from '../test/support/unix-socket.ts'
import { type Engine, engine } from './engine.ts'

/** As it is installed, by `plugin/bundle`: one file, which starts sooner than its two hundred. */
export const WEFTD = fileURLToPath(new URL('../bundle/weftd.js', import.meta.url))
const FLOOR = fileURLToPath(new URL('./floor.js', import.meta.url))

export interface Rig {
	readonly host: Host
	readonly api: Engine
	/** weft's. */
	readonly stateDir: string
}

/** A host for as long as `work` takes. */
export async function withRig<T>(work: (rig: Rig) => Promise<T>, options: HostOptions = {}): Promise<T> {
	const state = await mkdtemp(join(tmpdir(), 'weft-bench-'))
	try {
		const stateDir = join(state, 'weft')
		const host = await startHost({
			dockerdArgs: ['--data-root', join(state, 'docker')],
			program: [process.execPath, WEFTD],
			...options,
			env: { WEFT_LOG_LEVEL: 'info', WEFT_STATE_DIR: stateDir, ...options.env },
		})
		const api = engine(host.path('/run/docker.sock'))
		try {
			return await work({ host, api, stateDir })
		} finally {
			api.close()
			await host.stop()
		}
	} finally {
		await rm(state, { recursive: true, force: true })
	}
}

/** A second plugin on the host, `floor`, that does nothing; it ends with the host. */
export async function startFloor(host: Host): Promise<void> {
	const socket = '/run/docker/plugins/floor.sock'
	const floor = new Daemon('floor', host.enter([]))
	floor.start([process.execPath, FLOOR, socket], {})
	await floor.ready(() => answers(host.path(socket), 'POST', '/Plugin.Activate'))
}
