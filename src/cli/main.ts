/** From a command line to what is printed and the exit status. The one place that knows all commands. */
import { parseArgs } from 'node:util'
import { invalid, isCode, messageOf } from '../errors.ts'
import { VERSION } from '../version.ts'
import { ip } from './addresses.ts'
import { bundle } from './bundle.ts'
import { AdminClient } from './client.ts'
import type { Command } from './command.ts'
import { COMPLETE, completion, offersFor } from './completion.ts'
import { diff } from './diff.ts'
import { metadataFor, ownArguments } from './docker-plugin.ts'
import { doctor } from './doctor.ts'
import { commandHelp, helpOf } from './help.ts'
import { inspect, ls } from './networks.ts'
import { forget, nodes, rekey } from './nodes.ts'
import { ports } from './ports.ts'
import { status } from './status.ts'

const OPTIONS = {
	json: { type: 'boolean' },
	help: { type: 'boolean', short: 'h' },
	version: { type: 'boolean' },
	'admin-socket': { type: 'string' },
} as const

const COMMANDS: readonly Command[] = [
	status,
	ls,
	inspect,
	ports,
	ip,
	diff,
	doctor,
	bundle,
	nodes,
	forget,
	rekey,
	completion,
]

export interface Outcome {
	readonly stdout: string
	readonly stderr: string
	readonly code: 0 | 1 | 2
}

/** `socketOf` gives the admin socket from what `--admin-socket` said; it throws WeftError `invalid` for a bad one. */
export async function main(
	program: string,
	args: readonly string[],
	socketOf: (flag: string | undefined) => string,
): Promise<Outcome> {
	const metadata = metadataFor(args)
	if (metadata !== undefined) return said(metadata)
	try {
		if (args[0] === COMPLETE) return said(await completed(ownArguments(program, args.slice(1)), socketOf))
		return await answer(ownArguments(program, args), socketOf)
	} catch (error) {
		const code = isUsage(error) || isCode(error, 'invalid') ? 2 : 1
		const hint = code === 2 ? '; weft --help says what there is' : ''
		return { stdout: '', stderr: `weft: ${messageOf(error)}${hint}\n`, code }
	}
}

async function answer(args: readonly string[], socketOf: (flag: string | undefined) => string): Promise<Outcome> {
	const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
	const [name] = positionals
	if (values.version === true) return said(`weft ${VERSION}\n`)
	if (name === undefined || name === 'help') {
		const help = helpOf(COMMANDS)
		return values.help === true || name === 'help' ? said(help) : { stdout: '', stderr: help, code: 2 }
	}
	const command = COMMANDS.find((each) => isCommand(each, positionals))
	if (command === undefined) throw unknown(positionals)
	if (values.help === true) return said(commandHelp(command))
	const result = await command.run(
		new AdminClient(socketOf(values['admin-socket'])),
		argumentOf(command, positionals.slice(wordsOf(command).length)),
	)
	const stdout = values.json === true ? `${JSON.stringify(result.data, null, 2)}\n` : result.text
	return { stdout, stderr: '', code: result.fine ? 0 : 1 }
}

function completed(line: readonly string[], socketOf: (flag: string | undefined) => string): Promise<string> {
	return offersFor(
		line,
		COMMANDS,
		OPTIONS,
		(flag) => new AdminClient(socketOf(flag === undefined ? flag : String(flag))),
	)
}

function wordsOf({ name }: Command): string[] {
	return name.split(' ')
}

function isCommand(command: Command, positionals: readonly string[]): boolean {
	return wordsOf(command).every((word, place) => positionals[place] === word)
}

function unknown([first = '', second]: readonly string[]): Error {
	const more = COMMANDS.map(wordsOf).flatMap(([word, next]) => (word === first && next !== undefined ? [next] : []))
	if (more.length === 0) return invalid(`there is no command ${JSON.stringify(first)}`)
	const what = second === undefined ? 'needs' : `has no command ${JSON.stringify(second)}, but`
	return invalid(`weft ${first} ${what} ${more.join(' or ')}`)
}

function argumentOf({ name, argument }: Command, rest: readonly string[]): string {
	const [first = '', second] = rest
	if (argument === undefined && rest.length > 0) throw invalid(`weft ${name} takes no argument, not ${first}`)
	if (argument !== undefined && first === '') throw invalid(`weft ${name} needs a ${argument}`)
	if (second !== undefined) throw invalid(`weft ${name} takes one ${argument}, not also ${second}`)
	return first
}

/** What node:util says of a flag that there is not. */
function isUsage(error: unknown): boolean {
	return error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
}

function said(stdout: string): Outcome {
	return { stdout, stderr: '', code: 0 }
}
