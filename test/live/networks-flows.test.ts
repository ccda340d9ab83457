/**
 * Connections that the kernel remembers do not keep a client from the container that has the port now. All clients here
 * send by UDP, each from a port of its own, again and again, which keeps alive what is remembered of them.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PortRequest } from '../../src/model/network.ts'
import { type Bed, makeBed, noBed } from './networks-bed.ts'
import { FAMILIES, HOST, OUTSIDE, SERVICE, serve } from './networks-scene.ts'
import { type Container, networkRequest, port, runContainer, startWeft, type Weft } from './networks-weft.ts'

/** The client's ports. */
const CLIENT = 4000
const OTHER_CLIENT = 4001

describe('packets of clients that talk already', { skip: noBed('conntrack') }, () => {
	let bed: Bed
	let weft: Weft
	const containers: Container[] = []
	before(async () => {
		bed = await makeBed()
		weft = await startWeft()
		await weft.verbs.createNetwork(networkRequest(1))
		for (const family of FAMILIES) await bed.host.listen('udp', SERVICE, family === 4 ? '0.0.0.0' : '::')
	})
	after(async () => {
		await Promise.all(containers.map(({ place }) => place.end()))
		await weft?.end()
		await bed?.end()
	})

	/** A new container that serves. */
	async function run(last: number): Promise<Container> {
		const container = await runContainer(weft, 1, last)
		containers.push(container)
		await serve(container.place)
		return container
	}

	function publish({ networkId, endpointId }: Container, ports: PortRequest[]): Promise<void> {
		return weft.verbs.publish(networkId, endpointId, ports)
	}

	/** As dockerd does it, without Revoke as with: both must do. */
	async function end({ networkId, endpointId, place }: Container): Promise<void> {
		await weft.verbs.leave(networkId, endpointId)
		await weft.verbs.deleteEndpoint(networkId, endpointId)
		await place.end()
	}

	/** Connections from a client's port to a port of the host. */
	async function remembered(family: 4 | 6, from: number, to: number): Promise<number> {
		const what = ['-p', 'udp', '--orig-port-src', String(from), '--orig-port-dst', String(to)]
		const list = await bed.host.run('conntrack', '-L', '-f', `ipv${family}`, ...what)
		return list.split('\n').filter((line) => line !== '').length
	}

	async function forgotten(from: number, to: number): Promise<void> {
		for (const family of FAMILIES) {
			for (let i = 0; i < 200 && (await remembered(family, from, to)) > 0; i++) await sleep(25)
			assert.equal(await remembered(family, from, to), 0)
		}
	}

	async function answered(to: number, from = CLIENT): Promise<void> {
		for (const family of FAMILIES) {
			assert.equal(await bed.outside.dial('udp', HOST[family], to, { from }), OUTSIDE[family], HOST[family])
		}
	}

	it('go from a container that is gone to the next one with the port, and other connections stay', async () => {
		const one = await run(2)
		await publish(one, port(8080, SERVICE))
		await answered(8080)
		await answered(SERVICE, OTHER_CLIENT)
		await end(one)
		await forgotten(CLIENT, 8080)
		for (const family of FAMILIES) assert.equal(await remembered(family, OTHER_CLIENT, SERVICE), 1)
		const two = await run(3)
		await publish(two, port(8080, SERVICE))
		await answered(8080)
	})

	it('reach a container that is published only after they began', async () => {
		for (const family of FAMILIES) {
			assert.ok(await bed.outside.isShutOut('udp', HOST[family], 8081, { from: CLIENT }))
			assert.equal(await remembered(family, CLIENT, 8081), 1)
		}
		await publish(await run(4), port(8081, SERVICE))
		await answered(8081)
	})

	it('go to the host again when nothing is published any more', async () => {
		const one = await run(5)
		await publish(one, port(8082, SERVICE))
		await answered(8082)
		await weft.verbs.unpublish(one.networkId, one.endpointId)
		await forgotten(CLIENT, 8082)
		for (const family of FAMILIES) await bed.host.listen('udp', 8082, family === 4 ? '0.0.0.0' : '::')
		await answered(8082)
	})

	it('go on through a port that stays when others are closed, however many', async () => {
		const one = await run(6)
		const range = Array.from({ length: 8 }, (_, i) => port(8090 + i, SERVICE)).flat()
		await publish(one, range)
		for (const { hostPort } of range) await answered(hostPort)
		await publish(one, port(8090, SERVICE))
		await forgotten(CLIENT, 8097)
		for (const family of FAMILIES) assert.equal(await remembered(family, CLIENT, 8090), 1)
		await answered(8090)
	})

	it('that a container began with its published number go to the next container', async () => {
		const one = await run(7)
		await publish(one, port(SERVICE + 1, SERVICE + 1))
		await bed.outside.listen('udp', CLIENT, '0.0.0.0')
		await bed.outside.listen('udp', CLIENT, '::')
		for (const family of FAMILIES) {
			await one.place.dial('udp', OUTSIDE[family], CLIENT, { from: SERVICE + 1 })
			assert.equal(await remembered(family, SERVICE + 1, CLIENT), 1)
		}
		await end(one)
		await forgotten(SERVICE + 1, CLIENT)
	})
})
