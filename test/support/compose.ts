/** docker-compose on a test host, as `fetch-programs` brought it: it lies over this machine's /usr, in the host's mount namespace only. */
import { existsSync } from 'node:fs'
import { type Host, noHost } from './host.ts'

const USR = '/var/cache/weft-test/compose/usr'

/** Why a host cannot have it, as a `skip` of node:test: false when it can. */
export function noCompose(): string | false {
	if (!existsSync(USR)) return `needs docker-compose in ${USR}, where test/support/fetch-programs puts it`
	return noHost()
}

/** Before its daemons start, as they are to see one /usr. */
export async function installCompose(host: Host): Promise<void> {
	await host.exec(['mount', '-t', 'overlay', 'overlay', '-o', `ro,lowerdir=${USR}:/usr`, '/usr'])
}
