/** `weft completion`, and what the shell asks weft for then. */
import { type ParseArgsConfig, parseArgs } from 'node:util'
import type { ContainerSummary, NetworkSummary, NodeView } from '../admin/api.ts'
import type { AdminClient } from './client.ts'
import { type Command, shown } from './command.ts'
import { called, short } from './table.ts'

/** In front of a command line whose last word is being typed: so Docker asks its plugins, and the script below asks weft. */
export const COMPLETE = '__complete'
/** How the answer ends, in the words of Docker (github.com/spf13/cobra): whether file names are offered where nothing else is. */
const FILES = ':0'
const NO_FILES = ':4'

const SCRIPT = `[ -z "\${ZSH_VERSION-}" ] || { autoload -Uz bashcompinit && bashcompinit; }
_weft() {
	local line tab=$'\\t'
	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
		${NO_FILES}) compopt +o default 2>/dev/null || true ;;
		:*) ;;
		*) COMPREPLY+=("\${line%%$tab*}") ;;
		esac
	done <<<"$(weft ${COMPLETE} "\${COMP_WORDS[@]:1:$COMP_CWORD}" 2>/dev/null)"
}
complete -o default -F _weft weft
`

export const completion: Command = {
	name: 'completion',
	summary: 'what makes bash or zsh complete all this',
	help: `Prints what makes a shell complete the command line of weft, bash or zsh: source <(weft completion)
Docker completes docker weft by itself, from version 23 on.`,
	run: async () => shown(SCRIPT, SCRIPT),
}

/** What may be typed, and what it is. */
interface Offer {
	readonly word: string
	readonly about: string
}

/** A line for each word that may come, with what it is behind a tab, and how the answer ends. Never fails. */
export async function offersFor(
	line: readonly string[],
	commands: readonly Command[],
	options: NonNullable<ParseArgsConfig['options']>,
	clientOf: (adminSocket: unknown) => AdminClient,
): Promise<string> {
	// bash takes --admin-socket=PATH for three words.
	const words = line.map((word, place) => (word === '=' && place === line.length - 1 ? '' : word))
	const typed = words.at(-1) ?? ''
	const before = words.slice(0, -1).filter((word) => word !== '=')
	const { values, positionals } = parseArgs({ args: before, options, allowPositionals: true, strict: false })
	if (options[before.at(-1)?.replace(/^--/, '') ?? '']?.type === 'string') return answer([], FILES)
	const flags = Object.keys(options).map((name) => ({ word: `--${name}`, about: '' }))
	const next = nextWords(commands, positionals)
	const argument = commands.find(({ name }) => name === positionals.join(' '))?.argument
	const offered = async (): Promise<readonly Offer[]> => {
		if (typed.startsWith('-')) return flags
		if (next.length > 0) return next
		const found = await named(argument, () => clientOf(values['admin-socket'])).catch(() => [])
		return found ?? flags
	}
	const all = (await offered()).filter(({ word }) => word.startsWith(typed))
	return answer(all, argument === 'FILE' && !typed.startsWith('-') ? FILES : NO_FILES)
}

/** Of the commands that begin so. */
function nextWords(commands: readonly Command[], positionals: readonly string[]): Offer[] {
	const found = new Map<string, string>()
	for (const { name, summary } of commands) {
		const words = name.split(' ')
		const word = words[positionals.length]
		if (word === undefined || !positionals.every((each, place) => each === words[place])) continue
		found.set(word, words.length === positionals.length + 1 ? summary : `${word} …`)
	}
	if (positionals.length === 0) found.set('help', 'what there is')
	return Array.from(found, ([word, about]) => ({ word, about }))
}

/** Undefined where nothing more is to come. */
async function named(argument: string | undefined, client: () => AdminClient): Promise<Offer[] | undefined> {
	if (argument === undefined) return undefined
	const kinds = argument.split('|').flatMap((kind) => OFFERS[kind] ?? [])
	return (await Promise.all(kinds.map((offers) => offers(client())))).flat()
}

/** By what commands call their argument. */
const OFFERS: Readonly<Record<string, (client: AdminClient) => Promise<Offer[]>>> = {
	HOST: async (client) => {
		const nodes = await client.get<NodeView[]>('/nodes')
		return nodes.map(({ name, address, present }) => {
			return { word: name, about: `${address}${present ? '' : ', unreachable'}` }
		})
	},
	NETWORK: async (client) => {
		const networks = await client.get<NetworkSummary[]>('/networks')
		return networks.flatMap(({ id, name, mode, subnets }) => {
			const about = [mode, ...subnets].join(' ')
			return [short(id), ...(name === null ? [] : [name])].map((word) => ({ word, about }))
		})
	},
	CONTAINER: async (client) => {
		const containers = await client.get<ContainerSummary[]>('/containers')
		return containers.map(({ name, networks }) => {
			return { word: name, about: `on ${networks.map((each) => called(each.name, each.id)).join(' ')}` }
		})
	},
}

function answer(offers: readonly Offer[], end: string): string {
	const lines = offers.map(({ word, about }) => (about === '' ? word : `${word}\t${about}`))
	return `${[...lines, end].join('\n')}\n`
}
