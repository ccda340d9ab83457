/** A bridge with a name like Docker's: kept apart from weft's networks, and otherwise none of weft's business. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { noBed, Peer, type Place } from './networks-bed.ts'
import {
	EACH,
	FAMILIES,
	HOST,
	OUTSIDE,
	PUBLISHED,
	type Scene,
	SERVICE,
	serve,
	setScene,
	showBridgedFrames,
} from './networks-scene.ts'

const BRIDGE = 'br-0123456789ab'
const GATEWAY = { 4: '172.30.0.1', 6: 'fd00:172:30::1' } as const
const DOCK = { 4: '172.30.0.2', 6: 'fd00:172:30::2' } as const
const PUBLISHED_BY_DOCKER = 8090

/** What Docker does for -p, as far as it matters here. */
const DOCKER_RULES = `table inet docker {
	chain prerouting {
		type nat hook prerouting priority dstnat
		meta l4proto { tcp, udp } th dport ${PUBLISHED_BY_DOCKER} fib daddr type local dnat ip to ${DOCK[4]}:${SERVICE}
		meta l4proto { tcp, udp } th dport ${PUBLISHED_BY_DOCKER} fib daddr type local dnat ip6 to [${DOCK[6]}]:${SERVICE}
	}
}
`

describe('packets between networks of weft and of Docker', { skip: noBed() }, () => {
	let scene: Scene
	let dock: Peer
	before(async () => {
		scene = await setScene()
		dock = await Peer.start()
		const { host, outside, weft } = scene
		await host.ip(
			`link add ${BRIDGE} type bridge`,
			`addr add ${GATEWAY[4]}/24 dev ${BRIDGE}`,
			`addr add ${GATEWAY[6]}/64 dev ${BRIDGE} nodad`,
			`link set ${BRIDGE} up`,
			`link add vethdock type veth peer name eth0 netns ${dock.pid}`,
			`link set vethdock master ${BRIDGE} up`,
		)
		await dock.ip(
			`addr add ${DOCK[4]}/24 dev eth0`,
			`addr add ${DOCK[6]}/64 dev eth0 nodad`,
			'link set eth0 up',
			`route add default via ${GATEWAY[4]}`,
			`route add default via ${GATEWAY[6]} dev eth0`,
		)
		await outside.ip(`route add 172.30.0.0/24 via ${HOST[4]}`, `route add fd00:172:30::/64 via ${HOST[6]} dev up0`)
		await host.pipe(DOCKER_RULES, 'nft', '-f', '-')
		await serve(dock)
		await weft.look()
	})
	after(async () => {
		await dock?.end()
		await scene?.end()
	})

	async function shutToAll(from: Place, address: { readonly 4: string; readonly 6: string }): Promise<void> {
		await Promise.all([
			...EACH.map(async ({ family, protocol }) => {
				assert.ok(await from.isShutOut(protocol, address[family], SERVICE), `${protocol} ${address[family]} is open`)
			}),
			...FAMILIES.map(async (family) => assert.ok(!(await from.pings(address[family])), `ping ${address[family]}`)),
		])
	}

	for (const shown of ['0', '1'] as const) {
		describe(`with bridge-nf-call-iptables=${shown}`, () => {
			before(() => showBridgedFrames(shown))

			it('do not go directly, in either direction', async () => {
				await Promise.all([shutToAll(scene.red.place, DOCK), shutToAll(dock, scene.red.address)])
			})

			it('go through published ports, in both directions', async () => {
				for (const { family, protocol } of EACH) {
					assert.equal(await dock.dial(protocol, HOST[family], PUBLISHED), DOCK[family])
					assert.equal(await scene.red.place.dial(protocol, HOST[family], PUBLISHED_BY_DOCKER), GATEWAY[family])
				}
			})

			it('do not reach an internal network, not from there either', async () => {
				const { inner } = scene
				await Promise.all([shutToAll(inner.place, DOCK), shutToAll(dock, inner.address)])
				for (const { family, protocol } of EACH) {
					assert.ok(await inner.place.isShutOut(protocol, HOST[family], PUBLISHED_BY_DOCKER))
				}
			})

			it('go through published ports where somebody has shut FORWARD, unless Docker says who may leave', async () => {
				const { host, outside, weft } = scene
				const iptables = async (...words: readonly string[]): Promise<void> => {
					for (const program of ['iptables-nft', 'ip6tables-nft']) await host.run(program, ...words)
				}
				try {
					await iptables('-P', 'FORWARD', 'DROP')
					await weft.openForward()
					for (const { family, protocol } of EACH) {
						assert.equal(await dock.dial(protocol, HOST[family], PUBLISHED), DOCK[family])
						assert.ok(await dock.isShutOut(protocol, OUTSIDE[family], SERVICE), 'more is open than weft’s')
					}
					await iptables('-N', 'DOCKER-USER')
					await iptables('-I', 'FORWARD', '-j', 'DOCKER-USER')
					await weft.openForward()
					for (const { family, protocol } of EACH) {
						assert.ok(await dock.isShutOut(protocol, HOST[family], PUBLISHED), 'Docker is not asked')
						assert.equal(await outside.dial(protocol, HOST[family], PUBLISHED), OUTSIDE[family])
					}
				} finally {
					await iptables('-P', 'FORWARD', 'ACCEPT')
					await iptables('-F')
					await iptables('-X')
				}
			})

			it('pass untouched where no network of weft is concerned', async () => {
				for (const { family, protocol } of EACH) {
					assert.equal(await dock.dial(protocol, OUTSIDE[family], SERVICE), DOCK[family])
					assert.equal(await scene.outside.dial(protocol, DOCK[family], SERVICE), OUTSIDE[family])
				}
			})
		})
	}
})
