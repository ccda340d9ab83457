/**
 * A host whose iptables drops what is forwarded, as Docker makes it: packets that weft's rules let through pass by the
 * one rule for marked packets, and nobody else's do.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { noBed, Peer } from './networks-bed.ts'
import { EACH, HOST, OUTSIDE, PUBLISHED, type Scene, SERVICE, setScene, showBridgedFrames } from './networks-scene.ts'

/** On a bridge that is neither weft's nor Docker's. */
const STRANGER = '192.0.2.2'

describe('packets past a FORWARD policy of DROP', { skip: noBed('iptables-nft', 'iptables-legacy') }, () => {
	let scene: Scene
	let stranger: Peer
	before(async () => {
		scene = await setScene()
		stranger = await Peer.start()
		await scene.host.ip(
			'link add stranger0 type bridge',
			'addr add 192.0.2.1/24 dev stranger0',
			'link set stranger0 up',
			`link add vstranger type veth peer name eth0 netns ${stranger.pid}`,
			'link set vstranger master stranger0 up',
		)
		await stranger.ip(`addr add ${STRANGER}/24 dev eth0`, 'link set eth0 up', 'route add default via 192.0.2.1')
		await scene.outside.ip(`route add 192.0.2.0/24 via ${HOST[4]}`)
	})
	after(async () => {
		await stranger?.end()
		await scene?.end()
	})

	async function iptables(variant: string, ...args: string[]): Promise<void> {
		for (const program of ['iptables', 'ip6tables']) await scene.host.run(`${program}-${variant}`, ...args)
	}

	async function allPass(): Promise<void> {
		const { outside, red, red2 } = scene
		for (const { family, protocol } of EACH) {
			assert.equal(await red.place.dial(protocol, OUTSIDE[family], SERVICE), HOST[family])
			assert.equal(await outside.dial(protocol, HOST[family], PUBLISHED), OUTSIDE[family])
			assert.equal(await red.place.dial(protocol, red2.address[family], SERVICE), red.address[family])
			assert.ok(await red.place.dial(protocol, HOST[family], PUBLISHED))
		}
	}

	it('is so in a chain of somebody’s own that accepts what is marked', async () => {
		const table = (accept: string): string => `table inet strict {
	chain forward {
		type filter hook forward priority filter; policy drop;
		${accept}
	}
}
`
		try {
			await scene.host.pipe(table(''), 'nft', '-f', '-')
			assert.ok(await scene.red.place.isShutOut('tcp', OUTSIDE[4], SERVICE), 'the policy drops nothing')
			await scene.host.pipe(table('meta mark & 0x20000000 != 0 accept'), 'nft', '-f', '-')
			await allPass()
			assert.ok(await stranger.isShutOut('tcp', OUTSIDE[4], SERVICE), 'a stranger passes')
		} finally {
			await scene.host.run('nft', 'delete', 'table', 'inet', 'strict')
		}
	})

	for (const variant of ['nft', 'legacy']) {
		for (const shown of ['0', '1'] as const) {
			it(`is so with iptables-${variant} and bridge-nf-call-iptables=${shown}`, async () => {
				const { outside, red, weft } = scene
				showBridgedFrames(shown)
				await iptables(variant, '-F', 'FORWARD')
				await iptables(variant, '-P', 'FORWARD', 'DROP')
				try {
					assert.ok(await red.place.isShutOut('tcp', OUTSIDE[4], SERVICE), 'the policy drops nothing')
					await weft.openForward()
					await allPass()
					assert.ok(await stranger.isShutOut('tcp', OUTSIDE[4], SERVICE), 'a stranger passes')
					assert.ok(await outside.isShutOut('tcp', red.address[4], SERVICE), 'unpublished, and open')
				} finally {
					await iptables(variant, '-P', 'FORWARD', 'ACCEPT')
				}
				assert.equal(await stranger.dial('tcp', OUTSIDE[4], SERVICE), STRANGER)
			})
		}
	}
})
