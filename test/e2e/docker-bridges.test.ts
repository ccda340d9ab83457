/**
 * Docker's networks whose bridge has a name of the user's: apart from weft's as any others of Docker's, while a bridge
 * that is nobody's is reached from weft's networks as ever.
 */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4, HOST_V6 } from '../support/host-namespaces.ts'
import { inContainer, type Place, pings, reaches, type Server, serve } from '../support/traffic.ts'
import { createNetwork, endpointOf, onEngines, runContainer, startDockerHost } from './networks.ts'

const PORT = 7000
const NAME = 'com.docker.network.bridge.name'

interface Spot {
	readonly place: Place
	/** One of each family. */
	readonly addresses: readonly string[]
}

onEngines("Docker's bridges with names of their own", (engine) => {
	let host: Host
	let green: Spot
	let twin: Spot
	const servers: Server[] = []

	/** For both families. */
	async function listen(place: Place): Promise<void> {
		servers.push(await serve(place, 'tcp', PORT, '::'))
	}

	async function spot(name: string, network: string): Promise<Spot> {
		const place = await inContainer(host, name)
		const { IPAddress, GlobalIPv6Address } = await endpointOf(host, name, network)
		return { place, addresses: [IPAddress, GlobalIPv6Address] }
	}

	async function settle(name: string, network: string, ...options: string[]): Promise<Spot> {
		await runContainer(host, name, network, ...options)
		const settled = await spot(name, network)
		await listen(settled.place)
		return settled
	}

	function pool(number: number): string[] {
		return ['--ipv6', '--subnet', `172.29.${number}.0/24`, '--subnet', `fd00:172:29:${number}::/64`]
	}

	async function createNamed(name: string, number: number, ...options: string[]): Promise<void> {
		await host.docker('network', 'create', '-o', `${NAME}=${name}`, ...pool(number), ...options, name)
	}

	/** Each way from one to the other that is open. */
	async function waysBetween(from: Spot, to: Spot): Promise<string[]> {
		const open = await Promise.all(
			all(to).map((way) => {
				const [how, address = ''] = way.split(' ')
				return how === 'tcp' ? reaches(from.place, 'tcp', address, PORT) : pings(from.place, address)
			}),
		)
		return all(to).filter((_, i) => open[i])
	}

	function all({ addresses }: Spot): string[] {
		return addresses.flatMap((address) => [`ping ${address}`, `tcp ${address}`])
	}

	function assertOpen(from: Spot, to: Spot): Promise<void> {
		return eventually(async () => (await waysBetween(from, to)).length === all(to).length, { what: all(to).join() })
	}

	/** In neither direction, while each of them reaches its neighbour. */
	async function assertApart(dock: Spot, neighbour: Spot): Promise<void> {
		await Promise.all([assertOpen(green, twin), assertOpen(dock, neighbour)])
		assert.deepEqual(await Promise.all([waysBetween(green, dock), waysBetween(dock, green)]), [[], []])
	}

	async function untilApart(dock: Spot, neighbour: Spot): Promise<void> {
		await eventually(async () => (await waysBetween(green, dock)).length === 0, { what: 'they are apart' })
		await assertApart(dock, neighbour)
	}

	before(async () => {
		host = await startDockerHost(engine, { dockerdArgs: ['--live-restore'] })
		await createNetwork(host, 'green', '--ipv6')
		green = await settle('green-1', 'green', '-p', '7200:7000')
		twin = await settle('green-2', 'green')
	})
	after(async () => {
		await Promise.all(servers.map((server) => server.stop()))
		await host?.stop()
	})

	it('are apart from the first container on, also after a restart of either daemon', async () => {
		await createNamed('quay', 1)
		const [quay, quay2] = [await settle('quay-1', 'quay', '-p', '7100:7000'), await settle('quay-2', 'quay')]
		await untilApart(quay, quay2)
		for (const address of [HOST_V4, HOST_V6]) {
			await eventually(() => reaches(green.place, 'tcp', address, 7100), { what: `Docker's port at ${address}` })
			await eventually(() => reaches(quay.place, 'tcp', address, 7200), { what: `weft's port at ${address}` })
		}
		await host.stopWeftd()
		await host.startWeftd()
		await assertApart(quay, quay2)
		await host.stopDockerd()
		await host.startDockerd()
		await assertApart(quay, quay2)
		// dockerd is away while weftd starts.
		await host.stopDockerd()
		await host.killWeftd()
		await host.startWeftd()
		await assertApart(quay, quay2)
		await host.startDockerd()
		await assertApart(quay, quay2)
	})

	it('are apart where they were made while weftd was away', async () => {
		await host.stopWeftd()
		await createNamed('pier', 2)
		const [pier, pier2] = [await settle('pier-1', 'pier'), await settle('pier-2', 'pier')]
		await host.startWeftd()
		await untilApart(pier, pier2)
	})

	it('are no longer, when they have become bridges of somebody else', async () => {
		await createNamed('wharf', 3)
		const [wharf, wharf2] = [await settle('wharf-1', 'wharf'), await settle('wharf-2', 'wharf')]
		await untilApart(wharf, wharf2)
		await host.docker('rm', '-f', 'wharf-1', 'wharf-2')
		await host.docker('network', 'rm', 'wharf')
		await assertOpen(green, await somebody('wharf', 4))
	})

	/** Somebody on a bridge that is not Docker's. */
	async function somebody(bridge: string, number: number): Promise<Spot> {
		const [v4, v6] = [`172.29.${number}`, `fd00:172:29:${number}`]
		const lines = [
			`link add ${bridge} type bridge`,
			`addr add ${v4}.1/24 dev ${bridge}`,
			`addr add ${v6}::1/64 dev ${bridge} nodad`,
			`link set ${bridge} up`,
			`netns add ${bridge}`,
			`link add ${bridge}-p type veth peer name eth0 netns ${bridge}`,
			`link set ${bridge}-p master ${bridge} up`,
			`-n ${bridge} addr add ${v4}.2/24 dev eth0`,
			`-n ${bridge} addr add ${v6}::2/64 dev eth0 nodad`,
			`-n ${bridge} link set eth0 up`,
			`-n ${bridge} route add default via ${v4}.1`,
			`-n ${bridge} route add default via ${v6}::1`,
		]
		for (const line of lines) await host.exec(['ip', ...line.split(' ')])
		const place: Place = (argv) => host.enter(['ip', 'netns', 'exec', bridge, ...argv])
		await listen(place)
		return { place, addresses: [`${v4}.2`, `${v6}::2`] }
	}

	it('are not those of somebody else', async () => {
		await assertOpen(green, await somebody('lan0', 5))
	})
})
