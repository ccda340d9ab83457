/**
 * Frames to the group of bridges (01:80:c2:00:00:0x): meant for the bridge itself, they pass its rules by and come up on
 * the port. With a packet of IP in them they would be a way past whatever is held on a bridge.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { BROADCAST, datagram, ether } from '../support/frames.ts'
import { type Bed, makeBed, noBed } from './networks-bed.ts'
import { FAMILIES, PUBLIC, showBridgedFrames } from './networks-scene.ts'
import {
	type Container,
	endAll,
	gatewayOf,
	networkRequest,
	runContainer,
	startWeft,
	type Weft,
} from './networks-weft.ts'

const GROUP = ['01:80:c2:00:00:02', '01:80:c2:00:00:03', '01:80:c2:00:00:0e']

/** What reaches the host, by the link on which it came up. */
const ARRIVALS = `table inet witness {
	counter by_bridge { }
	counter by_port { }
	chain input {
		type filter hook input priority 100
		iifname "weft*" udp dport ${PUBLIC} counter name by_bridge
		iifname "wv*" udp dport ${PUBLIC} counter name by_port
	}
}
`

interface FdbEntry {
	readonly mac: string
	readonly ifname: string
}

describe('frames to the group of bridges', { skip: noBed('bridge') }, () => {
	let bed: Bed
	let weft: Weft
	let red: Container
	let red2: Container
	before(async () => {
		bed = await makeBed()
		weft = await startWeft()
		await weft.verbs.createNetwork(networkRequest(1, { options: { antispoof: 'false' } }))
		red = await runContainer(weft, 1, 2)
		red2 = await runContainer(weft, 1, 3)
		await bed.host.pipe(ARRIVALS, 'nft', '-f', '-')
	})
	after(() => endAll(bed, weft, [red, red2]))

	async function count(counter: string): Promise<number> {
		const text = await bed.host.run('nft', 'list', 'counter', 'inet', 'witness', counter)
		return Number(/packets (\d+)/.exec(text)?.[1])
	}

	async function portOf(mac: string): Promise<string | undefined> {
		const entries: FdbEntry[] = JSON.parse(await bed.host.run('bridge', '-j', 'fdb', 'show'))
		return entries.find((entry) => entry.mac === mac)?.ifname
	}

	for (const shown of ['0', '1'] as const) {
		it(`do not reach the host with bridge-nf-call-iptables=${shown}, as others do`, async () => {
			showBridgedFrames(shown)
			const [{ address: bridge }] = JSON.parse(await bed.host.run('ip', '-j', 'link', 'show', 'type', 'bridge'))
			const before = await count('by_bridge')
			for (const family of FAMILIES) {
				const ends = { from: red.address[family], to: gatewayOf(1)[family] }
				const to = (mac: string) => datagram('x', ether({ from: red.mac, to: mac }), ends, PUBLIC)
				await red.place.send('eth0', [...GROUP.map(to), to(bridge)])
			}
			for (let i = 0; i < 100 && (await count('by_bridge')) < before + 2; i++) await new Promise(setImmediate)
			assert.deepEqual([(await count('by_bridge')) - before, await count('by_port')], [2, 0])
		})
	}

	it('teach the bridge no address, as others do', async () => {
		await red2.place.pings(red.address[4])
		const own = await portOf(red2.mac)
		const from = (to: string) => [datagram('x', ether({ from: red2.mac, to }), { from: '0.0.0.0', to: '10.0.0.1' })]
		for (const to of GROUP) await red.place.send('eth0', from(to))
		assert.equal(await portOf(red2.mac), own)
		// Whatever the true owner sends leads the bridge back.
		for (let i = 0; i < 20 && (await portOf(red2.mac)) === own; i++) await red.place.send('eth0', from(BROADCAST))
		assert.equal(await portOf(red2.mac), await portOf(red.mac))
	})
})
