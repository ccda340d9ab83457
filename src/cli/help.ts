/** What the command line says of itself. Pure. */
import type { Command } from './command.ts'
import { table } from './table.ts'

export function helpOf(commands: readonly Command[]): string {
	const rows = commands.map((command) => [`  ${usageOf(command)}`, command.summary])
	return `Usage: weft COMMAND [--json]

Shows the networks of weft on this host. Docker makes and removes them; of all this, node forget alone changes something.

${table(['Commands:', ''], rows)}
Options:
  --json                 the whole answer as JSON, for scripts
  --admin-socket PATH    where weftd listens (WEFT_ADMIN_SOCKET, default /run/weft/admin.sock)
  --help                 this text; weft COMMAND --help explains a command
  --version              the version of this program

Exit status: 0 all is well, 1 something is wrong or weftd does not answer, 2 the command line makes no sense.
As a link ~/.docker/cli-plugins/docker-weft to this program it is also: docker weft COMMAND
`
}

export function commandHelp(command: Command): string {
	return `Usage: weft ${usageOf(command)} [--json]\n\n${command.help}\n`
}

function usageOf({ name, argument }: Command): string {
	return argument === undefined ? name : `${name} ${argument}`
}
