/** The managed plugin for tests on it: built once for a file, and made on a host as a user would. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { fileURLToPath } from 'node:url'
import { run } from '../support/command.ts'
import { type Host, noHost } from '../support/host.ts'

// From dist/test/e2e/ up to the repository.
const BUILD = fileURLToPath(new URL('../../../plugin/build', import.meta.url))
/** A managed plugin's driver has the plugin's name, with its tag. */
export const DRIVER = 'weft:latest'
/** A test host has no /var/lib of its own. */
export const STATE = 'WEFT_STATE_DIR=/host/run/data/weft'

/** Builds it before the file's tests; its folder, once they run. */
export function builtPlugin(): () => string {
	let folder: string
	before(async () => {
		folder = await mkdtemp(join(tmpdir(), 'weft-plugin-'))
		if (noHost() === false) await buildPlugin(folder)
	})
	after(() => rm(folder, { recursive: true, force: true }))
	return () => folder
}

export async function buildPlugin(folder: string): Promise<void> {
	await run([BUILD, folder])
}

export async function enablePlugin(host: Host, folder: string, ...settings: readonly string[]): Promise<void> {
	await host.docker('plugin', 'create', 'weft', folder)
	await host.docker('plugin', 'set', 'weft', STATE, ...settings)
	await host.docker('plugin', 'enable', 'weft')
}

/** With the plugin as its driver and its IPAM driver. */
export async function createManagedNetwork(host: Host, name: string, ...words: readonly string[]): Promise<void> {
	await host.docker('network', 'create', '--driver', DRIVER, '--ipam-driver', DRIVER, ...words, name)
}
