/** Networks are apart from each other and from Docker's own; every refusal has a twin that shows the same path open. */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { run } from '../support/command.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4, INTERNET_V4 } from '../support/host-namespaces.ts'
import {
	assertPings,
	assertReaches,
	inContainer,
	outsideOf,
	type Place,
	pings,
	reaches,
	type Server,
	serve,
} from '../support/traffic.ts'
import { addressOf, createNetwork, onEngines, runContainer, startDockerHost, subnetOf } from './networks.ts'

const PORT = 7000

interface Spot {
	readonly place: Place
	readonly address: string
}

onEngines('isolation', (engine) => {
	let host: Host
	const servers: Server[] = []

	/** A container that listens, on its network. */
	async function settle(name: string, network: string, ...options: string[]): Promise<Spot> {
		await runContainer(host, name, network, ...options)
		const place = await inContainer(host, name)
		servers.push(await serve(place, 'tcp', PORT))
		return { place, address: await addressOf(host, name, network) }
	}

	async function assertOpen(from: Spot, to: Spot): Promise<void> {
		await assertPings(from.place, to.address, `ping ${from.address} -> ${to.address}`)
		await assertReaches(from.place, 'tcp', to.address, PORT, `tcp ${from.address} -> ${to.address}`)
	}

	async function assertShut(from: Spot, to: Spot): Promise<void> {
		assert.ok(!(await pings(from.place, to.address)), `no ping ${from.address} -> ${to.address}`)
		assert.ok(!(await reaches(from.place, 'tcp', to.address, PORT)), `no tcp ${from.address} -> ${to.address}`)
	}

	before(async () => {
		host = await startDockerHost(engine)
		servers.push(await serve(outsideOf(host), 'tcp', PORT))
	})
	after(async () => {
		await Promise.all(servers.map((server) => server.stop()))
		await host?.stop()
	})

	it('holds between two networks, in both directions', async () => {
		await createNetwork(host, 'red')
		await createNetwork(host, 'blue')
		const [red, red2] = [await settle('red-1', 'red'), await settle('red-2', 'red')]
		const [blue, blue2] = [await settle('blue-1', 'blue'), await settle('blue-2', 'blue')]
		await assertOpen(red, red2)
		await assertOpen(blue, blue2)
		await assertShut(red, blue)
		await assertShut(blue, red)
	})

	it("holds between a network and Docker's own, in both directions", async () => {
		await createNetwork(host, 'green')
		await host.docker('network', 'create', 'docks')
		const [green, green2] = [await settle('green-1', 'green'), await settle('green-2', 'green')]
		const [docks, docks2] = [await settle('docks-1', 'docks'), await settle('docks-2', 'docks')]
		await assertOpen(green, green2)
		await assertOpen(docks, docks2)
		await assertShut(green, docks)
		await assertShut(docks, green)
	})

	it('holds inside a network with enable_icc=false, but for what is published', async () => {
		await createNetwork(host, 'cells', '-o', 'com.docker.network.bridge.enable_icc=false')
		const [one, two] = [await settle('cell-1', 'cells', '-p', '7100:7000'), await settle('cell-2', 'cells')]
		await assertShut(one, two)
		await assertShut(two, one)
		await assertReaches(two.place, 'tcp', HOST_V4, 7100)
		await assertReaches(two.place, 'tcp', INTERNET_V4, PORT)
	})

	it('holds between an internal network and published ports, whoever made the network and whoever the port', async () => {
		await createNetwork(host, 'shop')
		await host.docker('network', 'create', 'pier')
		await settle('shop-1', 'shop', '-p', '7300:7000')
		const pier = await settle('pier-1', 'pier', '-p', '7400:7000')
		await host.docker('network', 'create', '--internal', 'vault')
		await createNetwork(host, 'safe', '--internal')
		const inner = [await settle('vault-1', 'vault'), await settle('safe-1', 'safe')]
		await assertOpen(await settle('vault-2', 'vault'), inner[0] ?? pier)
		await assertOpen(await settle('safe-2', 'safe'), inner[1] ?? pier)
		const gateways = await Promise.all(['vault', 'safe'].map(async (name) => (await subnetOf(host, name)).Gateway))
		await assertReaches(pier.place, 'tcp', (await subnetOf(host, 'pier')).Gateway, 7300)
		await assertReaches(pier.place, 'tcp', HOST_V4, 7300)
		for (const [i, { place }] of inner.entries()) {
			const gateway = gateways[i] ?? ''
			await run(place(['ip', 'route', 'replace', 'default', 'via', gateway]))
			for (const address of [gateway, HOST_V4]) {
				const open = await Promise.all([7300, 7400].map((port) => reaches(place, 'tcp', address, port)))
				assert.deepEqual(open, [false, false], `${address} from ${['vault', 'safe'][i]}: ports 7300, 7400`)
			}
		}
	})

	it("leaves Docker's networks as shut from outside as they are without weft", async () => {
		await host.docker('network', 'create', 'harbour')
		const harbour = await settle('harbour-1', 'harbour')
		const { Subnet } = await subnetOf(host, 'harbour')
		await host.outside(['ip', 'route', 'add', Subnet, 'via', '203.0.113.2'])
		await assertReaches(harbour.place, 'tcp', INTERNET_V4, PORT)
		assert.ok(!(await reaches(outsideOf(host), 'tcp', harbour.address, PORT)))
	})
})
