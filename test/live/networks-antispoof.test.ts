/**
 * antispoof, in frames: what a container may send of itself, and what not, with a neighbour who tells which of it came.
 * Each network has the same cast; on the one with antispoof=false every frame arrives, true or false.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as frames from '../support/frames.ts'
import { type Bed, makeBed, noBed } from './networks-bed.ts'
import { showBridgedFrames } from './networks-scene.ts'
import {
	attach,
	type Container,
	endAll,
	gatewayOf,
	idOf,
	macOf,
	networkRequest,
	runContainer,
	startWeft,
	type Weft,
} from './networks-weft.ts'

const HELD = 1
const FREE = 2
/** Docker's null IPAM: nobody knows the addresses. */
const UNKNOWN = 3

const STRANGER = { mac: '02:66:00:00:00:01', 4: '198.51.100.9', 6: '2001:db8:66::9' } as const
const LINK_LOCAL = { 4: '169.254.7.7', 6: 'fe80::7:7' } as const
const ALL_NODES = { mac: '33:33:00:00:00:01', 6: 'ff02::1' } as const
const ROUTER_ADVERTISEMENT = 134
const SOLICITATION = 135
const ADVERTISEMENT = 136
const REDIRECT = 137
const VLAN = 0x8100
const SERVICE_VLAN = 0x88a8

interface Pair {
	readonly one: Container
	readonly two: Container
	readonly gateway: { readonly 4: string; readonly 6: string }
}

type Case = (name: string, pair: Pair) => Buffer

/** From the container's own MAC to its neighbour's. */
function between({ one, two }: Pair): frames.Ends {
	return { from: one.mac, to: two.mac }
}

const datagram =
	(source: (pair: Pair) => string, from = (pair: Pair) => pair.one.mac): Case =>
	(name, pair) => {
		const [ip, family] = [source(pair), source(pair).includes(':') ? 6 : 4] as const
		return frames.datagram(name, frames.ether({ from: from(pair), to: pair.two.mac }), {
			from: ip,
			to: pair.two.address[family],
		})
	}

const arp =
	(ip: (pair: Pair) => string, mac = (pair: Pair) => pair.one.mac): Case =>
	(name, pair) =>
		frames.arp(
			name,
			frames.ether({ from: pair.one.mac, to: frames.BROADCAST }),
			{ mac: mac(pair), ip: ip(pair) },
			ip(pair),
		)

const discovery =
	(type: number, source: (pair: Pair) => string, target: (pair: Pair) => string): Case =>
	(name, pair) => {
		const header = frames.ether({ from: pair.one.mac, to: ALL_NODES.mac })
		return frames.discovery(name, header, { from: source(pair), to: ALL_NODES[6] }, type, frames.about(target(pair)))
	}

const own4 = ({ one }: Pair) => one.address[4]
const own6 = ({ one }: Pair) => one.address[6]
const others4 = ({ two }: Pair) => two.address[4]
const others6 = ({ two }: Pair) => two.address[6]
const gateway4 = ({ gateway }: Pair) => gateway[4]
const gateway6 = ({ gateway }: Pair) => gateway[6]
const linkLocal4 = () => LINK_LOCAL[4]
const linkLocal6 = () => LINK_LOCAL[6]
const none4 = () => '0.0.0.0'
const none6 = () => '::'
const strangersMac = () => STRANGER.mac

/** Of what nobody's address is in, with the container's MAC. */
const NEUTRAL: Readonly<Record<string, Case>> = {
	'another protocol': (name, pair) => frames.anything(name, between(pair)),
	'no IPv4 address yet': datagram(none4),
	'no IPv6 address yet': datagram(none6),
	'link-local IPv4': datagram(linkLocal4),
	'link-local IPv6': datagram(linkLocal6),
	'ARP probe': arp(none4),
	'ARP of a link-local address': arp(linkLocal4),
	'advertisement of a link-local address': discovery(ADVERTISEMENT, linkLocal6, linkLocal6),
	'duplicate address detection of a link-local address': discovery(SOLICITATION, none6, linkLocal6),
	'solicitation from a link-local address': discovery(SOLICITATION, linkLocal6, others6),
}

const OWN: Readonly<Record<string, Case>> = {
	'own IPv4': datagram(own4),
	'own IPv6': datagram(own6),
	'own ARP': arp(own4),
	'own advertisement': discovery(ADVERTISEMENT, own6, own6),
	'own duplicate address detection': discovery(SOLICITATION, none6, own6),
	'own solicitation': discovery(SOLICITATION, own6, others6),
	'own IPv6 behind options': (name, pair) => frames.extended(datagram(own6)(name, pair)),
}

const FALSE_MAC: Readonly<Record<string, Case>> = {
	'another MAC': (name, pair) => frames.anything(name, { from: STRANGER.mac, to: pair.two.mac }),
	'another MAC with own IPv4': datagram(own4, strangersMac),
	'another MAC with own IPv6': datagram(own6, strangersMac),
	'another MAC with link-local IPv4': datagram(linkLocal4, strangersMac),
	'another MAC with link-local IPv6': datagram(linkLocal6, strangersMac),
	'another MAC in ARP': arp(own4, strangersMac),
	'another MAC in an ARP probe': arp(none4, strangersMac),
	'another MAC around an ARP probe': (name, pair) =>
		frames.arp(
			name,
			frames.ether({ from: STRANGER.mac, to: frames.BROADCAST }),
			{ mac: pair.one.mac, ip: none4() },
			own4(pair),
		),
}

/** A tag hides what is behind it from rules; where it is for VLAN 0, the receiver looks behind it. */
const TAGGED: Readonly<Record<string, Case>> = Object.fromEntries(
	Object.entries({
		'VLAN 0': [[VLAN, 0]],
		'VLAN 7': [[VLAN, 7]],
		'service VLAN 0': [[SERVICE_VLAN, 0]],
		'two tags': [
			[VLAN, 0],
			[VLAN, 0],
		],
		'two tags, the outer one for services': [
			[SERVICE_VLAN, 0],
			[VLAN, 0],
		],
	} as const).flatMap(([what, tags]): [string, Case][] => {
		const header = (pair: Pair) => frames.tagged(between(pair), ...tags)
		return [
			[
				`${what} before false IPv4`,
				(name, pair) => frames.datagram(name, header(pair), { from: STRANGER[4], to: others4(pair) }),
			],
			[
				`${what} before false IPv6`,
				(name, pair) => frames.datagram(name, header(pair), { from: STRANGER[6], to: others6(pair) }),
			],
			[
				`${what} before false ARP`,
				(name, pair) => frames.arp(name, header(pair), { mac: STRANGER.mac, ip: gateway4(pair) }, own4(pair)),
			],
		]
	}),
)

const FALSE_ADDRESS: Readonly<Record<string, Case>> = {
	'IPv4 of the neighbour': datagram(others4),
	'IPv4 of the gateway': datagram(gateway4),
	'IPv4 of a stranger': datagram(() => STRANGER[4]),
	'IPv6 of the neighbour': datagram(others6),
	'IPv6 of the gateway': datagram(gateway6),
	'IPv6 of a stranger': datagram(() => STRANGER[6]),
	'IPv6 of a stranger behind options': (name, pair) => frames.extended(datagram(() => STRANGER[6])(name, pair)),
	'ARP of the neighbour': arp(others4),
	'ARP of the gateway': arp(gateway4),
	'advertisement of the neighbour': discovery(ADVERTISEMENT, own6, others6),
	'advertisement of the gateway': discovery(ADVERTISEMENT, own6, gateway6),
	'advertisement of the gateway from a link-local address': discovery(ADVERTISEMENT, linkLocal6, gateway6),
	'advertisement of the gateway behind options': (name, pair) =>
		frames.extended(discovery(ADVERTISEMENT, own6, gateway6)(name, pair)),
	'advertisement from the gateway': discovery(ADVERTISEMENT, gateway6, own6),
	'duplicate address detection of the neighbour': discovery(SOLICITATION, none6, others6),
	'solicitation from the gateway': discovery(SOLICITATION, gateway6, others6),
	'router advertisement': discovery(ROUTER_ADVERTISEMENT, linkLocal6, none6),
	redirect: discovery(REDIRECT, linkLocal6, others6),
}

const ALL = { ...NEUTRAL, ...OWN, ...FALSE_MAC, ...TAGGED, ...FALSE_ADDRESS }
const PASSES: Readonly<Record<number, Readonly<Record<string, Case>>>> = {
	[HELD]: { ...NEUTRAL, ...OWN },
	[FREE]: ALL,
	[UNKNOWN]: { ...NEUTRAL, ...OWN, ...FALSE_ADDRESS },
}

/** A container whose addresses weft does not know. */
async function runUnaddressed(weft: Weft, number: number, last: number): Promise<Container> {
	const [networkId, endpointId] = [idOf(`network ${number}`), idOf(`endpoint ${number} ${last}`)]
	const address = { 4: `10.231.${number}.${last}`, 6: `fd00:231:${number}::${last}` }
	const place = await attach(weft, { networkId, id: endpointId })
	await place.ip(`addr add ${address[4]}/24 dev eth0`, `addr add ${address[6]}/64 dev eth0 nodad`)
	return { place, networkId, endpointId, address, mac: await macOf(place) }
}

describe('frames of a container', { skip: noBed() }, () => {
	let bed: Bed
	let weft: Weft
	const pairs = new Map<number, Pair>()
	before(async () => {
		bed = await makeBed()
		weft = await startWeft()
		const unaddressed = { ipv4: [{ pool: '0.0.0.0/0', reserved: {} }], ipv6: [] }
		await weft.verbs.createNetwork(networkRequest(HELD))
		await weft.verbs.createNetwork(networkRequest(FREE, { options: { antispoof: 'false' } }))
		await weft.verbs.createNetwork(networkRequest(UNKNOWN, unaddressed))
		for (const number of [HELD, FREE, UNKNOWN]) {
			const run = number === UNKNOWN ? runUnaddressed : runContainer
			const [one, two] = [await run(weft, number, 2), await run(weft, number, 3)]
			await two.place.catch('eth0')
			pairs.set(number, { one, two, gateway: gatewayOf(number) })
		}
	})
	after(() => endAll(bed, weft, Array.from(pairs.values(), ({ one, two }) => [one, two]).flat()))

	/** The names of those that arrive. */
	async function arriving(number: number): Promise<string[]> {
		const pair = pairs.get(number)
		assert.ok(pair)
		const last = frames.anything('last', between(pair))
		await pair.one.place.send('eth0', [...Object.entries(ALL).map(([name, frame]) => frame(name, pair)), last])
		const names = await pair.two.place.caught('last')
		// Some come twice: in the neighbour's complaint about a datagram that it does not want.
		return [...new Set(names)].filter((name) => name !== 'last').sort()
	}

	interface IpAddress {
		readonly local: string
		readonly family: string
		readonly tentative?: boolean
		readonly dadfailed?: boolean
	}

	/** The IPv6 addresses, when it is known of all that nobody else has them. */
	async function settled({ place }: Container): Promise<string[]> {
		for (let i = 0; i < 200; i++) {
			const [{ addr_info: all }]: [{ addr_info: IpAddress[] }] = JSON.parse(
				await place.run('ip', '-j', '-6', 'addr', 'show', 'dev', 'eth0'),
			)
			if (!all.some(({ tentative }) => tentative))
				return all.filter((each) => !each.dadfailed).map(({ local }) => local)
			await sleep(50)
		}
		return assert.fail('still tentative')
	}

	for (const shown of ['0', '1'] as const) {
		describe(`with bridge-nf-call-iptables=${shown}`, () => {
			before(() => showBridgedFrames(shown))

			it('arrive with its own MAC and addresses, and with none', async () => {
				assert.deepEqual(await arriving(HELD), Object.keys(PASSES[HELD] ?? {}).sort())
			})

			it('arrive with any with antispoof=false', async () => {
				assert.deepEqual(await arriving(FREE), Object.keys(PASSES[FREE] ?? {}).sort())
			})

			it('settle its IPv6 addresses, also one that is made up at random', async () => {
				const { one, two } = pairs.get(HELD) ?? assert.fail()
				await one.place.ip('link set eth0 down', 'link set eth0 addrgenmode random', 'link set eth0 up')
				await one.place.ip(`addr add ${one.address[6]}/64 dev eth0`)
				const own = await settled(one)
				assert.deepEqual([own.length, own.includes(one.address[6])], [2, true])
				const [linkLocal = ''] = own.filter((address) => address !== one.address[6])
				assert.ok(await two.place.pings(`${linkLocal}%eth0`))
				for (const address of await settled(two)) {
					assert.ok(await one.place.pings(address.startsWith('fe80') ? `${address}%eth0` : address))
				}
			})

			it('arrive with its own MAC where nobody knows its addresses', async () => {
				assert.deepEqual(await arriving(UNKNOWN), Object.keys(PASSES[UNKNOWN] ?? {}).sort())
			})
		})
	}
})
