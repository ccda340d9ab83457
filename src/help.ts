/** What weftd says of itself. Pure. */
import { flagOf, MEANING, type Name, SETTINGS } from './settings.ts'
import { VERSION } from './version.ts'

/** For `--help` and `--version`; undefined where the daemon is to run. */
export function answerTo(args: readonly string[]): string | undefined {
	if (args.some((each) => each === '--help' || each === '-h')) return help()
	return args.includes('--version') ? `weftd ${VERSION}\n` : undefined
}

function help(): string {
	const lines = Object.keys(SETTINGS).flatMap((name) => linesOf(name as Name))
	return `Usage: weftd [--FLAG VALUE]...

Serves Docker as its network and IPAM driver, in the foreground, as root.
Each setting is a flag and an environment variable:

${lines.join('\n')}

  -h, --help         this text
  --version          the version of this program
`
}

function linesOf(name: Name): string[] {
	const { fallback, accepted } = SETTINGS[name]
	const otherwise = fallback === '' ? '' : `; default: ${fallback}`
	return [`  ${flagOf(name).padEnd(18)} ${name}: ${MEANING[name]}${otherwise}`, `${' '.repeat(21)}${accepted}`]
}
