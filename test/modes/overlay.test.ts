/** What overlay mode plans, on file for chosen options, what it refuses, and what holds whatever the other hosts have. Pure. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isCode } from '../../src/errors.ts'
import { identity, type Resource } from '../../src/kernel/resource.ts'
import { renderElements } from '../../src/kernel/ruleset.ts'
import { contains, covers, formatCidr, parseCidr, parseIp } from '../../src/model/address.ts'
import type { Endpoint, OverlayNetwork, Remote, Subnet, Underlay } from '../../src/model/network.ts'
import { BACKENDS, type Backend, type OverlayOptions } from '../../src/model/options.ts'
import { linkAcross, overlay } from '../../src/modes/overlay.ts'
import { backends, mtuOf } from '../../src/modes/overlay-backends.ts'
import { parseOverlay } from '../../src/network/overlay-options.ts'
import { expectGolden } from '../support/golden.ts'
import { renderPlan } from '../support/plan.ts'

const V4: Subnet = { pool: '10.98.0.0/20', gateway: '10.98.0.1/20', reserved: {} }
const V6: Subnet = { pool: 'fd98::/64', gateway: 'fd98::1/64', reserved: {} }
const UNDERLAY: Underlay = { node: 'a', address: '192.0.2.1', link: 'eth0', mtu: 1500, port: 4789 }
const UNDERLAY6: Underlay = { ...UNDERLAY, address: '2001:db8::1' }
const B: Remote = { node: 'b', address: '192.0.2.2', destinations: ['10.98.0.64/26', '10.98.0.9/32'] }
const C: Remote = { node: 'c', address: '192.0.2.3', destinations: ['10.98.1.0/26', 'fd98::40/122'] }

function having(raw: Record<string, string>): OverlayOptions {
	return parseOverlay(raw)
}

function network(more: Partial<OverlayNetwork> = {}): OverlayNetwork {
	return {
		id: '0123456789abcdef'.repeat(4),
		clusterId: 'wide',
		options: having({}),
		internal: false,
		ipv4: [V4],
		ipv6: [],
		bridge: 'weft0123456789a',
		mtu: 1450,
		settled: true,
		underlay: UNDERLAY,
		remotes: [],
		borrowed: [],
		...more,
	}
}

function endpoint(more: Partial<Endpoint> = {}): Endpoint {
	return {
		id: 'fedcba9876543210'.repeat(4),
		networkId: network().id,
		ipv4: '10.98.0.2/20',
		mac: '02:42:0a:62:00:02',
		link: 'wvfedcba98765',
		published: [],
		...more,
	}
}

const DUAL = { ipv4: [V4], ipv6: [V6] }
const DUAL_ENDPOINT = { ipv6: 'fd98::2/64' }
const KEYS = { a: key('a'), b: key('b'), c: key('c') }
const WIREGUARD = {
	options: having({ backend: 'wireguard' }),
	mtu: 1440,
	underlay: { ...UNDERLAY, wireguard: { port: 51820, publicKey: KEYS.a } },
}

function key(name: string): string {
	return Buffer.alloc(32, name).toString('base64')
}

const HOST_GW = { options: having({ backend: 'host-gw' }), mtu: 1500 }

const CASES: Readonly<Record<string, readonly [OverlayNetwork, Endpoint]>> = {
	alone: [network(), endpoint()],
	'two-others': [network({ remotes: [B, { ...C, destinations: ['10.98.1.0/26'] }] }), endpoint()],
	'dual-stack': [network({ ...DUAL, remotes: [B, C] }), endpoint(DUAL_ENDPOINT)],
	'ipv6-underlay': [
		network({ ...DUAL, underlay: UNDERLAY6, mtu: 1430, remotes: [{ ...C, address: '2001:db8::3' }] }),
		endpoint(DUAL_ENDPOINT),
	],
	'host-gw': [network({ ...HOST_GW, remotes: [B] }), endpoint()],
	'host-gw-ipv6-underlay': [
		network({ ...DUAL, ...HOST_GW, underlay: UNDERLAY6, remotes: [{ ...C, address: '2001:db8::3' }] }),
		endpoint(DUAL_ENDPOINT),
	],
	wireguard: [
		network({
			...DUAL,
			...WIREGUARD,
			remotes: [
				{ ...B, publicKey: KEYS.b },
				{ ...C, publicKey: KEYS.c },
			],
		}),
		endpoint(DUAL_ENDPOINT),
	],
	'wireguard-ipv6-underlay': [
		network({
			...DUAL,
			...WIREGUARD,
			mtu: 1420,
			underlay: { ...WIREGUARD.underlay, address: '2001:db8::1' },
			remotes: [{ ...C, address: '2001:db8::3', publicKey: KEYS.c }],
		}),
		endpoint(DUAL_ENDPOINT),
	],
	internal: [network({ ...DUAL, internal: true, remotes: [B] }), endpoint(DUAL_ENDPOINT)],
	apart: [network({ options: having({ 'com.docker.network.bridge.enable_icc': 'false' }), remotes: [B] }), endpoint()],
	borrowed: [network({ borrowed: ['10.98.0.70/32'], remotes: [B] }), endpoint({ ipv4: '10.98.0.70/20' })],
	published: [
		network({ remotes: [B] }),
		endpoint({
			published: [{ protocol: 'tcp', hostIp: '0.0.0.0', hostPort: 8080, containerIp: '10.98.0.2', containerPort: 80 }],
		}),
	],
}

function wholePlan(network: OverlayNetwork, endpoint: Endpoint): Resource[] {
	return [...overlay.network(network), ...overlay.attached(network, endpoint), ...overlay.published(network, endpoint)]
}

describe('the plan of an overlay network', () => {
	for (const [name, [network, endpoint]] of Object.entries(CASES)) {
		it(`for ${name} is on file`, () => {
			overlay.validate(network)
			expectGolden(`overlay/${name}.txt`, renderPlan(overlay, network, endpoint))
		})

		it(`for ${name} names nothing twice, and links before what is on them`, () => {
			const all = wholePlan(network, endpoint)
			const distinct = all.filter(({ kind }) => kind !== 'element').map(identity)
			assert.equal(new Set(distinct).size, distinct.length)
			all.forEach((resource, i) => {
				const link = 'link' in resource && resource.link !== 'eth0' ? resource.link : undefined
				const made = all.slice(0, i).map(identity)
				if (link !== undefined) assert.ok(made.includes(`link ${link}`), identity(resource))
			})
		})
	}

	it('is the same on all hosts in what a container sees of its network', () => {
		const [here, there] = [
			network({ remotes: [B] }),
			network({ underlay: { ...UNDERLAY, node: 'b', address: '192.0.2.2' } }),
		]
		assert.deepEqual(overlay.attachment(here, endpoint()), overlay.attachment(there, endpoint()))
		const gateways = (each: OverlayNetwork) =>
			overlay.network(each).filter((one) => one.kind === 'address' && one.link === each.bridge)
		assert.deepEqual(gateways(here), gateways(there))
	})

	it('has a device whose MAC the others know by the name of the node', () => {
		const here = overlay.network(network({ underlay: { ...UNDERLAY, node: 'b', address: '192.0.2.2' } }))
		const device = here.find((each) => each.kind === 'vxlan')
		const entry = overlay.network(network({ remotes: [B] })).find((each) => each.kind === 'forwarding')
		assert.equal(entry?.mac, device?.mac)
		assert.deepEqual([entry?.remote, device?.local, device?.mtu], ['192.0.2.2', '192.0.2.2', 1450])
	})

	it('takes of the packet what the backend adds to it', () => {
		const left = (backend: Backend) => [UNDERLAY, UNDERLAY6].map((underlay) => mtuOf(underlay, backends[backend]))
		assert.deepEqual(BACKENDS.map(left), [
			[1450, 1430],
			[1500, 1500],
			[1440, 1420],
		])
	})

	it('leads a container to all of its subnet by the gateway, and nowhere else', () => {
		fc.assert(
			fc.property(fc.integer({ min: 8, max: 30 }), fc.nat(0xffffffff), (prefix, inside) => {
				const pool = `10.0.0.0/${prefix}`
				const subnet = { pool, gateway: `10.0.0.1/${prefix}`, reserved: {} }
				const { routes = [] } = overlay.attachment(
					network({ ipv4: [subnet] }),
					endpoint({ ipv4: `10.0.0.2/${prefix}` }),
				)
				const cidr = parseCidr(pool)
				assert.ok(routes.every(({ destination, via }) => covers(cidr, parseCidr(destination)) && via === '10.0.0.1'))
				assert.ok(routes.every(({ destination }) => parseCidr(destination).prefix > prefix))
				const address = { family: 4, value: cidr.value + (BigInt(inside) % (1n << BigInt(32 - prefix))) } as const
				assert.equal(routes.filter(({ destination }) => contains(parseCidr(destination), address)).length, 1)
			}),
		)
	})

	it('of WireGuard lets from each host come what leads to it, and the host itself, and leaves out one without a key', () => {
		const remotes = [{ ...B, publicKey: KEYS.b }, C]
		const plan = overlay.network(network({ ...WIREGUARD, remotes }))
		const allowed = plan.flatMap((each) => (each.kind === 'allowed' ? [[each.publicKey, each.destination]] : []))
		assert.deepEqual(
			allowed,
			['192.0.2.2/32', ...B.destinations].map((each) => [KEYS.b, each]),
		)
		const to = plan.flatMap((each) => (each.kind === 'route' ? [each.destination] : []))
		assert.deepEqual(to, [...B.destinations, '192.0.2.2/32'])
		const [device] = overlay.network(network({ ...WIREGUARD })).filter(({ kind }) => kind === 'wireguard')
		assert.deepEqual(device, {
			kind: 'wireguard',
			name: 'weft-wireguard',
			port: 51820,
			publicKey: KEYS.a,
			mtu: 1440,
		})
	})

	it('has one route to each block of another host, and what its next hop needs', () => {
		const hosts = fc.uniqueArray(fc.nat(250), { maxLength: 8 })
		fc.assert(
			fc.property(hosts, fc.constantFrom('vxlan', 'host-gw'), (numbers, backend) => {
				const remotes = numbers.map((n): Remote => {
					return { node: `n${n}`, address: `192.0.2.${n + 2}`, destinations: [`10.98.1.${n}/32`] }
				})
				const options = having({ backend })
				const plan = overlay.network(network({ options, remotes }))
				const routes = plan.filter((each) => each.kind === 'route').filter(({ table }) => table === undefined)
				assert.deepEqual(
					routes.map(({ destination }) => destination),
					remotes.flatMap((each) => each.destinations),
				)
				for (const [i, { via, link }] of routes.entries()) {
					assert.deepEqual([via, link], [remotes[i]?.address, linkAcross(network({ options }))])
				}
				const [entries, neighbours] = ['forwarding', 'neighbour'].map((kind) =>
					plan.filter((each) => each.kind === kind),
				)
				assert.deepEqual(
					[entries?.length, neighbours?.length],
					backend === 'vxlan' ? [numbers.length, numbers.length] : [0, 0],
				)
				for (const each of plan) if (each.kind === 'element') renderElements('add', [each])
			}),
		)
	})

	it('lets nothing cross between two networks that each lets cross within itself', () => {
		const [red, blue] = [
			network(),
			network({ bridge: 'weftb', ipv4: [{ ...V4, pool: '10.99.0.0/20', gateway: '10.99.0.1/20' }] }),
		]
		const shared = (each: OverlayNetwork) =>
			overlay
				.network(each)
				.flatMap((one) => (one.kind === 'element' && one.set === 'shared4' ? [one.key.join(' ')] : []))
		assert.deepEqual([shared(red), shared(blue)], [['weft0123456789a 10.98.0.0/20'], ['weftb 10.99.0.0/20']])
	})

	it('names a next hop of its own family, or one of IPv6', () => {
		for (const [each] of Object.values(CASES)) {
			for (const one of overlay.network(each)) {
				if (one.kind !== 'route' || one.via === undefined) continue
				const [to, by] = [parseCidr(one.destination).family, parseIp(one.via).family]
				assert.ok(by === to || by === 6, `${one.destination} via ${one.via}`)
				assert.equal(formatCidr(parseCidr(one.destination)), one.destination)
			}
		}
	})
})

describe('an overlay network', () => {
	const refused = (more: Partial<OverlayNetwork>, words: RegExp) => {
		assert.throws(
			() => overlay.validate(network(more)),
			(error: unknown) => isCode(error, 'invalid') && words.test((error as Error).message),
		)
	}

	it('has no larger packets than its backend leaves of the underlay', () => {
		refused({ mtu: 1451 }, /mtu="1451" is more than the 1450 bytes that the backend vxlan leaves of the 1500 of eth0/)
		overlay.validate(network({ mtu: 1450 }))
		refused({ ...HOST_GW, mtu: 1501 }, /more than the 1500 bytes/)
		overlay.validate(network(HOST_GW))
		refused({ underlay: UNDERLAY6, mtu: 1431 }, /more than the 1430 bytes/)
	})

	it('has a gateway and a subnet', () => {
		refused({ ipv4: [{ pool: V4.pool, reserved: {} }] }, /needs a gateway in the subnet 10\.98\.0\.0\/20/)
		refused({ ipv4: [{ pool: '0.0.0.0/0', gateway: '0.0.0.0/0', reserved: {} }] }, /needs a subnet of addresses/)
		overlay.validate(network(DUAL))
	})

	it('of WireGuard needs a key of the host', () => {
		refused({ ...WIREGUARD, underlay: UNDERLAY }, /backend="wireguard" needs a key of this host, which has none yet/)
		refused(
			{ ...WIREGUARD, mtu: 1441 },
			/more than the 1440 bytes that the backend wireguard leaves of the 1500 of eth0/,
		)
		overlay.validate(network(WIREGUARD))
	})

	it('of host-gw has IPv6 only where the hosts have', () => {
		refused({ ...DUAL, ...HOST_GW }, /backend="host-gw" cannot lead IPv6 to hosts at IPv4 addresses/)
		overlay.validate(network({ ...DUAL, ...HOST_GW, underlay: UNDERLAY6 }))
		overlay.validate(network(DUAL))
	})
})
