/** Containers on the network of a host's uplink, and who reaches them: what the tests of this folder share. */
import assert from 'node:assert/strict'
import { createNetwork, runContainer } from '../e2e/networks.ts'
import { type Host, startHost } from '../support/host.ts'
import { HOST_V4, HOST_V6, OUTSIDE_V4, OUTSIDE_V6 } from '../support/host-namespaces.ts'
import {
	assertPings,
	dial,
	inContainer,
	onHost,
	outsideOf,
	type Place,
	pings,
	type Server,
	serve,
} from '../support/traffic.ts'

export const PORT = 9000
/** Of each family. */
export type Both = readonly [four: string, six: string]
export const ONE: Both = ['203.0.113.150', '2001:db8:113::150']
export const TWO: Both = ['203.0.113.151', '2001:db8:113::151']
export const HOST: Both = [HOST_V4, HOST_V6]
export const LAN_HOST: Both = [OUTSIDE_V4, OUTSIDE_V6]
const LAN4 = ['--subnet', '203.0.113.0/24', '--gateway', OUTSIDE_V4]
export const LAN6: readonly string[] = ['--ipv6', '--subnet', '2001:db8:113::/64', '--gateway', OUTSIDE_V6]

export class Lan {
	readonly host: Host
	readonly #servers: readonly Server[]

	private constructor(host: Host, servers: readonly Server[]) {
		this.host = host
		this.#servers = servers
	}

	/** The host itself and the host of the LAN answer on PORT. */
	static async start(): Promise<Lan> {
		const host = await startHost()
		const places = [outsideOf(host), onHost(host)]
		return new Lan(host, await Promise.all(places.map((place) => serve(place, 'tcp', PORT, '::'))))
	}

	async stop(): Promise<void> {
		await Promise.all(this.#servers.map((server) => server.stop()))
		await this.host.stop()
	}

	/** After a test that failed, too. */
	async clear(): Promise<void> {
		await this.host.attemptDocker('rm', '-f', 'one', 'two')
		await this.host.attemptDocker('network', 'rm', 'lan', 'other')
	}

	create(...words: readonly string[]): Promise<void> {
		return createNetwork(this.host, 'lan', '-o', 'mode=ipvlan', '-o', 'parent=eth0', ...LAN4, ...words)
	}

	run(name: string, [four, six]: Both): Promise<void> {
		return runContainer(this.host, name, 'lan', '--ip', four, '--ip6', six)
	}

	/** Where the parent routes, other hosts of the LAN need a route to containers. */
	async tell(verb: 'add' | 'del', mode: string): Promise<void> {
		if (mode === 'l2') return
		for (const [four, six] of [ONE, TWO]) {
			await this.host.outside(['ip', 'route', verb, `${four}/32`, 'via', HOST_V4])
			await this.host.outside(['ip', 'route', verb, `${six}/128`, 'via', HOST_V6])
		}
	}

	/** Both ways between container one and the host of the LAN. */
	async assertOnLan(): Promise<Place> {
		const place = await inContainer(this.host, 'one')
		await assertAllPing(place, LAN_HOST, 'container to host of the LAN')
		await assertAllPing(outsideOf(this.host), ONE, 'host of the LAN to container')
		await assertDials(place, LAN_HOST)
		return place
	}
}

export async function assertAllPing(from: Place, to: readonly string[], what: string): Promise<void> {
	for (const address of to) await assertPings(from, address, `${what}: ${address}`)
}

/** Beside a twin that does. */
export async function assertNonePings(from: Place, to: readonly string[], what: string): Promise<void> {
	for (const address of to) assert.equal(await pings(from, address), false, `${what}: ${address}`)
}

/** From container one, seen there with its own addresses. */
export async function assertDials(place: Place, [four, six]: Both): Promise<void> {
	assert.equal(await dial(place, 'tcp', four, PORT), ONE[0])
	assert.equal(await dial(place, 'tcp', six, PORT), ONE[1])
}
