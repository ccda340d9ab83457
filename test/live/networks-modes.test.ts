/**
 * What each gateway mode promises, in packets and for each family by itself: who reaches a container from where, and with
 * which address it leaves. Beside each refusal the same packet of a network in another mode passes.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { GatewayMode } from '../../src/model/options.ts'
import { type Bed, makeBed, noBed, type Place } from './networks-bed.ts'
import {
	EACH,
	FAMILIES,
	HOST,
	OUTSIDE,
	PROTOCOLS,
	PUBLISHED,
	routeTo,
	SERVICE,
	SHUT,
	serve,
	showBridgedFrames,
} from './networks-scene.ts'
import {
	type Container,
	endAll,
	gatewayOf,
	networkRequest,
	port,
	runContainers,
	startWeft,
	type Weft,
} from './networks-weft.ts'

/** What the host serves at the number that a routed container publishes. */
const HOSTS_OWN = PUBLISHED + 2

const NAT = 1
const UNPROTECTED = 2
const ROUTED = 3
const MIXED = 4
const INTERNAL = 5
const ISOLATED = 6
const ISOLATED4 = 7

function modes(four: GatewayMode, six: GatewayMode): Readonly<Record<string, string>> {
	const label = 'com.docker.network.bridge.gateway_mode_ipv'
	return { [`${label}4`]: four, [`${label}6`]: six }
}

interface Scene extends Bed {
	readonly weft: Weft
	/** The first container of each network by its number, and the second ones of the internal networks. */
	readonly first: ReadonlyMap<number, Container>
	readonly second: ReadonlyMap<number, Container>
}

async function setScene(): Promise<Scene> {
	const bed = await makeBed()
	const weft = await startWeft()
	const open = { [NAT]: {}, [UNPROTECTED]: modes('nat-unprotected', 'nat-unprotected') }
	const routed = { [ROUTED]: modes('routed', 'routed'), [MIXED]: modes('routed', 'nat') }
	const inner = { [INTERNAL]: {}, [ISOLATED]: modes('isolated', 'isolated'), [ISOLATED4]: modes('isolated', 'nat') }
	for (const [number, options] of Object.entries({ ...open, ...routed, ...inner })) {
		await weft.verbs.createNetwork(networkRequest(Number(number), { options, internal: number in inner }))
	}
	const first = await runContainers(weft, [NAT, UNPROTECTED, ROUTED, MIXED, INTERNAL, ISOLATED, ISOLATED4])
	const second = await runContainers(weft, [INTERNAL, ISOLATED, ISOLATED4], 3)
	await routeTo(bed.outside, NAT, UNPROTECTED, ROUTED, MIXED, INTERNAL, ISOLATED, ISOLATED4)
	const containers = [...first.values(), ...second.values()]
	for (const place of [...containers.map((each) => each.place), bed.outside]) {
		await serve(place, SERVICE, SHUT)
	}
	for (const [number, hostPort] of [
		[NAT, PUBLISHED],
		[UNPROTECTED, PUBLISHED + 1],
		[ROUTED, HOSTS_OWN],
		[MIXED, PUBLISHED + 3],
	] as const) {
		const { networkId, endpointId } = first.get(number) as Container
		await weft.verbs.publish(networkId, endpointId, port(hostPort, SERVICE))
	}
	return {
		...bed,
		weft,
		first,
		second,
		end: () => endAll(bed, weft, containers),
	}
}

describe('packets of networks in gateway modes', { skip: noBed() }, () => {
	let scene: Scene
	before(async () => {
		scene = await setScene()
	})
	after(() => scene?.end())

	function container(number: number): Container {
		return scene.first.get(number) as Container
	}

	async function sees(from: Place, target: Container, port: number, source: (family: 4 | 6) => string): Promise<void> {
		for (const { family, protocol } of EACH) {
			const seen = await from.dial(protocol, target.address[family], port)
			assert.equal(seen, source(family), `${protocol} to ${target.address[family]} port ${port}`)
		}
	}

	async function shut(from: Place, target: Container, port: number, families: readonly (4 | 6)[]): Promise<void> {
		const calls = EACH.filter(({ family }) => families.includes(family)).map(async ({ family, protocol }) => {
			assert.ok(await from.isShutOut(protocol, target.address[family], port), `${protocol} ${target.address[family]}`)
		})
		await Promise.all(calls)
	}

	async function pings(from: Place, target: Container): Promise<boolean[]> {
		return Promise.all(FAMILIES.map((family) => from.pings(target.address[family])))
	}

	async function leavesAs(from: Container, source: (family: 4 | 6) => string): Promise<void> {
		for (const { family, protocol } of EACH) {
			assert.equal(
				await from.place.dial(protocol, OUTSIDE[family], SERVICE),
				source(family),
				`${protocol} IPv${family}`,
			)
		}
	}

	for (const shown of ['0', '1'] as const) {
		describe(`with bridge-nf-call-iptables=${shown}`, () => {
			before(() => showBridgedFrames(shown))

			it('in mode nat come in by published ports of the host only, and leave with its address', async () => {
				const { outside, host } = scene
				const target = container(NAT)
				await shut(outside, target, SERVICE, FAMILIES)
				assert.deepEqual(await pings(outside, target), [false, false])
				for (const { family, protocol } of EACH) {
					assert.equal(await outside.dial(protocol, HOST[family], PUBLISHED), OUTSIDE[family])
				}
				await leavesAs(target, (family) => HOST[family])
				await sees(host, target, SHUT, (family) => gatewayOf(NAT)[family])
			})

			it('in mode nat-unprotected come in to every port as well, from other networks too', async () => {
				const { outside } = scene
				const target = container(UNPROTECTED)
				for (const port of [SERVICE, SHUT]) await sees(outside, target, port, (family) => OUTSIDE[family])
				assert.deepEqual(await pings(outside, target), [true, true])
				for (const { family, protocol } of EACH) {
					assert.equal(await outside.dial(protocol, HOST[family], PUBLISHED + 1), OUTSIDE[family])
				}
				await leavesAs(target, (family) => HOST[family])
				await sees(container(NAT).place, target, SHUT, (family) => gatewayOf(UNPROTECTED)[family])
				await shut(target.place, container(NAT), SHUT, FAMILIES)
				await shut(container(INTERNAL).place, target, SHUT, FAMILIES)
			})

			it('in mode routed come in to published ports at the address of the container, and leave with it', async () => {
				const { outside, host } = scene
				const target = container(ROUTED)
				await sees(outside, target, SERVICE, (family) => OUTSIDE[family])
				await shut(outside, target, SHUT, FAMILIES)
				assert.deepEqual(await pings(outside, target), [true, true])
				await leavesAs(target, (family) => target.address[family])
				await sees(host, target, SHUT, (family) => gatewayOf(ROUTED)[family])
			})

			it('in mode routed come in from other networks as from outside, and not from internal ones', async () => {
				const target = container(ROUTED)
				const from = container(NAT).place
				await sees(from, target, SERVICE, (family) => gatewayOf(ROUTED)[family])
				await shut(from, target, SHUT, FAMILIES)
				await shut(container(INTERNAL).place, target, SERVICE, FAMILIES)
				await shut(target.place, container(NAT), SHUT, FAMILIES)
			})

			it('in mode routed leave the host its port', async () => {
				const { host, outside } = scene
				for (const { family, protocol } of EACH) {
					if (shown === '0') await host.listen(protocol, HOSTS_OWN, family === 4 ? '0.0.0.0' : '::')
					assert.equal(await outside.dial(protocol, HOST[family], HOSTS_OWN), OUTSIDE[family])
				}
			})

			it('are routed in one family and translated in the other', async () => {
				const { outside, host } = scene
				const target = container(MIXED)
				for (const protocol of PROTOCOLS) {
					assert.equal(await outside.dial(protocol, target.address[4], SERVICE), OUTSIDE[4])
					assert.equal(await outside.dial(protocol, HOST[6], PUBLISHED + 3), OUTSIDE[6])
					assert.ok(await outside.isShutOut(protocol, HOST[4], PUBLISHED + 3))
				}
				await shut(outside, target, SERVICE, [6])
				await shut(outside, target, SHUT, FAMILIES)
				assert.deepEqual(await pings(outside, target), [true, false])
				await leavesAs(target, (family) => (family === 4 ? target.address[4] : HOST[6]))
				await assert.rejects(host.listen('tcp', PUBLISHED + 3, '::'), /EADDRINUSE/)
			})

			it('of an isolated family stay among the containers, while the host reaches an internal network', async () => {
				const { host } = scene
				for (const number of [INTERNAL, ISOLATED, ISOLATED4]) {
					const [from, to] = [container(number), scene.second.get(number) as Container]
					await sees(from.place, to, SERVICE, (family) => from.address[family])
				}
				await sees(host, container(INTERNAL), SERVICE, (family) => gatewayOf(INTERNAL)[family])
				await shut(host, container(ISOLATED), SERVICE, FAMILIES)
				await shut(host, container(ISOLATED4), SERVICE, [4])
				assert.deepEqual(await pings(host, container(ISOLATED4)), [false, true])
			})
		})
	}

	it('of an isolated family have no address of the host to go to', async () => {
		const addresses = async (number: number): Promise<string[]> => {
			const links: { addr_info: { local: string }[] }[] = JSON.parse(
				await scene.host.run('ip', '-j', 'addr', 'show', 'dev', bridgeOf(number)),
			)
			return links.flatMap(({ addr_info }) => addr_info.map(({ local }) => local))
		}
		assert.deepEqual(await addresses(ISOLATED), [])
		assert.ok(!(await addresses(ISOLATED4)).includes(gatewayOf(ISOLATED4)[4]))
		assert.ok((await addresses(ISOLATED4)).includes(gatewayOf(ISOLATED4)[6]))
		assert.ok((await addresses(INTERNAL)).includes(gatewayOf(INTERNAL)[4]))
	})

	function bridgeOf(number: number): string {
		return `weft${networkRequest(number).id.slice(0, 11)}`
	}
})
