/**
 * Containers as hosts of the network beyond a link of the host: whom they reach in each mode of macvlan, with a host of
 * that network on the other end of the parent.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { linkName } from '../../src/model/names.ts'
import type { MacvlanMode } from '../../src/model/options.ts'
import { eventually } from '../support/eventually.ts'
import { type Bed, makeBed, noBed, type Peer } from './networks-bed.ts'
import { FAMILIES, HOST, OUTSIDE, serve } from './networks-scene.ts'
import {
	assertReachEachOther,
	assertReaches,
	assertShutOut,
	assertShutOutBothWays,
	type Spot,
} from './networks-spots.ts'
import { attach, idOf, networkRequest, startWeft, type Weft } from './networks-weft.ts'

const ADDRESS = {
	4: (last: number) => `203.0.113.${last}`,
	6: (last: number) => `2001:db8:113::${last}`,
} as const

interface IpLink {
	readonly ifname: string
	readonly link?: string
	readonly flags: readonly string[]
	readonly mtu: number
	readonly address: string
	readonly linkinfo?: { readonly info_kind: string; readonly info_data?: { readonly mode?: string } }
}

/** Counts what the host says of its addresses on a link: with this MAC, and with any other. */
function answers(mac: string): string {
	const says = [`arp operation reply arp saddr ip ${HOST[4]}`, `icmpv6 type nd-neighbor-advert ip6 saddr ${HOST[6]}`]
	return `table netdev answers {
	counter own { }
	counter others { }
	chain arrivals {
		type filter hook ingress device "up0" priority 0
		${says.map((each) => `${each} ether saddr ${mac} counter name own accept`).join('\n\t\t')}
		${says.map((each) => `${each} counter name others`).join('\n\t\t')}
	}
}
`
}

describe('containers on the network of a parent', { skip: noBed() }, () => {
	let bed: Bed
	let weft: Weft
	const places: Peer[] = []

	before(async () => {
		bed = await makeBed()
		weft = await startWeft()
		await serve(bed.outside)
		await serve(bed.host)
	})
	after(async () => {
		await Promise.all(places.map((place) => place.end()))
		await weft?.end()
		await bed?.end()
	})

	async function createNetwork(name: string, options: Readonly<Record<string, string>>): Promise<string> {
		const id = idOf(name)
		const ipv4 = [{ pool: '203.0.113.0/24', gateway: `${OUTSIDE[4]}/24`, reserved: {} }]
		const ipv6 = [{ pool: '2001:db8:113::/64', gateway: `${OUTSIDE[6]}/64`, reserved: {} }]
		const request = { id, options: { mode: 'macvlan', parent: 'eth0', ...options }, ipv4, ipv6 }
		await weft.verbs.createNetwork(networkRequest(1, request))
		return id
	}

	async function run(networkId: string, last: number): Promise<Peer> {
		const ipv4 = `${ADDRESS[4](last)}/24`
		const place = await attach(weft, { networkId, id: idOf(`${last}`), ipv4, ipv6: `${ADDRESS[6](last)}/64` })
		places.push(place)
		await serve(place)
		return place
	}

	/** As dockerd does it: Leave, the link put back where it came from, DeleteEndpoint. */
	async function stop(networkId: string, last: number, place: Peer): Promise<void> {
		await weft.verbs.leave(networkId, idOf(`${last}`))
		await putBack(last, place)
		await weft.verbs.deleteEndpoint(networkId, idOf(`${last}`))
	}

	async function putBack(last: number, place: Peer): Promise<void> {
		const link = linkName(idOf(`${last}`))
		await place.ip('link set eth0 down', `link set eth0 name ${link}`, `link set ${link} netns ${process.pid}`)
		await eventually(async () => (await links()).some(({ ifname }) => ifname === link), { what: `${link} on the host` })
	}

	const links = async (): Promise<IpLink[]> => JSON.parse(await bed.host.run('ip', '-j', '-d', 'link', 'show'))

	const host = (): Spot => ({ name: 'host', place: bed.host, at: HOST })
	const lanHost = (): Spot => ({ name: 'host of the LAN', place: bed.outside, at: OUTSIDE })
	const container = (last: number, place: Peer): Spot => {
		return { name: `container ${last}`, place, at: { 4: ADDRESS[4](last), 6: ADDRESS[6](last) } }
	}

	for (const [mode, together] of [
		['bridge', true],
		['private', false],
		['vepa', false],
	] as const satisfies readonly (readonly [MacvlanMode, boolean])[]) {
		it(`macvlan_mode=${mode}: reach hosts there, ${together ? 'and' : 'not'} each other, and not the host`, async () => {
			const before = await links()
			const id = await createNetwork(mode, { macvlan_mode: mode })
			const [first, second] = [await run(id, 50), await run(id, 51)]
			const [one, two] = [container(50, first), container(51, second)]
			await assertReachEachOther(one, lanHost())
			if (together) await assertReaches(one, two)
			else await assertShutOut(one, two)
			await assertShutOutBothWays(one, host())
			const [seen] = JSON.parse(await first.run('ip', '-j', '-d', 'link', 'show', 'eth0')) as IpLink[]
			assert.deepEqual([seen?.linkinfo?.info_kind, seen?.linkinfo?.info_data?.mode], ['macvlan', mode])
			assert.equal(seen?.address, '02:42:cb:00:71:32')
			await stop(id, 50, first)
			await stop(id, 51, second)
			await weft.verbs.deleteNetwork(id)
			assert.deepEqual(
				(await links()).map(({ ifname }) => ifname),
				before.map(({ ifname }) => ifname),
			)
		})
	}

	it('host_access=true: reach the host and are reached by it, which stays the same to others, also after repairs', async () => {
		const all = async () => [
			(await links()).map(({ ifname }) => ifname),
			(await bed.host.run('ip', 'route', 'show', 'table', 'all')).replaceAll('linkdown', ''),
			(await bed.host.run('ip', '-6', 'route', 'show', 'table', 'all')).replaceAll(/^multicast.*$/gm, ''),
		]
		const before = await all()
		const id = await createNetwork('accessed', { host_access: 'true' })
		const shim = `weft${id.slice(0, 11)}`
		const place = await run(id, 80)
		const assertTogether = async (): Promise<void> => {
			await assertReachEachOther(container(80, place), host())
			await assertReaches(lanHost(), container(80, place))
		}
		await assertTogether()
		const parent = (await links()).find(({ ifname }) => ifname === 'eth0')
		await bed.outside.pipe(answers(parent?.address ?? ''), 'nft', '-f', '-')
		// An answer that is late is there before the next round ends.
		for (let round = 0; round < 3; round++) {
			for (const family of FAMILIES) {
				await bed.outside.run('ip', 'neigh', 'flush', 'dev', 'up0')
				await eventually(() => bed.outside.pings(HOST[family]), { what: 'the host answers the LAN' })
			}
		}
		const told = await bed.outside.run('nft', 'list', 'table', 'netdev', 'answers')
		const [own = 0, others] = Array.from(told.matchAll(/packets (\d+)/g), ([, packets]) => Number(packets))
		assert.ok(own >= 3 * FAMILIES.length, `${own} answers with the MAC of the parent`)
		assert.equal(others, 0, 'answers with another MAC')
		await bed.outside.run('nft', 'delete', 'table', 'netdev', 'answers')
		const watching = await weft.watch()
		await bed.host.ip(`link del ${shim}`)
		await eventually(async () => watching.repairs.length > 0, { what: 'a repair' })
		await assertTogether()
		await bed.host.ip(`route del ${ADDRESS[4](80)}/32`, `route del ${ADDRESS[6](80)}/128`)
		await weft.look()
		await assertTogether()
		await watching.end()
		await stop(id, 80, place)
		await weft.verbs.deleteNetwork(id)
		assert.deepEqual(await all(), before)
	})

	it('have the MTU of the parent, which they follow when it gets smaller, and the host’s own link also when it grows', async () => {
		const id = await createNetwork('following', { host_access: 'true' })
		const place = await run(id, 81)
		const watching = await weft.watch()
		const mtuOf = async (name: string) => (await links()).find(({ ifname }) => ifname === name)?.mtu
		const inside = async (of: Peer) => JSON.parse(await of.run('ip', '-j', 'link', 'show', 'eth0'))[0]?.mtu
		const assertHas = async (mtu: number, container: number): Promise<void> => {
			await bed.host.ip(`link set eth0 mtu ${mtu}`)
			await eventually(async () => (await mtuOf(`weft${id.slice(0, 11)}`)) === mtu, { what: `an MTU of ${mtu}` })
			assert.equal(await inside(place), container)
		}
		await assertHas(1300, 1300)
		await assertHas(1400, 1300)
		await assertHas(1500, 1300)
		await watching.end()
		const next = await run(id, 82)
		assert.equal(await inside(next), 1500)
		await stop(id, 81, place)
		await stop(id, 82, next)
		await weft.verbs.deleteNetwork(id)
	})

	it('macvlan_mode=passthru: has one container, with the parent for itself, whose MAC comes back', async () => {
		const macOf = async () => (await links()).find(({ ifname }) => ifname === 'eth0')?.address
		const before = await macOf()
		const id = await createNetwork('passthru', { macvlan_mode: 'passthru' })
		const one = await run(id, 52)
		await assertReaches(container(52, one), lanHost())
		const second = { networkId: id, id: idOf('53'), ipv4: '203.0.113.53/24' }
		await weft.verbs.createEndpoint(second)
		await assert.rejects(weft.verbs.join(id, second.id), /the parent eth0 has a link in passthru, or others where this/)
		await weft.verbs.deleteEndpoint(id, second.id)
		await stop(id, 52, one)
		await weft.verbs.deleteNetwork(id)
		await eventually(async () => (await macOf()) === before, { what: 'the MAC of the parent' })
	})

	it('has a link on the host that is down until Docker takes it, with the MTU of its parent or of the option', async () => {
		await bed.host.ip('link set eth0 mtu 1450')
		const [plain, small] = [await createNetwork('plain', {}), await createNetwork('small', { mtu: '1300' })]
		for (const [networkId, last, mtu] of [
			[plain, 54, 1450],
			[small, 55, 1300],
		] as const) {
			await weft.verbs.createEndpoint({ networkId, id: idOf(`${last}`), ipv4: `${ADDRESS[4](last)}/24` })
			const { link } = await weft.verbs.join(networkId, idOf(`${last}`))
			const seen = (await links()).find(({ ifname }) => ifname === link)
			assert.deepEqual([seen?.link, seen?.mtu, seen?.flags.includes('UP')], ['eth0', mtu, false])
		}
		for (const id of [plain, small]) await weft.verbs.deleteNetwork(id)
		await bed.host.ip('link set eth0 mtu 1500')
		assert.ok(!(await links()).some(({ ifname }) => ifname.startsWith('wv')))
	})

	it('go on over a restart of weft', async () => {
		const id = await createNetwork('kept', {})
		const one = await run(id, 56)
		await weft.look()
		await assertReachEachOther(container(56, one), lanHost())
		const next = { networkId: id, id: idOf('57'), ipv4: '203.0.113.57/24' }
		await weft.verbs.createEndpoint(next)
		const { link } = await weft.verbs.join(id, next.id)
		await putBack(56, one)
		await weft.look()
		// The one that was in a container is of a Leave that got lost; the other is on its way to its container.
		const left = (await links()).map(({ ifname }) => ifname).filter((name) => name.startsWith('wv'))
		assert.deepEqual(left, [link])
		await weft.verbs.deleteNetwork(id)
	})

	for (const [kind, options] of [
		['dummy', { parent: '' }],
		['vlan', { parent: 'eth0.50' }],
	] as const) {
		it(`have a ${kind} as their parent where the kernel has such links, and are refused in words where not`, async () => {
			const before = (await links()).map(({ ifname }) => ifname)
			const made = await createNetwork(kind, options).catch((error: unknown) => error)
			const added = (await links()).filter(({ ifname }) => !before.includes(ifname))
			if (typeof made === 'string') {
				assert.deepEqual(
					added.map(({ linkinfo }) => linkinfo?.info_kind),
					[kind],
				)
				await weft.verbs.deleteNetwork(made)
			} else {
				assert.match(String(made), new RegExp(`this kernel has no links of the kind ${kind}`))
			}
			assert.deepEqual(
				(await links()).map(({ ifname }) => ifname),
				before,
			)
		})
	}

	it('are refused on parents that cannot have them, in words, and nothing is left', async () => {
		await bed.host.ip('link add br0 type bridge', 'link add p0 type veth peer name p1', 'link set p0 up master br0')
		await bed.host.ip('link add m0 link eth0 type macvlan mode bridge', 'link set m0 up')
		const before = await links()
		for (const [parent, words] of [
			['eth9', /parent="eth9" is no link of this host/],
			['lo', /parent="lo" is the loopback/],
			['p1', /parent="p1" is down/],
			['p0', /parent="p0" is a port of a bridge/],
			['m0', /parent="m0" is itself on another link \(macvlan\)/],
		] as const) {
			await assert.rejects(createNetwork(`on ${parent}`, { parent }), words)
		}
		assert.deepEqual(await links(), before)
		await bed.host.ip('link del m0', 'link del br0', 'link del p0')
	})
})
