/** Where the demo plays: on the Docker Engine that answers on this machine, or on a private one made for it. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { attempt, type Outcome } from '../support/command.ts'
import { noHost, startHost } from '../support/host.ts'
import { HOST_V4 } from '../support/host-namespaces.ts'
import { answers } from '../support/unix-socket.ts'

const WEFTD = fileURLToPath(new URL('../../src/weftd.js', import.meta.url))
const PLUGIN_SOCKET = process.env.WEFT_SOCKET ?? '/run/docker/plugins/weft.sock'

export interface Stage {
	/** One line for the reader: what Docker this is. */
	readonly story: string
	/** Runs a command line on the Docker host. */
	host(argv: readonly string[]): Promise<Outcome>
	/** Another machine, where there is one: how it reaches the host. */
	readonly outside: { readonly address: string; run(argv: readonly string[]): Promise<Outcome> } | undefined
	/** Ends what was started, and says what that was. */
	end(): Promise<string>
}

export async function openStage(): Promise<Stage> {
	const socket = (process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '')
	if (socket.startsWith('/') && (await answers(socket, 'GET', '/_ping'))) return ownEngine(socket)
	return privateEngine()
}

async function privateEngine(): Promise<Stage> {
	const obstacle = noHost()
	if (obstacle) throw new Error(`no Docker Engine answers here, and a private one ${obstacle}`)
	const host = await startHost()
	return {
		story: 'No Docker Engine answers here, so this plays on a private one, with a network of its own.',
		host: (argv) => host.attempt(argv),
		outside: { address: HOST_V4, run: (argv) => attempt(host.enterOutside(argv)) },
		end: async () => {
			await host.stop()
			return 'the private Docker Engine and weftd'
		},
	}
}

async function ownEngine(socket: string): Promise<Stage> {
	const stage = { host: (argv: readonly string[]) => attempt(argv), outside: undefined }
	if (await answers(PLUGIN_SOCKET, 'POST', '/Plugin.Activate')) {
		const story = `This plays on the Docker Engine at ${socket}, and the weft that serves it.`
		return { ...stage, story, end: async () => 'nothing else: Docker and weft ran before' }
	}
	if (process.getuid?.() !== 0) throw new Error(`weft does not run here, and starting it needs root (sudo make demo)`)
	const state = await mkdtemp(join(tmpdir(), 'weft-demo-'))
	const weftd = spawn(process.execPath, [WEFTD], {
		stdio: ['ignore', 'pipe', 'pipe'],
		// Ctrl-C is for the demo, which still needs weft to clean up.
		detached: true,
		env: { ...process.env, WEFT_STATE_DIR: state, WEFT_DOCKER_HOST: `unix://${socket}` },
	})
	const end = async (): Promise<string> => {
		if (weftd.exitCode === null && weftd.signalCode === null) {
			weftd.kill('SIGTERM')
			await once(weftd, 'exit')
		}
		await rm(state, { recursive: true, force: true })
		return 'weftd and its state'
	}
	try {
		await serving(weftd)
	} catch (error) {
		await end()
		throw error
	}
	return { ...stage, story: `This plays on the Docker Engine at ${socket}, with a weftd started for it.`, end }
}

async function serving(weftd: ChildProcess): Promise<void> {
	let log = ''
	const keep = (text: string) => {
		log = (log + text).slice(-2000)
	}
	weftd.stdout?.on('data', keep)
	weftd.stderr?.on('data', keep)
	for (let tries = 0; tries < 200; tries++) {
		if (weftd.exitCode !== null) break
		if (await answers(PLUGIN_SOCKET, 'POST', '/Plugin.Activate')) return
		await sleep(50)
	}
	throw new Error(`weftd does not start: ${log.trim().split('\n').at(-1) ?? ''}`)
}
