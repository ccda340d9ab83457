/** A virtual machine with Debian's own kernel, as `fetch-programs` brought it: for the kinds of links that this kernel lacks. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Result } from '../vm/run.ts'

const FOLDER = '/var/cache/weft-test/vm'
// From dist/test/support/ up to the repository: what starts it is no TypeScript.
const START = fileURLToPath(new URL('../../../test/vm/start', import.meta.url))

/** Why there can be none on this machine, as a `skip` of node:test: false when there can. */
export function noVm(): string | false {
	if (process.getuid?.() !== 0) return 'needs root, to have the files of this machine in a virtual one'
	return existsSync(FOLDER)
		? false
		: `needs qemu and a kernel in ${FOLDER}, where test/support/fetch-programs puts them`
}

export interface Running {
	/** What the command prints, line by line; it ends with the machine. */
	readonly lines: AsyncIterable<string>
	/** The exit status of the command; 125 where the machine ended without one. */
	readonly ended: Promise<number>
	/** What it and the machine complained of. */
	complaint(): string
}

/** Runs a command in a machine that ends with it, after `deadline` ms, or with this process. */
export function runInVm(command: readonly string[], deadline: number): Running {
	// Its parent may be killed.
	const argv = ['--pdeathsig', 'TERM', '--', START, FOLDER, ...command]
	const child = spawn('setpriv', argv, { stdio: ['ignore', 'pipe', 'pipe'] })
	let complaint = ''
	child.stderr.setEncoding('utf8').on('data', (text) => {
		complaint += text
	})
	const timer = setTimeout(() => {
		complaint += `no end within ${deadline} ms`
		child.kill('SIGTERM')
	}, deadline)
	const ended = new Promise<number>((resolve, reject) => {
		child.on('error', reject)
		child.on('close', (code) => resolve(code ?? 125))
	}).finally(() => clearTimeout(timer))
	return { lines: createInterface(child.stdout), ended, complaint: () => complaint }
}

/** Milliseconds, below the time that the suite has for a file; on two free CPUs it takes a third of that. */
const DEADLINE = 1_100_000
const RUN = fileURLToPath(new URL('../vm/run.js', import.meta.url))

/** The tests of test/vm/NAME.ts, in a machine of their own: each is one here, too. */
export function testInVm(name: string): void {
	const title = `${name}, in a virtual machine with Debian's kernel`
	test(title, { skip: noVm(), timeout: DEADLINE + 60_000 }, async (t) => {
		const file = fileURLToPath(new URL(`../vm/${name}.js`, import.meta.url))
		const { lines, ended, complaint } = runInVm([process.execPath, '--enable-source-maps', RUN, file], DEADLINE)
		let count = 0
		let others = ''
		for await (const line of lines) {
			const result = resultOf(line)
			if (result === undefined) {
				others += `${line}\n`
				continue
			}
			count++
			t.diagnostic(`${result.duration} ms in there: ${result.name}`)
			await t.test(result.name, { skip: result.skipped ?? false }, () => {
				if (result.failure !== undefined) assert.fail(result.failure)
			})
		}
		const status = await ended
		assert.ok(count > 0 && status === 0, `exit ${status} after ${count} tests: ${complaint()}\n${others}`)
	})
}

function resultOf(line: string): Result | undefined {
	try {
		const result = JSON.parse(line)
		return typeof result?.name === 'string' ? result : undefined
	} catch {
		return undefined
	}
}
