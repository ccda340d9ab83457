/** `weft completion` */
import { type Command, shown } from './command.ts'

/** Networks by the beginnings of their ids and by their names, as `weft ls` prints them. */
const NETWORKS = `weft ls 2>/dev/null | awk 'NR > 1 { print $1; if ($2 != "-") print $2 }'`

/** Of the other commands, and of the options that all have. */
export function completion(commands: readonly Command[], options: readonly string[]): Command {
	const script = scriptOf(commands, options)
	return {
		name: 'completion',
		summary: 'what makes bash or zsh complete all this',
		help: `Prints what makes a shell complete the command line of weft, bash or zsh: source <(weft completion)`,
		run: async () => shown(script, script),
	}
}

function scriptOf(commands: readonly Command[], options: readonly string[]): string {
	const names = commands.map(({ name }) => name.split(' '))
	const words = [...new Set(names.map(([word]) => word)), 'completion', 'help', ...options].join(' ')
	const groups = [...new Set(names.filter((name) => name.length > 1).map(([word]) => word))].map((word) => {
		const after = names.flatMap(([first, next]) => (first === word && next !== undefined ? [next] : []))
		return `2:${word}) words='${after.join(' ')}' ;;`
	})
	const onNetworks = commands.filter(({ argument }) => argument?.startsWith('NETWORK')).map(({ name }) => `2:${name}`)
	const onFiles = commands.filter(({ argument }) => argument === 'FILE').map(({ name }) => `2:${name}`)
	return `[ -z "\${ZSH_VERSION-}" ] || { autoload -Uz bashcompinit && bashcompinit; }
_weft() {
	local words
	case $COMP_CWORD:\${COMP_WORDS[1]} in
	1:*) words='${words}' ;;
	${onNetworks.join(' | ')}) words=$(${NETWORKS}) ;;
	${onFiles.join(' | ')}) words= ;;
	${groups.join('\n\t')}
	*) words='${options.join(' ')}' ;;
	esac
	COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _weft weft
`
}
