/**
 * A bridge that was there before its network: containers are on it beside others, the rest of the host goes on as before,
 * and nothing is left of the network when it goes. The uplink itself is such a bridge here, as on many hosts.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Bed, makeBed, noBed, Peer } from './networks-bed.ts'
import {
	EACH,
	HOST,
	LOOPBACK,
	OUTSIDE,
	PROTOCOLS,
	PUBLISHED,
	routeTo,
	SERVICE,
	serve,
	showBridgedFrames,
} from './networks-scene.ts'
import {
	attach,
	type Container,
	endAll,
	gatewayOf,
	idOf,
	networkRequest,
	port,
	runContainer,
	startWeft,
	type Weft,
} from './networks-weft.ts'

const NAME = 'com.docker.network.bridge.name'
const INHIBIT = 'com.docker.network.bridge.inhibit_ipv4'
const PUBLISHED_SHARED = PUBLISHED + 1
const PLAIN = 1
/** On a bridge with the network's gateway and a machine that is no container. */
const SHARED = 2
/** On the bridge that is the uplink, with the outside as its gateway. */
const UPLINK = 3
const SQUATTER = { 4: gatewayOf(SHARED)[4].replace(/1$/, '9'), 6: gatewayOf(SHARED)[6].replace(/1$/, '9') } as const
const GUEST = `${OUTSIDE[4].replace(/1$/, '')}50`

interface Scene extends Bed {
	readonly weft: Weft
	readonly plain: Container
	readonly shared: Container
	readonly squatter: Peer
	/** On the uplink, with an address of the outside's network. */
	readonly guest: Peer
}

async function setScene(): Promise<Scene> {
	const bed = await makeBed()
	await bridgeUplink(bed)
	const squatter = await addShared(bed)
	const weft = await startWeft()
	await weft.verbs.createNetwork(networkRequest(PLAIN))
	await weft.verbs.createNetwork(networkRequest(SHARED, { options: { [NAME]: 'brook' } }))
	const [plain, shared] = [await runContainer(weft, PLAIN, 2), await runContainer(weft, SHARED, 2)]
	const guest = await runGuest(weft)
	await weft.verbs.publish(plain.networkId, plain.endpointId, port(PUBLISHED, SERVICE))
	await weft.verbs.publish(shared.networkId, shared.endpointId, port(PUBLISHED_SHARED, SERVICE))
	await routeTo(bed.outside, PLAIN, SHARED)
	for (const place of [plain.place, shared.place, squatter, guest, bed.outside]) await serve(place)
	return {
		...bed,
		weft,
		plain,
		shared,
		squatter,
		guest,
		end: async () => {
			await Promise.all([squatter, guest].map((place) => place.end()))
			await endAll(bed, weft, [plain, shared])
		},
	}
}

/** Moves the host's addresses from eth0 to a bridge that has eth0 as a port. */
async function bridgeUplink({ host }: Bed): Promise<void> {
	await host.ip(
		'link add br0 type bridge',
		'link set br0 up',
		`addr del ${HOST[4]}/24 dev eth0`,
		`addr del ${HOST[6]}/64 dev eth0`,
		'link set eth0 master br0',
		`addr add ${HOST[4]}/24 dev br0`,
		`addr add ${HOST[6]}/64 dev br0 nodad`,
		`route add default via ${OUTSIDE[4]}`,
		`route replace default via ${OUTSIDE[6]} dev br0`,
	)
}

async function addShared({ host }: Bed): Promise<Peer> {
	const squatter = await Peer.start()
	await host.ip(
		'link add brook type bridge',
		`addr add ${gatewayOf(SHARED)[4]}/24 dev brook`,
		'addr add 192.0.2.1/24 dev brook',
		'link set brook up',
		`link add vsquat type veth peer name eth0 netns ${squatter.pid}`,
		'link set vsquat master brook up',
	)
	await squatter.ip(
		`addr add ${SQUATTER[4]}/24 dev eth0`,
		`addr add ${SQUATTER[6]}/64 dev eth0 nodad`,
		'link set eth0 up',
		`route add default via ${gatewayOf(SHARED)[4]}`,
		`route add default via ${gatewayOf(SHARED)[6]} dev eth0`,
	)
	return squatter
}

async function runGuest(weft: Weft): Promise<Peer> {
	const request = networkRequest(UPLINK, {
		options: { [NAME]: 'br0', [INHIBIT]: 'true' },
		ipv4: [{ pool: '203.0.113.0/24', gateway: `${OUTSIDE[4]}/24`, reserved: {} }],
		ipv6: [],
	})
	await weft.verbs.createNetwork(request)
	return attach(weft, { networkId: request.id, id: idOf('guest'), ipv4: `${GUEST}/24` })
}

describe('packets of networks on bridges that were there before', { skip: noBed() }, () => {
	let scene: Scene
	before(async () => {
		scene = await setScene()
	})
	after(() => scene?.end())

	for (const shown of ['0', '1'] as const) {
		describe(`with bridge-nf-call-iptables=${shown}`, () => {
			before(() => showBridgedFrames(shown))

			it('go between a container and its neighbours on the bridge, who are no containers', async () => {
				const { shared, squatter, guest, outside } = scene
				for (const { family, protocol } of EACH) {
					assert.equal(await shared.place.dial(protocol, SQUATTER[family], SERVICE), shared.address[family])
					assert.equal(await squatter.dial(protocol, shared.address[family], SERVICE), SQUATTER[family])
				}
				for (const protocol of PROTOCOLS) {
					assert.equal(await guest.dial(protocol, OUTSIDE[4], SERVICE), GUEST)
					assert.equal(await outside.dial(protocol, GUEST, SERVICE), OUTSIDE[4])
				}
			})

			it('of other networks still leave and come in by the uplink', async () => {
				const { plain, outside } = scene
				for (const { family, protocol } of EACH) {
					assert.equal(await plain.place.dial(protocol, OUTSIDE[family], SERVICE), HOST[family])
					assert.equal(await outside.dial(protocol, HOST[family], PUBLISHED), OUTSIDE[family])
					assert.ok(await outside.isShutOut(protocol, plain.address[family], SERVICE))
				}
			})

			it('come in to a container through its published ports only, and to its neighbours as before', async () => {
				const { shared, outside } = scene
				for (const { family, protocol } of EACH) {
					assert.equal(await outside.dial(protocol, HOST[family], PUBLISHED_SHARED), OUTSIDE[family])
					assert.ok(await outside.isShutOut(protocol, shared.address[family], SERVICE))
					assert.equal(await outside.dial(protocol, SQUATTER[family], SERVICE), OUTSIDE[family])
				}
				for (const protocol of PROTOCOLS) assert.ok(await scene.host.dial(protocol, LOOPBACK[4], PUBLISHED_SHARED))
			})

			it('leave with the address of the host if they are a container’s, and else as before', async () => {
				const { shared, squatter } = scene
				for (const { family, protocol } of EACH) {
					assert.equal(await shared.place.dial(protocol, OUTSIDE[family], SERVICE), HOST[family])
					assert.equal(await squatter.dial(protocol, OUTSIDE[family], SERVICE), SQUATTER[family])
				}
			})
		})
	}

	it('are of the size that the bridge takes by the time their container starts', async (t) => {
		const { host, weft, shared } = scene
		await host.ip('link set brook mtu 1400')
		const late = await runContainer(weft, SHARED, 3)
		t.after(() => late.place.end())
		const sizeIn = async ({ place }: Container) =>
			JSON.parse(await place.run('ip', '-j', 'link', 'show', 'eth0'))[0].mtu
		assert.deepEqual([await sizeIn(shared), await sizeIn(late)], [1500, 1400])
		assert.ok(await late.place.pings(SQUATTER[4]))
		// Those that run keep theirs, in which they may have connections.
		const differences = await weft.differences()
		assert.ok(!differences.some((what) => what.includes('MTU')), differences.join())
	})

	it('leave no trace on the bridge when the network goes', async () => {
		const { host, weft, squatter, shared, guest } = scene
		const addresses = () => host.run('ip', '-br', 'addr', 'show', 'dev', 'brook')
		assert.match(await addresses(), new RegExp(`${gatewayOf(SHARED)[6]}/64`))
		await weft.verbs.deleteNetwork(shared.networkId)
		await weft.verbs.deleteNetwork(idOf(`network ${UPLINK}`))
		assert.doesNotMatch(await addresses(), new RegExp(gatewayOf(SHARED)[6]))
		assert.match(await addresses(), new RegExp(`UP +${gatewayOf(SHARED)[4]}/24 192.0.2.1/24`))
		for (const bridge of ['brook', 'br0']) {
			assert.equal(await host.run('cat', `/proc/sys/net/ipv4/conf/${bridge}/route_localnet`), '0\n')
		}
		assert.ok(await squatter.pings(gatewayOf(SHARED)[4]))
		assert.equal(await squatter.dial('tcp', OUTSIDE[4], SERVICE), SQUATTER[4])
		assert.ok(!(await guest.pings(OUTSIDE[4])))
		assert.equal(await scene.plain.place.dial('tcp', OUTSIDE[4], SERVICE), HOST[4])
	})
})
