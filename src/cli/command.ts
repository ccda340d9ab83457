/** What a command of the command line is. */
import type { AdminClient } from './client.ts'

export interface Result {
	/** What `--json` prints. */
	readonly data: unknown
	/** What people read. */
	readonly text: string
	/** False where something is wrong with the networks: the exit status is then 1. */
	readonly fine: boolean
}

export interface Command {
	readonly name: string
	/** Its one argument; absent where it has none. */
	readonly argument?: string
	/** A few words for the list of commands. */
	readonly summary: string
	/** What it prints, for `weft COMMAND --help`. */
	readonly help: string
	run(client: AdminClient, argument: string): Promise<Result>
}

/** An answer that says nothing about right or wrong. */
export function shown(data: unknown, text: string): Result {
	return { data, text, fine: true }
}
