/**
 * The directory that LevelDB keeps the state in, looked at before LevelDB opens it: LevelDB goes on without a file that is
 * gone, or makes a new state over the rest of an old one. Here a state that was made once must have all its files.
 */
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDirectory } from '../directory.ts'
import { messageOf, WeftError } from '../errors.ts'
import { damagedLogs } from './log-check.ts'

/** An empty file beside LevelDB's own, which leaves it alone: this directory holds a state. */
const CREATED = 'CREATED'

/** For whoever has chosen a place that does not do. */
export const ADVICE = 'WEFT_STATE_DIR must be a directory that weftd may write'

export type Refusal = (problem: string, cause?: unknown) => WeftError

export function refusalOf(directory: string): Refusal {
	return (problem, cause) => new WeftError('system', `the state in ${directory} ${problem}`, { cause })
}

export function damage(refuse: Refusal, what: string, cause?: unknown): WeftError {
	return refuse(`is damaged (${what}): restore it or move it away`, cause)
}

/** Makes the directory where there is none. True when it holds a state already. @throws WeftError when that is damaged. */
export async function prepare(directory: string): Promise<boolean> {
	const refuse = refusalOf(directory)
	try {
		await makeDirectory(directory, 0o700)
	} catch (error) {
		throw refuse(`cannot be created: ${messageOf(error)}; ${ADVICE}`, error)
	}
	try {
		const names = await readdir(directory)
		const created = names.includes(CREATED)
		const problems = await damagedLogs(directory)
		// LevelDB makes the new log before it takes the old one away, so there is always one.
		if (created && !names.some((name) => name.endsWith('.log'))) problems.push('there is no .log file')
		if (created && !names.includes('CURRENT')) problems.push('there is no file CURRENT')
		if (problems.length > 0) throw damage(refuse, problems.join(', '))
		return created
	} catch (error) {
		if (error instanceof WeftError) throw error
		throw refuse(`cannot be read: ${messageOf(error)}`, error)
	}
}

/** Says that the directory holds a state now; a crash before that only makes the next start less strict. */
export async function markCreated(directory: string): Promise<void> {
	await writeFile(join(directory, CREATED), '')
}
