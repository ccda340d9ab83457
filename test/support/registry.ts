/** A registry for managed plugins on a test host's loopback, as `fetch-programs` brought it. */
import { existsSync } from 'node:fs'
import { Daemon } from './daemon.ts'
import { type Host, noHost } from './host.ts'

const PROGRAM = '/var/cache/weft-test/registry/usr/bin/docker-registry'
/** Docker wants no TLS of one on the loopback. */
export const REGISTRY = 'localhost:5000'

/** JSON is YAML too. */
const SETTINGS = JSON.stringify({
	version: 0.1,
	log: { level: 'warn', accesslog: { disabled: true } },
	storage: { filesystem: { rootdirectory: '/run/data/registry' } },
	http: { addr: '127.0.0.1:5000' },
})

/** Why a host cannot have one, as a `skip` of node:test: false when it can. */
export function noRegistry(): string | false {
	if (!existsSync(PROGRAM)) return `needs ${PROGRAM}, which test/support/fetch-programs brings`
	return noHost()
}

/** It ends with the host. */
export async function startRegistry(host: Host): Promise<void> {
	await host.exec(['sh', '-c', 'cat >/run/registry.yml'], { input: SETTINGS })
	const registry = new Daemon('docker-registry', host.enter([]))
	registry.start([PROGRAM, 'serve', '/run/registry.yml'], {})
	const probe = ['busybox', 'wget', '-q', '-O', '-', 'http://127.0.0.1:5000/v2/']
	await registry.ready(async () => (await host.attempt(probe)).code === 0)
}
