/**
 * What every end-to-end test does with Docker: a network of weft's, containers on it, their addresses.
 * WEFT_E2E_DRIVER=bridge runs the same tests on Docker's own driver: what differs there is a question to the test.
 * WEFT_E2E_ENGINE=28 runs those on the engines alone whose version begins so.
 */

import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { ENGINES, type Engine, isSince, OUTER_ENGINES } from '../support/engine.ts'
import { type Host, type HostOptions, noHost, startHost } from '../support/host.ts'
import { IMAGE } from '../support/image.ts'

const DRIVER = process.env.WEFT_E2E_DRIVER ?? 'weft'
const ONLY = process.env.WEFT_E2E_ENGINE ?? ''
export const WEFT_IPAM: readonly string[] = DRIVER === 'weft' ? ['--ipam-driver', 'weft'] : []

/** The same tests on every engine, or on those from a major version of Docker on. */
export function onEngines(title: string, tests: (engine: Engine) => void, since = 0): void {
	describeOn(
		ENGINES.filter((each) => since === 0 || isSince(each, since)),
		title,
		tests,
	)
}

/** The same on this machine's own and the newest: what takes long, and has little to do with what differs between them. */
export function onOuterEngines(title: string, tests: (engine: Engine) => void): void {
	describeOn(OUTER_ENGINES, title, tests)
}

function describeOn(engines: readonly Engine[], title: string, tests: (engine: Engine) => void): void {
	for (const engine of engines.filter((each) => each.version.startsWith(ONLY))) {
		describe(`${title}, Docker ${engine.version}`, { skip: noHost(engine) }, () => tests(engine))
	}
}

export function startDockerHost(engine: Engine, options: HostOptions = {}): Promise<Host> {
	return startHost({ weftd: DRIVER === 'weft', engine, ...options })
}

/** `docker network create` with weft as driver and, unless the words name another or a test says so, as IPAM. */
export async function createNetwork(host: Host, name: string, ...words: readonly string[]): Promise<void> {
	const ipam = words.includes('--ipam-driver') ? [] : WEFT_IPAM
	await host.docker('network', 'create', '--driver', DRIVER, ...ipam, ...words, name)
}

/** What stays of the first container on a bridge, and shows in the routes: the host forwards. For before a look at it. */
export async function haveForwarding(host: Host): Promise<void> {
	await createNetwork(host, 'first', '--ipv6')
	await host.docker('run', '--rm', '--net', 'first', IMAGE, 'true')
	await host.docker('network', 'rm', 'first')
}

/** A container that only waits, unless the words are more than options: `...options` come before the image. */
export async function runContainer(host: Host, name: string, network: string, ...options: string[]): Promise<void> {
	await host.docker('run', '-d', '--name', name, '--net', network, ...options, IMAGE)
}

interface EndpointSettings {
	readonly IPAddress: string
	readonly GlobalIPv6Address: string
	readonly MacAddress: string
	readonly Gateway: string
	readonly IPv6Gateway: string
}

/** What `docker inspect` shows of a container on a network. */
export async function endpointOf(host: Host, container: string, network: string): Promise<EndpointSettings> {
	const text = await host.docker('inspect', '-f', '{{json .NetworkSettings.Networks}}', container)
	const settings: EndpointSettings | undefined = JSON.parse(text)[network]
	assert.ok(settings, `${container} is on ${network}: ${text}`)
	return settings
}

export async function addressOf(host: Host, container: string, network: string): Promise<string> {
	return (await endpointOf(host, container, network)).IPAddress
}

/** The first subnet of a network and its gateway, as Docker knows them. */
export async function subnetOf(host: Host, network: string): Promise<{ Subnet: string; Gateway: string }> {
	return JSON.parse(await host.docker('network', 'inspect', '-f', '{{json .IPAM.Config}}', network))[0]
}

/** Docker refuses: one line that matches, and no container of that name stays. Answers Docker's complaint. */
export async function refused(host: Host, words: readonly string[], expected: RegExp): Promise<string> {
	const { code, stderr, stdout } = await host.attemptDocker(...words)
	assert.notEqual(code, 0, `docker ${words.join(' ')} should have failed; it said ${stdout}`)
	assert.match(stderr, expected)
	return stderr
}
