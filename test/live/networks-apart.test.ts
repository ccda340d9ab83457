/**
 * enable_icc=false, in packets: containers of one network do not reach each other, by whatever way, and keep all that
 * leads by the host. Beside each refusal the same packet of a network with enable_icc=true passes.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Bed, makeBed, noBed, type Place } from './networks-bed.ts'
import {
	EACH,
	FAMILIES,
	HOST,
	LOOPBACK,
	OUTSIDE,
	PUBLIC,
	PUBLISHED,
	PUBLISHED_LOCAL,
	SERVICE,
	serve,
	showBridgedFrames,
} from './networks-scene.ts'
import {
	type Container,
	endAll,
	gatewayOf,
	networkRequest,
	port,
	runContainer,
	startWeft,
	type Weft,
} from './networks-weft.ts'

const APART = 1
const TOGETHER = 2
const ROUTED = 3

const NO_ICC = { 'com.docker.network.bridge.enable_icc': 'false' }
const ROUTED_MODE = {
	'com.docker.network.bridge.gateway_mode_ipv4': 'routed',
	'com.docker.network.bridge.gateway_mode_ipv6': 'routed',
}

interface Scene extends Bed {
	readonly weft: Weft
	/** Two containers of each network; what the second one publishes has the network's number added. */
	readonly pairs: ReadonlyMap<number, readonly [Container, Container]>
}

async function setScene(): Promise<Scene> {
	const bed = await makeBed()
	const weft = await startWeft()
	const options = { [APART]: NO_ICC, [TOGETHER]: {}, [ROUTED]: { ...NO_ICC, ...ROUTED_MODE } }
	const pairs = new Map<number, readonly [Container, Container]>()
	for (const [number, given] of Object.entries(options)) {
		await weft.verbs.createNetwork(networkRequest(Number(number), { options: given }))
		const one = await runContainer(weft, Number(number), 2)
		const other = await runContainer(weft, Number(number), 3)
		pairs.set(Number(number), [one, other])
		await weft.verbs.publish(other.networkId, other.endpointId, [
			...port(PUBLISHED + 10 * Number(number), SERVICE),
			...(Number(number) === APART ? port(PUBLISHED_LOCAL, SERVICE, LOOPBACK[4]) : []),
		])
	}
	const containers = [...pairs.values()].flat()
	for (const place of [...containers.map((each) => each.place), bed.outside]) await serve(place)
	for (const address of ['0.0.0.0', '::']) {
		await bed.host.listen('tcp', PUBLIC, address)
		await bed.host.listen('udp', PUBLIC, address)
	}
	return { ...bed, weft, pairs, end: () => endAll(bed, weft, containers) }
}

describe('packets of a network whose containers are apart', { skip: noBed() }, () => {
	let scene: Scene
	before(async () => {
		scene = await setScene()
	})
	after(() => scene?.end())

	function pair(number: number): readonly [Container, Container] {
		const found = scene.pairs.get(number)
		assert.ok(found)
		return found
	}

	async function reaches(from: Place, to: Container): Promise<void> {
		for (const { family, protocol } of EACH) assert.ok(await from.dial(protocol, to.address[family], SERVICE))
		for (const family of FAMILIES) assert.ok(await from.pings(to.address[family]))
	}

	async function isApart(from: Place, to: Container): Promise<void> {
		await Promise.all([
			...EACH.map(async ({ family, protocol }) => {
				assert.ok(await from.isShutOut(protocol, to.address[family], SERVICE), `${protocol} ${to.address[family]}`)
			}),
			...FAMILIES.map(async (family) => assert.ok(!(await from.pings(to.address[family])), to.address[family])),
		])
	}

	/** So that no packet waits for an answer that is dropped: what must not pass is on its way. */
	async function introduce({ place }: Container, ...others: readonly Container[]): Promise<void> {
		for (const other of others) {
			await place.ip(
				...FAMILIES.map(
					(family) => `neigh replace ${other.address[family]} lladdr ${other.mac} dev eth0 nud permanent`,
				),
			)
		}
	}

	for (const shown of ['0', '1'] as const) {
		describe(`with bridge-nf-call-iptables=${shown}`, () => {
			before(() => showBridgedFrames(shown))

			it('do not go from one to the other, though each knows the way', async () => {
				for (const number of [APART, TOGETHER, ROUTED]) {
					const [one, other] = pair(number)
					await isApartOrNot(number, one, other)
					await introduce(one, other)
					await introduce(other, one)
					await isApartOrNot(number, one, other)
				}
			})

			async function isApartOrNot(number: number, one: Container, other: Container): Promise<void> {
				if (number === TOGETHER) await reaches(one.place, other)
				else await Promise.all([isApart(one.place, other), isApart(other.place, one)])
			}

			it('do not go by a detour over the host either', async () => {
				for (const number of [APART, TOGETHER, ROUTED]) {
					const [one, other] = pair(number)
					const detour = FAMILIES.map((family) => `${other.address[family]} via ${gatewayOf(number)[family]} dev eth0`)
					await one.place.ip(...detour.map((route) => `route add ${route}`))
					await isApartOrNot(number, one, other)
					await one.place.ip(...detour.map((route) => `route del ${route}`))
				}
			})

			it('tell nobody who else is there', async () => {
				for (const number of [APART, TOGETHER]) {
					const [one, other] = pair(number)
					const probe = ['busybox', 'arping', '-f', '-c', '1', '-w', '1', '-I', 'eth0', other.address[4]]
					const found = await one.place.run('sh', '-c', `${probe.join(' ')} >/dev/null && echo yes || echo no`)
					assert.equal(found.trim(), number === TOGETHER ? 'yes' : 'no')
				}
			})

			it('go to the host and to the outside, and from the host', async () => {
				const [one] = pair(APART)
				for (const { family, protocol } of EACH) {
					assert.equal(await one.place.dial(protocol, gatewayOf(APART)[family], PUBLIC), one.address[family])
					assert.equal(await one.place.dial(protocol, OUTSIDE[family], SERVICE), HOST[family])
					assert.equal(await scene.host.dial(protocol, one.address[family], SERVICE), gatewayOf(APART)[family])
				}
				for (const family of FAMILIES) assert.ok(await one.place.pings(gatewayOf(APART)[family]))
			})

			it('reach by the address of the host what a neighbour or they themselves publish', async () => {
				const [one, other] = pair(APART)
				for (const { family, protocol } of EACH) {
					for (const { place } of [one, other]) {
						assert.equal(await place.dial(protocol, HOST[family], PUBLISHED + 10), gatewayOf(APART)[family])
						assert.equal(await place.dial(protocol, gatewayOf(APART)[family], PUBLISHED + 10), gatewayOf(APART)[family])
					}
					assert.equal(await scene.outside.dial(protocol, HOST[family], PUBLISHED + 10), OUTSIDE[family])
					const [stranger] = pair(TOGETHER)
					assert.ok(await stranger.place.dial(protocol, HOST[family], PUBLISHED + 10))
				}
				assert.ok(await scene.host.dial('tcp', LOOPBACK[4], PUBLISHED_LOCAL))
			})
		})
	}
})
