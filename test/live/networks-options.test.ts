/**
 * What the options of a bridge network change for packets: who may come in directly, with which address they leave,
 * what the bridge itself answers to. Each option has a twin network without it, on which the same packet does the other.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Bed, makeBed, noBed } from './networks-bed.ts'
import { EACH, FAMILIES, HOST, OUTSIDE, PROTOCOLS, PUBLISHED, routeTo, SERVICE, SHUT, serve } from './networks-scene.ts'
import {
	attach,
	type Container,
	endAll,
	gatewayOf,
	idOf,
	networkRequest,
	port,
	runContainer,
	runContainers,
	startWeft,
	type Weft,
} from './networks-weft.ts'

/** More addresses of the host, which it would not choose by itself. */
const SOURCE = { 4: '192.0.2.7', 6: '2001:db8:99::7' } as const

const PLAIN = 1
const TRUSTING = 2
const TRUSTING_ANOTHER = 3
const SOURCED = 4
const SOURCED_BARE = 5
const INHIBITED = 6
const ONLY_V6 = 7

const BRIDGE = 'com.docker.network.bridge'
const SOURCES = { 'com.docker.network.host_ipv4': SOURCE[4], 'com.docker.network.host_ipv6': SOURCE[6] }
const OPTIONS: Readonly<Record<number, Record<string, string>>> = {
	[PLAIN]: {},
	[TRUSTING]: { [`${BRIDGE}.trusted_host_interfaces`]: 'eth7:eth0' },
	[TRUSTING_ANOTHER]: { [`${BRIDGE}.trusted_host_interfaces`]: 'eth7' },
	[SOURCED]: SOURCES,
	[SOURCED_BARE]: { ...SOURCES, [`${BRIDGE}.enable_ip_masquerade`]: 'false' },
	[INHIBITED]: { [`${BRIDGE}.inhibit_ipv4`]: 'true' },
}

interface Scene extends Bed {
	readonly weft: Weft
	readonly containers: ReadonlyMap<number, Container>
}

async function setScene(): Promise<Scene> {
	const bed = await makeBed()
	await bed.host.ip(`addr add ${SOURCE[4]}/32 dev lo`, `addr add ${SOURCE[6]}/128 dev lo`)
	await bed.outside.ip(`route add ${SOURCE[4]} via ${HOST[4]}`, `route add ${SOURCE[6]} via ${HOST[6]} dev up0`)
	const weft = await startWeft()
	const numbers = Object.keys(OPTIONS).map(Number)
	for (const number of numbers)
		await weft.verbs.createNetwork(networkRequest(number, { options: OPTIONS[number] ?? {} }))
	const containers = await runContainers(weft, numbers)
	await routeTo(bed.outside, ...numbers)
	await serve(bed.outside)
	for (const [number, { place, networkId, endpointId }] of containers) {
		await serve(place, SERVICE, SHUT)
		await weft.verbs.publish(networkId, endpointId, port(PUBLISHED + number, SERVICE))
	}
	return {
		...bed,
		weft,
		containers,
		end: () => endAll(bed, weft, containers.values()),
	}
}

describe('packets of networks with options', { skip: noBed() }, () => {
	let scene: Scene
	before(async () => {
		scene = await setScene()
	})
	after(() => scene?.end())

	function container(number: number): Container {
		return scene.containers.get(number) as Container
	}

	async function shut(number: number, port: number): Promise<void> {
		const { address } = container(number)
		const calls = EACH.map(async ({ family, protocol }) => {
			assert.ok(await scene.outside.isShutOut(protocol, address[family], port), `${protocol} ${address[family]}`)
		})
		await Promise.all(calls)
	}

	it('reach open ports directly from a trusted link, from no other, and no port that is not open', async () => {
		const { outside } = scene
		const { address } = container(TRUSTING)
		for (const { family, protocol } of EACH) {
			assert.equal(await outside.dial(protocol, address[family], SERVICE), OUTSIDE[family])
			assert.equal(await outside.dial(protocol, HOST[family], PUBLISHED + TRUSTING), OUTSIDE[family])
		}
		await shut(TRUSTING, SHUT)
		for (const number of [PLAIN, TRUSTING_ANOTHER]) await shut(number, SERVICE)
	})

	it('leave with the address that was chosen, and come back', async () => {
		for (const { family, protocol } of EACH) {
			const leaving = (number: number) => container(number).place.dial(protocol, OUTSIDE[family], SERVICE)
			assert.equal(await leaving(PLAIN), HOST[family])
			assert.equal(await leaving(SOURCED), SOURCE[family])
			assert.equal(await leaving(SOURCED_BARE), container(SOURCED_BARE).address[family])
		}
	})

	it('keep their address inside a network whose source address was chosen', async () => {
		const neighbour = await runContainer(scene.weft, SOURCED, 3)
		try {
			for (const { family, protocol } of EACH) {
				const seen = await neighbour.place.dial(protocol, container(SOURCED).address[family], SERVICE)
				assert.equal(seen, neighbour.address[family])
			}
		} finally {
			await neighbour.place.end()
		}
	})

	it('of IPv6 alone come and go as beside IPv4, and there is no IPv4 on the bridge', async () => {
		const { weft, outside, host } = scene
		const request = networkRequest(ONLY_V6, { ipv4: [] })
		await weft.verbs.createNetwork(request)
		const [own, neighbour] = ['fd00:231:7::2', 'fd00:231:7::3']
		const join = (address: string) => {
			return attach(weft, { networkId: request.id, id: idOf(address), ipv6: `${address}/64` })
		}
		const [place, other] = [await join(own), await join(neighbour)]
		try {
			await serve(place)
			await weft.verbs.publish(request.id, idOf(own), port(PUBLISHED + ONLY_V6, SERVICE))
			for (const protocol of PROTOCOLS) {
				assert.equal(await place.dial(protocol, OUTSIDE[6], SERVICE), HOST[6])
				assert.equal(await other.dial(protocol, own, SERVICE), neighbour)
				assert.equal(await outside.dial(protocol, HOST[6], PUBLISHED + ONLY_V6), OUTSIDE[6])
				assert.ok(await outside.isShutOut(protocol, HOST[4], PUBLISHED + ONLY_V6))
			}
			const bridge = `weft${request.id.slice(0, 11)}`
			assert.equal(await host.run('ip', '-4', '-br', 'addr', 'show', 'dev', bridge), '')
		} finally {
			await Promise.all([place.end(), other.end()])
		}
	})

	it('find no IPv4 address on the bridge where that is inhibited, though containers have it as gateway', async () => {
		const { host } = scene
		const { place } = container(INHIBITED)
		assert.match(await place.run('ip', 'route'), new RegExp(`default via ${gatewayOf(INHIBITED)[4]}`))
		assert.ok(!(await place.pings(gatewayOf(INHIBITED)[4])))
		assert.ok(await place.pings(gatewayOf(INHIBITED)[6]))
		for (const family of FAMILIES) assert.ok(await container(PLAIN).place.pings(gatewayOf(PLAIN)[family]))
		const addresses = await host.run('ip', '-4', '-br', 'addr')
		assert.ok(addresses.includes(gatewayOf(PLAIN)[4]) && !addresses.includes(gatewayOf(INHIBITED)[4]))
	})
})
