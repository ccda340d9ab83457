/**
 * A program: runs files of tests, named on the command line, one after the other, and prints a line of JSON for each test,
 * for whoever gives them out again under their names.
 */
import { type EventData, run } from 'node:test'

export interface Result {
	readonly name: string
	/** Milliseconds that it took. */
	readonly duration: number
	/** Why it failed; absent: it passed. */
	readonly failure?: string
	/** Why it could not run. */
	readonly skipped?: string
}

run({ files: process.argv.slice(2), concurrency: 1 })
	.on('test:pass', (data) => tell(data, undefined))
	.on('test:fail', (data) => tell(data, data.details.error))
	.on('test:stderr', ({ message }) => process.stderr.write(message))
	.resume()

/** Suites are told of by their tests: only one that fails or is skipped by itself is told of, too. */
function tell(data: EventData.TestPass | EventData.TestFail, error: Error | undefined): void {
	const { name, details, skip } = data
	const skipped = skip === undefined ? {} : { skipped: String(skip) }
	const byTests = error !== undefined && 'failureType' in error && error.failureType === 'subtestsFailed'
	if (byTests || (details.type === 'suite' && error === undefined && skip === undefined)) return
	const failure = error === undefined ? {} : { failure: messageOf(error) }
	const result: Result = { name, duration: Math.round(details.duration_ms), ...failure, ...skipped }
	process.stdout.write(`${JSON.stringify(result)}\n`)
}

function messageOf(error: Error): string {
	return error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : String(error.cause ?? error.stack)
}
