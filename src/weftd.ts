#!/usr/bin/env node
/** The daemon's executable: prepares the process, then runs main.ts, or says in one line why that is not possible. */
import { setFlagsFromString } from 'node:v8'
import type { WeftError } from './errors.ts'

// Keeps V8's young generation at its first size, 1 MiB. While modules load it would grow to 32 MiB and never shrink, and
// what this daemon allocates lives for one call. Hence modules are loaded only after it.
setFlagsFromString('--semi-space-growth-factor=1')

/** 128 and the signal's number, as shells have it. */
const INTERRUPTED = 130

// Before modules are loaded, which takes a while: the first process of a container hears no signal that it does not ask for.
const ended = new Promise<string>((resolve) => {
	process.on('SIGTERM', resolve)
	process.once('SIGINT', (signal) => {
		resolve(signal)
		// Who interrupts again does not want to wait for calls in flight: to end as if it were killed loses nothing.
		process.on('SIGINT', () => process.exit(INTERRUPTED))
	})
})

try {
	const args = process.argv.slice(2)
	const { answerTo } = await import('./help.ts')
	const answer = answerTo(args)
	if (answer !== undefined) {
		process.stdout.write(answer)
		process.exit(0)
	}
	const { enlargeFileTable } = await import('./kernel/ffi.ts')
	// While the other modules are loaded.
	void enlargeFileTable()
	const { readConfig } = await import('./config.ts')
	const config = readConfig(process.env, args)
	const { main } = await import('./main.ts')
	await main(config, ended)
	process.exit(0)
} catch (error) {
	// One line for what a person can mend; anything else is a defect and shows where it comes from.
	const { name, message, stack } = error as WeftError
	process.stderr.write(`weftd: ${name === 'WeftError' ? message : stack}\n`)
	process.exit(1)
}
