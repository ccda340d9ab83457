/** A long-running program inside a test host: its log, its end, and signals to it by its own pid. */

import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { run } from './command.ts'

export class Daemon {
	readonly name: string
	readonly #enter: readonly string[]
	readonly #pidFile: string
	#child: ChildProcess | undefined
	#gone: Promise<number> = Promise.resolve(0)
	#log = ''

	/** `enter` is the command prefix that leads into the host's namespaces. */
	constructor(name: string, enter: readonly string[]) {
		this.name = name
		this.#enter = enter
		this.#pidFile = `/run/${name}.test-pid`
	}

	get log(): string {
		return this.#log
	}

	get running(): boolean {
		return this.#child !== undefined
	}

	start(argv: readonly string[], env: Record<string, string>): void {
		if (this.#child) throw new Error(`${this.name} runs already`)
		// nsenter does not pass signals on, so the program leaves its own pid for them.
		const shell = ['sh', '-c', `echo $$ >${this.#pidFile}; exec "$@"`, this.name, ...argv]
		const [file = '', ...args] = [...this.#enter, ...shell]
		const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
		this.#child = child
		const keep = (text: string) => {
			this.#log += text
		}
		child.stdout.setEncoding('utf8').on('data', keep)
		child.stderr.setEncoding('utf8').on('data', keep)
		this.#gone = new Promise((resolve) => {
			child.on('close', (code) => {
				this.#child = undefined
				resolve(code ?? 1)
			})
		})
	}

	/** Polls until the program is ready; throws with the end of its log when it ends before that, or takes too long. */
	async ready(probe: () => Promise<boolean>, timeout = 180_000): Promise<void> {
		const deadline = Date.now() + timeout
		while (!(await probe())) {
			if (!this.running) throw new Error(`${this.name} ended: ${this.tail()}`)
			if (Date.now() > deadline) throw new Error(`${this.name} is not ready: ${this.tail()}`)
			await sleep(20)
		}
	}

	/** The exit status, once there is one. */
	ended(): Promise<number> {
		return this.#gone
	}

	/** Sends a signal and waits for the end; answers the exit status. */
	async end(signal: NodeJS.Signals): Promise<number> {
		if (!this.running) return await this.ended()
		const kill = `kill -${signal.replace('SIG', '')} "$(cat ${this.#pidFile})"`
		await run([...this.#enter, 'sh', '-c', kill])
		return await this.#gone
	}

	tail(lines = 20): string {
		return this.#log.trimEnd().split('\n').slice(-lines).join('\n')
	}
}
