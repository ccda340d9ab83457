/**
 * Packets to 127.0.0.1 that come from elsewhere. Bridges have route_localnet for the sake of published ports, so only
 * rules keep a container, or a neighbour of the host, away from what the host serves on its loopback.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { LOOPBACK, noBed, type Place } from './networks-bed.ts'
import {
	HOST,
	OUTSIDE,
	PRIVATE,
	PROTOCOLS,
	PUBLISHED,
	PUBLISHED_LOCAL,
	type Scene,
	setScene,
	showBridgedFrames,
} from './networks-scene.ts'
import { gatewayOf } from './networks-weft.ts'

/** Sees packets before anything can drop them: what never left the sender proves nothing. */
const WITNESS = `table inet witness {
	chain arrivals {
		type filter hook prerouting priority -500
		iifname != "lo" ip daddr ${LOOPBACK[4]} counter
	}
}
`

describe('packets to the loopback of the host', { skip: noBed() }, () => {
	let scene: Scene
	before(async () => {
		scene = await setScene()
		await scene.host.pipe(WITNESS, 'nft', '-f', '-')
	})
	after(() => scene?.end())

	/** Makes a place send what it has for 127.0.0.1 to the host. */
	async function misdirect(place: Place, device: string, via: string): Promise<void> {
		await place.run('sh', '-c', `echo 1 >/proc/sys/net/ipv4/conf/${device}/route_localnet`)
		await place.ip('addr del 127.0.0.1/8 dev lo', `route add ${LOOPBACK[4]} via ${via} dev ${device}`)
	}

	async function arrivals(): Promise<number> {
		const [, count] =
			/counter packets (\d+)/.exec(await scene.host.run('nft', 'list', 'table', 'inet', 'witness')) ?? []
		return Number(count)
	}

	async function shutThoughSent(place: Place): Promise<void> {
		const earlier = await arrivals()
		const ports = [PRIVATE, PUBLISHED, PUBLISHED_LOCAL]
		const calls = ports.flatMap((port) => PROTOCOLS.map((protocol) => ({ port, protocol })))
		await Promise.all(
			calls.map(async ({ port, protocol }) => {
				assert.ok(await place.isShutOut(protocol, LOOPBACK[4], port), `${protocol} port ${port} is open`)
			}),
		)
		assert.ok((await arrivals()) - earlier >= calls.length, 'the packets were not sent')
	}

	for (const shown of ['0', '1'] as const) {
		it(`are heeded from the host alone with bridge-nf-call-iptables=${shown}`, async () => {
			showBridgedFrames(shown)
			const { host, outside, red } = scene
			if (shown === '0') {
				await misdirect(outside, 'up0', HOST[4])
				await misdirect(red.place, 'eth0', gatewayOf(1)[4])
			}
			for (const place of [outside, red.place]) await shutThoughSent(place)
			for (const protocol of PROTOCOLS) {
				assert.equal(await outside.dial(protocol, HOST[4], PUBLISHED), OUTSIDE[4])
				assert.ok(await red.place.dial(protocol, HOST[4], PUBLISHED))
				for (const port of [PRIVATE, PUBLISHED, PUBLISHED_LOCAL]) {
					assert.ok(await host.dial(protocol, LOOPBACK[4], port), `${protocol} port ${port}`)
				}
			}
		})
	}
})
