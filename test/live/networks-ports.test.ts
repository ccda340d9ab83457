/**
 * Ports that are published on some addresses of the host, above all on its loopback, lead each to its own container and
 * answer nowhere else. Each container says its name.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { readSysctl } from '../../src/kernel/sysctl.ts'
import { type Bed, makeBed, noBed, type Place, setSysctl } from './networks-bed.ts'
import { FAMILIES, HOST, LOOPBACK, OUTSIDE, PROTOCOLS, showBridgedFrames } from './networks-scene.ts'
import { type Container, endAll, networkRequest, port, runContainer, startWeft, type Weft } from './networks-weft.ts'

const NAMED = 7000
/** Says more than fits one packet, which a client of UDP gets in fragments. */
const TALKATIVE = 7001
const LONG = 'x'.repeat(5000)
const SECOND = { 4: '203.0.113.3', 6: '2001:db8:113::3' } as const
/** Of the uplink, on both ends. */
const LINK_LOCAL = { host: 'fe80::2', outside: 'fe80::1' } as const

describe('published ports', { skip: noBed() }, () => {
	let bed: Bed
	let weft: Weft
	let one: Container
	let two: Container
	before(async () => {
		bed = await makeBed()
		weft = await startWeft()
		await weft.verbs.createNetwork(networkRequest(1))
		await weft.verbs.createNetwork(networkRequest(2))
		;[one, two] = await Promise.all([runContainer(weft, 1, 2), runContainer(weft, 2, 2)])
		await bed.host.ip(
			...FAMILIES.map((family) => `addr add ${SECOND[family]}/${family === 4 ? 24 : 64} dev eth0 ${nodad(family)}`),
			`addr add ${LINK_LOCAL.host}/64 dev eth0 nodad`,
		)
		await bed.outside.ip(`addr add ${LINK_LOCAL.outside}/64 dev up0 nodad`)
		for (const protocol of PROTOCOLS) {
			for (const any of ['0.0.0.0', '::']) {
				await one.place.listen(protocol, NAMED, any, 'one')
				await two.place.listen(protocol, NAMED, any, 'two')
				await one.place.listen(protocol, TALKATIVE, any, LONG)
			}
		}
	})
	after(() =>
		endAll(
			bed,
			weft,
			[one, two].filter((each) => each !== undefined),
		),
	)

	function nodad(family: 4 | 6): string {
		return family === 6 ? 'nodad' : ''
	}

	async function answers(from: Place, address: string, number: number, name: string): Promise<void> {
		for (const protocol of PROTOCOLS) {
			assert.equal(await from.dial(protocol, address, number), name, `${protocol} ${address} port ${number}`)
		}
	}

	async function silent(from: Place, addresses: readonly string[], number: number): Promise<void> {
		await Promise.all(
			addresses.flatMap((address) =>
				PROTOCOLS.map(async (protocol) => {
					assert.ok(await from.isShutOut(protocol, address, number), `${protocol} ${address} port ${number} is open`)
				}),
			),
		)
	}

	function publish({ networkId, endpointId }: Container, ...ports: ReturnType<typeof port>[]): Promise<void> {
		return weft.verbs.publish(networkId, endpointId, ports.flat())
	}

	/** Every address of the host that there is; fe80:: is nobody's way to a container. */
	const ALL = [...FAMILIES.flatMap((family) => [HOST[family], SECOND[family], LOOPBACK[family]]), '127.0.0.2']
	const except = (...some: string[]) => ALL.filter((address) => !some.includes(address))

	it('share a number on addresses of the loopback, where each leads to its container', async () => {
		await publish(one, port(8080, NAMED, '127.0.0.1'), port(8080, NAMED, '::1'))
		await publish(two, port(8080, NAMED, '127.0.0.2'))
		await answers(bed.host, '127.0.0.1', 8080, 'one')
		await answers(bed.host, '::1', 8080, 'one')
		await answers(bed.host, '127.0.0.2', 8080, 'two')
		await silent(bed.host, except('127.0.0.1', '::1', '127.0.0.2'), 8080)
		for (const place of [bed.outside, two.place]) {
			await silent(place, [HOST[4], HOST[6], SECOND[4], SECOND[6]], 8080)
		}
	})

	it('share a number on addresses of the host, where each leads to its container', async () => {
		for (const family of FAMILIES) {
			await publish(one, port(8081, NAMED, HOST[family]))
			await publish(two, port(8081, NAMED, SECOND[family]))
			await Promise.all([
				answers(bed.outside, HOST[family], 8081, 'one'),
				answers(bed.outside, SECOND[family], 8081, 'two'),
				answers(bed.host, HOST[family], 8081, 'one'),
				answers(bed.host, SECOND[family], 8081, 'two'),
			])
			await silent(bed.host, except(HOST[family], SECOND[family]), 8081)
		}
	})

	/** While weft chooses, that is: clients need numbers of that range too. */
	async function chosenFrom(
		range: string,
		...requests: readonly { containerPort: number; hostIp: string }[]
	): Promise<void> {
		const before = readSysctl('net/ipv4/ip_local_port_range')
		setSysctl('net/ipv4/ip_local_port_range', range)
		try {
			const ports = requests.map((each) => ({ protocol: 'tcp', ...each, hostPort: 0, hostPortEnd: 0 }) as const)
			await weft.verbs.publish(one.networkId, one.endpointId, ports)
		} finally {
			setSysctl('net/ipv4/ip_local_port_range', before)
		}
	}

	it('of every address and of one are kept apart where weft chooses the number', async () => {
		const local = { containerPort: TALKATIVE, hostIp: '127.0.0.1' }
		await chosenFrom('40000 40001', local, { containerPort: NAMED, hostIp: '' })
		const said = await Promise.all([40000, 40001].map((number) => bed.host.dial('tcp', '127.0.0.1', number)))
		assert.deepEqual(said.map((text) => text?.length).sort(), [3, LONG.length])
	})

	it('have a number that is free on both families where weft chooses it', async () => {
		await bed.host.listen('tcp', 40010, '0.0.0.0')
		await bed.host.listen('tcp', 40011, '::')
		await chosenFrom('40010 40012', { containerPort: NAMED, hostIp: '' })
		for (const family of FAMILIES) assert.equal(await bed.outside.dial('tcp', HOST[family], 40012), 'one')
	})

	for (const shown of ['0', '1'] as const) {
		it(`answer on the loopback in more than one packet with bridge-nf-call-iptables=${shown}`, async () => {
			showBridgedFrames(shown)
			await publish(one, port(8082, TALKATIVE))
			for (const family of FAMILIES) {
				for (const protocol of PROTOCOLS) {
					assert.ok((await bed.host.dial(protocol, LOOPBACK[family], 8082)) === LONG, `${protocol} ${LOOPBACK[family]}`)
				}
			}
		})
	}

	it('refuse at once at an address that is good on one link only', async () => {
		await publish(one, port(8083, NAMED))
		await answers(bed.outside, HOST[6], 8083, 'one')
		for (const [place, link] of [
			[bed.outside, 'up0'],
			[bed.host, 'eth0'],
		] as const) {
			const start = performance.now()
			assert.equal(await place.dial('tcp', `${LINK_LOCAL.host}%${link}`, 8083), null)
			assert.ok(performance.now() - start < 2000)
		}
	})

	it('know a client from outside by its address, and none by that of the loopback', async () => {
		for (const protocol of PROTOCOLS) {
			for (const any of ['0.0.0.0', '::']) await two.place.listen(protocol, NAMED + 2, any)
		}
		await publish(two, port(8084, NAMED + 2))
		for (const protocol of PROTOCOLS) {
			for (const family of FAMILIES) {
				assert.equal(await bed.outside.dial(protocol, HOST[family], 8084), OUTSIDE[family])
				const gateway = family === 4 ? '10.231.2.1' : 'fd00:231:2::1'
				assert.equal(await bed.host.dial(protocol, LOOPBACK[family], 8084), gateway)
			}
		}
	})
})
