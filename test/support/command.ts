/** Runs a program for a test and says what it answered; a failure carries what the program itself complained of. */

import { spawn } from 'node:child_process'

export interface Outcome {
	readonly code: number
	readonly stdout: string
	readonly stderr: string
}

export interface CommandOptions {
	readonly input?: string
	readonly timeout?: number
	readonly env?: Record<string, string>
}

export class CommandError extends Error {
	readonly outcome: Outcome

	constructor(argv: readonly string[], outcome: Outcome) {
		const complaint = outcome.stderr.trim() || outcome.stdout.trim() || 'no output'
		super(`${argv.join(' ')}: exit ${outcome.code}: ${complaint}`)
		this.name = 'CommandError'
		this.outcome = outcome
	}
}

/** The outcome, whatever it is; a program that outlives the timeout is killed and counts as exit 124. */
export function attempt(argv: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
	const [file = '', ...args] = argv
	return new Promise((resolve, reject) => {
		const child = spawn(file, args, { stdio: 'pipe', env: { ...process.env, ...options.env } })
		let [stdout, stderr, late] = ['', '', false]
		child.stdout.setEncoding('utf8').on('data', (text) => {
			stdout += text
		})
		child.stderr.setEncoding('utf8').on('data', (text) => {
			stderr += text
		})
		const timer = setTimeout(() => {
			late = true
			child.kill('SIGKILL')
		}, options.timeout ?? 180_000)
		child.on('error', reject)
		child.on('close', (code) => {
			clearTimeout(timer)
			resolve({ code: late ? 124 : (code ?? 1), stdout, stderr: late ? `${stderr}(timed out)` : stderr })
		})
		// The program may end without having read its input.
		child.stdin.on('error', () => {})
		child.stdin.end(options.input ?? '')
	})
}

/** The standard output without the last newline; throws unless the program exits with 0. */
export async function run(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
	const outcome = await attempt(argv, options)
	if (outcome.code !== 0) throw new CommandError(argv, outcome)
	return outcome.stdout.trimEnd()
}
