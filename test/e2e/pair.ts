/**
 * A pair of containers for tests of what survives: `one`, published on port 8080, and `two`, on the network `net`. The
 * host's outside must have a server on PORT.
 */

import assert from 'node:assert/strict'
import type { Host } from '../support/host.ts'
import { HOST_V4, INTERNET_V4, OUTSIDE_V4 } from '../support/host-namespaces.ts'
import { assertPings, dial, inContainer, outsideOf, reaches, serve } from '../support/traffic.ts'
import { assertFootprint, type Footprint } from './footprint.ts'
import { addressOf, createNetwork, runContainer } from './networks.ts'

export const PORT = 9000

export async function setUpPair(host: Host, ...options: string[]): Promise<void> {
	await createNetwork(host, 'net', ...options)
	await runPair(host)
}

/** On the network that is there. */
export async function runPair(host: Host): Promise<void> {
	await runContainer(host, 'one', 'net', '-p', '8080:80')
	await runContainer(host, 'two', 'net')
}

/** They reach each other and the world, and the world reaches the published port. */
export async function assertTalking(host: Host): Promise<void> {
	const [one, two] = [await inContainer(host, 'one'), await inContainer(host, 'two')]
	await assertPings(two, await addressOf(host, 'one', 'net'), 'two reaches one')
	await host.docker('exec', 'one', 'ping', '-c', '1', '-W', '1', 'two')
	assert.equal(await dial(one, 'tcp', INTERNET_V4, PORT), HOST_V4)
	assert.equal(await dial(two, 'tcp', INTERNET_V4, PORT), HOST_V4)
	const server = await serve(one, 'tcp', 80)
	assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 8080), OUTSIDE_V4)
	await server.stop()
}

/** Also after a test that failed half way, so that the next one starts from nothing. */
export async function removePair(host: Host): Promise<void> {
	await host.attemptDocker('rm', '-f', 'one', 'two')
	await host.attemptDocker('network', 'rm', 'net')
}

/** Removes the pair; nothing of it is left. */
export async function assertCleanUp(host: Host, clean: Footprint): Promise<void> {
	await host.docker('rm', '-f', 'one', 'two')
	await host.docker('network', 'rm', 'net')
	await assertFootprint(host, clean)
	assert.ok(!(await reaches(outsideOf(host), 'tcp', HOST_V4, 8080)))
}
