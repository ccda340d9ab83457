/** The examples of docs/examples/compose, as docker-compose brings them up on a host of a test's own. */
import { fileURLToPath } from 'node:url'
import { installCompose } from '../support/compose.ts'
import { type Host, startHost } from '../support/host.ts'
import { IMAGE, loadImage } from '../support/image.ts'
import { assertFootprint, type Footprint } from './footprint.ts'

// From dist/test/e2e/ up to the repository.
export const EXAMPLES = fileURLToPath(new URL('../../../docs/examples/compose/', import.meta.url))
/** What the web servers of the examples have. */
export const PAGE = /root:x:0:0:root/
export const WGET: readonly string[] = ['busybox', 'wget', '-q', '-O', '-']

/** With docker-compose, weftd unless it is to come as a managed plugin, and the image that the examples name. */
export async function startExamplesHost({ weftd = true } = {}): Promise<Host> {
	const host = await startHost({ weftd: false, dockerd: false })
	try {
		await installCompose(host)
		if (weftd) await host.startWeftd()
		await host.startDockerd()
		await loadImage(host)
		await host.docker('tag', IMAGE, 'busybox')
		return host
	} catch (error) {
		await host.stop()
		throw error
	}
}

export function compose(host: Host, name: string, ...words: readonly string[]): Promise<string> {
	return host.exec(['docker-compose', '-p', name, '-f', `${EXAMPLES}${name}.yaml`, ...words])
}

/** Runs a program in the container of a service. */
export function inside(host: Host, name: string, service: string, ...words: readonly string[]): Promise<string> {
	return host.docker('exec', `${name}_${service}_1`, ...words)
}

/** Brings an example up, and takes it away whole: the host is as it was. */
export async function withExample(
	host: Host,
	name: string,
	clean: Footprint,
	work: () => Promise<void>,
): Promise<void> {
	await compose(host, name, 'up', '-d')
	try {
		await work()
	} finally {
		await compose(host, name, 'down', '-t', '0')
	}
	await assertFootprint(host, clean)
}
