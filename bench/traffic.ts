/** What packets cost by the ways that containers have: iperf3 for streams, one byte there and back, new connections. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { run } from '../test/support/command.ts'
import { HOST_V4, INTERNET_V4 } from '../test/support/host-namespaces.ts'
import { IMAGE } from '../test/support/image.ts'
import { inContainer, onHost, outsideOf, type Place } from '../test/support/traffic.ts'
import { BRIDGE, networkOf } from './bed.ts'
import type { Row, Value } from './figures.ts'
import { interleave } from './interleave.ts'
import type { Rig } from './rig.ts'

// From dist/bench/ up to the repository: it is no TypeScript.
const PEER = fileURLToPath(new URL('../../bench/peer.pl', import.meta.url))
const PROGRAMS = '/var/cache/weft-test/bench'
/** Of iperf3's server, and of the peer. */
export interface Ports {
	readonly stream: number
	readonly peer: number
}

export const PORTS: Ports = { stream: 5201, peer: 7000 }
/** Of the container that has them on the host without their being published. */
const SHARED_PORTS: Ports = { stream: 5202, peer: 7001 }
/** Of the container that has them at the addresses of another one. */
const SIDE_PORTS: Ports = { stream: 5203, peer: 7002 }
const WORKERS = 4
/** Each measurement's time. */
const SECONDS = 1
/** In which the kernel counts a CPU's time, in nanoseconds (proc(5), USER_HZ). */
const TICK = 1e7

/** A way from a client to a server. */
export interface Way {
	readonly name: string
	readonly client: Place
	readonly address: string
	readonly ports: Ports
}

export interface Scene {
	readonly ways: readonly Way[]
	/** Ends the servers. */
	end(): void
}

/**
 * Two containers on a network of this driver, one of them with published ports, and servers there and beyond the uplink; one
 * whose ports are the host's, and one whose ports are those of the first: on networks of weft's in modes host and container, or in their
 * namespaces as Docker has it.
 */
export async function setScene({ host, api }: Rig, driver: 'weft' | 'docker'): Promise<Scene> {
	const network = networkOf(driver)
	await api.call('POST', '/networks/create', { Name: network, ...BRIDGE[driver] })
	for (const name of ['bench-server', 'bench-client']) {
		const ports = name === 'bench-server' ? Object.values(PORTS) : []
		const HostConfig = { NetworkMode: network, PortBindings: byPort(ports, (port) => [{ HostPort: String(port) }]) }
		const body = { Image: IMAGE, ExposedPorts: byPort(ports, () => ({})), HostConfig }
		await api.call('POST', `/containers/create?name=${name}`, body)
		await api.call('POST', `/containers/${name}/start`)
	}
	await runShared(api, driver, 'bench-shared', 'host', { mode: 'host' })
	await runShared(api, driver, 'bench-side', 'container:bench-server', { mode: 'container', container: 'bench-server' })
	const [server, shared, side, client, outside] = [
		await inContainer(host, 'bench-server'),
		await inContainer(host, 'bench-shared'),
		await inContainer(host, 'bench-side'),
		await inContainer(host, 'bench-client'),
		outsideOf(host),
	]
	const servers = [
		...(await startServers(server, PORTS)),
		...(await startServers(outside, PORTS)),
		...(await startServers(shared, SHARED_PORTS)),
		...(await startServers(side, SIDE_PORTS)),
	]
	const path = `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`
	const address = await host.docker('inspect', '-f', path, 'bench-server')
	const ways: Way[] = [
		{ name: 'container to container', client, address, ports: PORTS },
		{ name: 'container to outside', client, address: INTERNET_V4, ports: PORTS },
		{ name: 'published port from outside', client: outside, address: HOST_V4, ports: PORTS },
		{ name: 'published port over 127.0.0.1', client: onHost(host), address: '127.0.0.1', ports: PORTS },
		{ name: 'host mode from outside', client: outside, address: HOST_V4, ports: SHARED_PORTS },
		{ name: 'host mode over 127.0.0.1', client: onHost(host), address: '127.0.0.1', ports: SHARED_PORTS },
		{ name: 'container mode from a container', client, address, ports: SIDE_PORTS },
	]
	const end = () => {
		for (const { stdin } of servers) stdin?.end()
	}
	return { ways, end }
}

/** A container on a network of weft's of its own, with these options, or as Docker has it. */
async function runShared(
	api: Rig['api'],
	driver: 'weft' | 'docker',
	name: string,
	native: string,
	options: Readonly<Record<string, string>>,
): Promise<void> {
	if (driver === 'weft') await api.call('POST', '/networks/create', { Name: name, ...BRIDGE.weft, Options: options })
	const body = { Image: IMAGE, HostConfig: { NetworkMode: driver === 'weft' ? name : native } }
	await api.call('POST', `/containers/create?name=${name}`, body)
	await api.call('POST', `/containers/${name}/start`)
}

function byPort<T>(ports: readonly number[], value: (port: number) => T): Record<string, T> {
	return Object.fromEntries(ports.map((port) => [`${port}/tcp`, value(port)]))
}

/** Runs a program in the background, and ends it and all that it has started when the standard input closes. */
const HOLD = '"$@" & cat >/dev/null; kill -KILL 0'

/** Until its standard input is closed, at the latest with this process. */
async function startServer(place: Place, argv: readonly string[]): Promise<ChildProcess> {
	const [file = '', ...args] = place(['setsid', 'sh', '-c', HOLD, 'sh', ...argv])
	const server = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] })
	for await (const line of createInterface(server.stdout)) if (/listening/i.test(line)) return server
	throw new Error(`${argv.join(' ')} does not listen`)
}

export function startServers(place: Place, ports: Ports): Promise<ChildProcess[]> {
	const peer = ['perl', PEER, 'serve', String(ports.peer), String(WORKERS)]
	const streams = iperf3('--server', '--port', String(ports.stream), '--forceflush')
	return Promise.all([peer, ...(hasStreams() ? [streams] : [])].map((argv) => startServer(place, argv)))
}

/** Whether iperf3 is there; without it only connections and bytes are measured. */
function hasStreams(): boolean {
	return existsSync(`${PROGRAMS}/usr/bin/iperf3`)
}

function iperf3(...words: string[]): string[] {
	return [
		'sh',
		'-c',
		`LD_LIBRARY_PATH=$(echo ${PROGRAMS}/usr/lib/*-linux-gnu) exec "$@"`,
		'sh',
		`${PROGRAMS}/usr/bin/iperf3`,
		...words,
	]
}

/** Both are there at the same time, and one of them is still. */
export interface Scenes {
	readonly weft: Scene
	readonly docker: Scene
}

export interface Extent {
	/** In the names of the rows. */
	readonly of: string
	readonly rounds: number
	/** How many streams iperf3 has, one run after the other. */
	readonly streams: readonly number[]
}

/** By every way. */
export async function traffic(scenes: Scenes, { of, rounds, streams }: Extent): Promise<Row[]> {
	if (!hasStreams())
		console.error(`iperf3 is not in ${PROGRAMS}, where test/support/fetch-programs puts it: no streams`)
	const rows: Row[] = []
	for (const [index, { name }] of scenes.weft.ways.entries()) {
		const measured = await interleave(['weft', 'docker'], { rounds, warmUps: 0 }, async (contender) => {
			const way = scenes[contender].ways[index]
			if (way === undefined) throw new Error(`no way ${name}`)
			const values: Value[] = []
			for (const count of hasStreams() ? streams : []) values.push(...(await stream(way, count)))
			values.push({ name: 'TCP_RR', unit: '1/s', value: await thereAndBack(way, 'rr', 1) })
			values.push({ name: 'new connections', unit: '1/s', value: await thereAndBack(way, 'crr', WORKERS) })
			return values.map((value) => ({ ...value, name: `${value.name}, ${name}${of}` }))
		})
		rows.push(...measured)
	}
	return rows
}

async function stream({ client, address, ports }: Way, count: number): Promise<Value[]> {
	const words = [
		'--client',
		address,
		'--port',
		String(ports.stream),
		'--time',
		String(SECONDS),
		'--parallel',
		String(count),
	]
	const before = busy()
	const output = await run(client(iperf3(...words, '--json')))
	const spent = busy() - before
	const { end } = JSON.parse(output) as { end: { sum_received: { bits_per_second: number; bytes: number } } }
	const of = `${count} stream${count === 1 ? '' : 's'}`
	return [
		{ name: of, unit: 'Gbit/s', value: end.sum_received.bits_per_second / 1e9 },
		{ name: `${of}, CPU`, unit: 'ns/byte', value: spent / end.sum_received.bytes },
	]
}

/** Times in a second. */
async function thereAndBack({ client, address, ports }: Way, what: 'rr' | 'crr', workers: number): Promise<number> {
	const words = [what, address, String(ports.peer), String(SECONDS), String(workers)]
	return Number(await run(client(['perl', PEER, ...words]))) / SECONDS
}

/** Nanoseconds of CPU time that the whole machine has spent: interrupts, which do most of a packet's work, are nobody's. */
function busy(): number {
	const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] =
		/^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]?.split(' ').map(Number) ?? []
	return (user + nice + system + irq + softirq) * TICK
}
