/** An interactive zsh, as `fetch-programs` brought it, that keys are typed to: it lies over this machine's /usr for that one. */
import { existsSync } from 'node:fs'
import { run } from './command.ts'

const FOLDER = '/var/cache/weft-test/zsh'

/** Why there can be none, as a `skip` of node:test: false when it can. */
export function noZsh(): string | false {
	if (process.getuid?.() !== 0) return 'needs root, to have zsh lie over /usr'
	return existsSync(FOLDER) ? false : `needs zsh in ${FOLDER}, where test/support/fetch-programs puts it`
}

/** In a terminal of zsh's own: each `read` waits for what is to be seen there. */
const TYPIST = `
zmodload zsh/zpty
zpty -b shell 'zsh -f -i'
press() { zpty -w -n shell "$1"; [ -z "$2" ] || zpty -r shell seen "*$2*"; }
press $'PS1="ready"" > "; autoload -Uz compinit; compinit -u -D; source $SETUP\\n' 'ready > '
`

/** What zsh shows after each of the keys, which has to have the words beside it; fails where it does not come. */
export async function typeInZsh(
	setup: string,
	keys: readonly (readonly [keys: string, shown: string])[],
): Promise<void> {
	const typed = keys.map(([text, shown]) => `press $'${text}' '${shown}' || exit 1\n`).join('')
	const mounted = `mount -t overlay overlay -o ro,lowerdir=${FOLDER}/usr:/usr /usr && exec ${FOLDER}/bin/zsh -fc "$TYPIST"`
	const env = { SETUP: setup, TYPIST: `${TYPIST}${typed}`, TERM: 'dumb', PATH: `${FOLDER}/bin:${process.env.PATH}` }
	await run(['unshare', '--mount', 'sh', '-c', mounted], { env, timeout: 30_000 })
}
