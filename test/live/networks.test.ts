/**
 * What may pass and what may not, in packets, without Docker: two weft networks, one internal, an outside. All of it
 * with frames of a bridge shown to iptables and not, which changes where they are filtered. Every refusal stands beside
 * a twin that is let through.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { noBed, type Place } from './networks-bed.ts'
import {
	EACH,
	FAMILIES,
	HOST,
	LOOPBACK,
	OUTSIDE,
	PRIVATE,
	PROTOCOLS,
	PUBLIC,
	PUBLISHED,
	PUBLISHED_GREEN,
	PUBLISHED_LOCAL,
	type Scene,
	SERVICE,
	setScene,
	showBridgedFrames,
} from './networks-scene.ts'
import type { Protocol } from './networks-talk.ts'
import { type Container, gatewayOf } from './networks-weft.ts'

describe('packets of networks', { skip: noBed() }, () => {
	let scene: Scene
	before(async () => {
		scene = await setScene()
	})
	after(() => scene?.end())

	/** The source address that the other end sees. */
	async function sees(from: Place, protocol: Protocol, address: string, port: number, source: string): Promise<void> {
		assert.equal(await from.dial(protocol, address, port), source, `${protocol} to ${address} port ${port}`)
	}

	async function shut(from: Place, protocol: Protocol, address: string, port: number): Promise<void> {
		assert.ok(await from.isShutOut(protocol, address, port), `${protocol} to ${address} port ${port} is open`)
	}

	/** A container that answers neither pings nor calls, though it listens. */
	async function shutToAll(from: Place, ...containers: readonly Container[]): Promise<void> {
		const addresses = containers.flatMap((each) => FAMILIES.map((family) => each.address[family]))
		const calls = addresses.flatMap((address) => PROTOCOLS.map((protocol) => shut(from, protocol, address, SERVICE)))
		const pings = addresses.map(async (address) => {
			assert.ok(!(await from.pings(address)), `ping ${address} is answered`)
		})
		await Promise.all([...calls, ...pings])
	}

	for (const shown of ['0', '1'] as const) {
		describe(`with bridge-nf-call-iptables=${shown}`, () => {
			before(() => showBridgedFrames(shown))

			it('go between containers of one network with their own addresses', async () => {
				const { red, red2, inner, inner2 } = scene
				for (const { family, protocol } of EACH) {
					await sees(red.place, protocol, red2.address[family], SERVICE, red.address[family])
					await sees(inner.place, protocol, inner2.address[family], SERVICE, inner.address[family])
				}
				for (const family of FAMILIES) assert.ok(await red.place.pings(red2.address[family]))
			})

			it('leave with the address of the host', async () => {
				const { red } = scene
				for (const { family, protocol } of EACH) {
					await sees(red.place, protocol, OUTSIDE[family], SERVICE, HOST[family])
				}
				for (const family of FAMILIES) assert.ok(await red.place.pings(OUTSIDE[family]))
			})

			it('do not go from network to network, in either direction', async () => {
				const { red, green } = scene
				await Promise.all([shutToAll(red.place, green), shutToAll(green.place, red)])
			})

			it('reach what another network publishes by the address of the host and by that of their gateway', async () => {
				const { red, green } = scene
				for (const { family, protocol } of EACH) {
					await sees(red.place, protocol, HOST[family], PUBLISHED_GREEN, gatewayOf(2)[family])
					await sees(green.place, protocol, HOST[family], PUBLISHED, gatewayOf(1)[family])
					await sees(green.place, protocol, gatewayOf(2)[family], PUBLISHED, gatewayOf(1)[family])
				}
			})

			it('come back to their own network and to their own container through a published port', async () => {
				const { red, red2 } = scene
				for (const { family, protocol } of EACH) {
					await sees(red2.place, protocol, HOST[family], PUBLISHED, gatewayOf(1)[family])
					await sees(red.place, protocol, HOST[family], PUBLISHED, gatewayOf(1)[family])
					await sees(red.place, protocol, gatewayOf(1)[family], PUBLISHED, gatewayOf(1)[family])
				}
			})

			it('reach a published port from outside with the address of the client', async () => {
				for (const { family, protocol } of EACH) {
					await sees(scene.outside, protocol, HOST[family], PUBLISHED, OUTSIDE[family])
				}
			})

			it('reach a published port from the host, by its own address and over its loopback', async () => {
				const { host } = scene
				for (const { family, protocol } of EACH) {
					assert.ok(await host.dial(protocol, HOST[family], PUBLISHED), `${protocol} ${HOST[family]}`)
				}
				for (const protocol of PROTOCOLS) {
					await sees(host, protocol, LOOPBACK[4], PUBLISHED, gatewayOf(1)[4])
					await sees(host, protocol, LOOPBACK[4], PUBLISHED_LOCAL, gatewayOf(1)[4])
				}
			})

			it('reach a published port over ::1, as the bridge, and are refused there without a wait where none is', async () => {
				const { host } = scene
				for (const protocol of PROTOCOLS) await sees(host, protocol, LOOPBACK[6], PUBLISHED, gatewayOf(1)[6])
				const start = performance.now()
				assert.equal(await host.dial('tcp', LOOPBACK[6], PUBLISHED_LOCAL), null)
				assert.ok(performance.now() - start < 2000)
				for (const port of [PUBLISHED, PUBLISHED_LOCAL]) assert.ok(await host.dial('tcp', 'localhost', port))
			})

			it('reach what is published on 127.0.0.1 from nowhere else', async () => {
				const { outside, green } = scene
				const callers = [outside, green.place]
				await Promise.all(
					PROTOCOLS.flatMap((protocol) => callers.map((from) => shut(from, protocol, HOST[4], PUBLISHED_LOCAL))),
				)
			})

			it('do not reach a container from outside but through a published port, though there is a route', async () => {
				const { outside, red, green } = scene
				await shutToAll(outside, red, green)
				for (const { family, protocol } of EACH) {
					await sees(outside, protocol, HOST[family], PUBLISHED_GREEN, OUTSIDE[family])
				}
			})

			it('neither leave nor enter an internal network, which only its host reaches', async () => {
				const { host, outside, inner, inner2, red } = scene
				await Promise.all([
					shutToAll(outside, inner),
					shutToAll(red.place, inner),
					shutToAll(inner.place, red),
					...EACH.map(async ({ family, protocol }) => {
						await shut(inner.place, protocol, OUTSIDE[family], SERVICE)
						await shut(inner.place, protocol, HOST[family], PUBLISHED)
						await sees(host, protocol, inner2.address[family], SERVICE, gatewayOf(3)[family])
					}),
				])
			})

			it('reach the host from a network where it serves everybody', async () => {
				const { red } = scene
				for (const { family, protocol } of EACH) {
					await sees(red.place, protocol, gatewayOf(1)[family], PUBLIC, red.address[family])
				}
				for (const protocol of PROTOCOLS) {
					await shut(red.place, protocol, gatewayOf(1)[4], PRIVATE)
				}
			})
		})
	}
})
