/** What bridge mode plans, on file for chosen pairs of options, and what it refuses. Pure: same in, same out. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isCode } from '../../src/errors.ts'
import { type Element, identity, type Resource } from '../../src/kernel/resource.ts'
import { renderElements } from '../../src/kernel/ruleset.ts'
import type { BridgeNetwork, Endpoint, PublishedPort, Subnet } from '../../src/model/network.ts'
import type { BridgeOptions } from '../../src/model/options.ts'
import { bridge } from '../../src/modes/bridge.ts'
import { parseBridge } from '../../src/network/bridge-options.ts'
import { expectGolden } from '../support/golden.ts'
import { renderPlan } from '../support/plan.ts'

const V4: Subnet = { pool: '10.210.1.0/24', gateway: '10.210.1.1/24', reserved: {} }
const V6: Subnet = { pool: 'fd77:6566:7400:1::/64', gateway: 'fd77:6566:7400:1::1/64', reserved: {} }

const OPTIONS = parseBridge({})

function network(more: Partial<BridgeNetwork> = {}): BridgeNetwork {
	return {
		id: '0123456789abcdef'.repeat(4),
		options: OPTIONS,
		internal: false,
		ipv4: [V4],
		ipv6: [],
		bridge: 'weft0123456789a',
		mtu: 1500,
		settled: true,
		...more,
	}
}

function endpoint(more: Partial<Endpoint> = {}): Endpoint {
	const id = 'fedcba9876543210'.repeat(4)
	return {
		id,
		networkId: network().id,
		ipv4: '10.210.1.2/24',
		mac: '02:42:0a:d2:01:02',
		link: 'wvfedcba98765',
		published: [],
		...more,
	}
}

function published(hostIp: string, hostPort: number, more: Partial<PublishedPort> = {}): PublishedPort {
	const containerIp = hostIp.includes(':') ? 'fd77:6566:7400:1::2' : '10.210.1.2'
	return { protocol: 'tcp', hostIp, hostPort, containerIp, containerPort: 80, ...more }
}

const DUAL = { ipv4: [V4], ipv6: [V6] }
const DUAL_ENDPOINT = { ipv6: 'fd77:6566:7400:1::2/64' }

function having(more: Partial<BridgeOptions>): Pick<BridgeNetwork, 'options'> {
	return { options: { ...OPTIONS, ...more } }
}

const NO_MASQUERADE = having({ masquerade: false })
const ROUTED6 = having({ gatewayModes: { 4: 'nat', 6: 'routed' } })

const CASES: Readonly<Record<string, readonly [BridgeNetwork, Endpoint]>> = {
	ipv4: [network(), endpoint()],
	'dual-stack': [network(DUAL), endpoint(DUAL_ENDPOINT)],
	'ipv6-only': [network({ ipv4: [], ipv6: [V6] }), (({ ipv4: _, ...rest }) => rest)(endpoint(DUAL_ENDPOINT))],
	'internal-dual-stack': [network({ ...DUAL, internal: true }), endpoint(DUAL_ENDPOINT)],
	'internal-no-masquerade': [network({ ...NO_MASQUERADE, internal: true }), endpoint()],
	'no-masquerade': [network(NO_MASQUERADE), endpoint()],
	'no-gateway': [network({ ipv4: [{ pool: V4.pool, reserved: {} }] }), endpoint()],
	'null-ipam': [
		network({ ipv4: [{ pool: '0.0.0.0/0', gateway: '0.0.0.0/0', reserved: {} }] }),
		(({ ipv4: _, ...rest }) => rest)(endpoint()),
	],
	'jumbo-own-name': [network({ mtu: 9000, bridge: 'mine', ...having({ bridgeName: 'mine' }) }), endpoint()],
	'too-small-for-ipv6': [network({ mtu: 1279 }), endpoint()],
	'own-mac': [network(), endpoint({ mac: '02:AB:00:00:00:01' })],
	'no-antispoof': [network({ ...DUAL, ...having({ antispoof: false }) }), endpoint(DUAL_ENDPOINT)],
	apart: [network({ ...DUAL, ...having({ icc: false }) }), endpoint(DUAL_ENDPOINT)],
	'ports-any-v4': [network(), endpoint({ published: [published('0.0.0.0', 8080)] })],
	'ports-any-dual-stack-udp': [
		network(DUAL),
		endpoint({
			...DUAL_ENDPOINT,
			published: [published('0.0.0.0', 53, { protocol: 'udp' }), published('::', 53, { protocol: 'udp' })],
		}),
	],
	'ports-specific': [
		network(DUAL),
		endpoint({
			...DUAL_ENDPOINT,
			published: [
				published('127.0.0.1', 8080),
				published('192.0.2.7', 9000, { protocol: 'sctp' }),
				published('2001:db8::7', 8080),
			],
		}),
	],
	'nat-unprotected': [
		network({ ...DUAL, ...having({ gatewayModes: { 4: 'nat-unprotected', 6: 'nat' } }) }),
		endpoint({ ...DUAL_ENDPOINT, published: [published('0.0.0.0', 8080), published('::', 8080)] }),
	],
	'routed-ipv6': [
		network({ ...DUAL, ...ROUTED6 }),
		endpoint({ ...DUAL_ENDPOINT, published: [published('0.0.0.0', 8080), published('::', 0)] }),
	],
	routed: [
		network({ ...DUAL, ...having({ gatewayModes: { 4: 'routed', 6: 'routed' } }) }),
		endpoint({ ...DUAL_ENDPOINT, published: [published('0.0.0.0', 0), published('::', 0)] }),
	],
	isolated: [
		network({ ...DUAL, internal: true, ...having({ gatewayModes: { 4: 'isolated', 6: 'isolated' } }) }),
		endpoint(DUAL_ENDPOINT),
	],
	'isolated-ipv4': [
		network({ ...DUAL, internal: true, ...having({ gatewayModes: { 4: 'isolated', 6: 'nat' } }) }),
		endpoint(DUAL_ENDPOINT),
	],
	'inhibit-ipv4': [network({ ...DUAL, ...having({ inhibitIpv4: true }) }), endpoint(DUAL_ENDPOINT)],
	'trusted-interfaces': [
		network({ ...DUAL, ...having({ trustedInterfaces: ['eth0', 'eth1.50'] }) }),
		endpoint({ ...DUAL_ENDPOINT, published: [published('127.0.0.1', 8080)] }),
	],
	'source-addresses': [
		network({ ...DUAL, ...having({ sourceAddresses: { 4: '192.0.2.7', 6: '2001:db8::7' } }) }),
		endpoint(DUAL_ENDPOINT),
	],
	'source-address-unused': [
		network({ ...DUAL, ...having({ sourceAddresses: { 4: '192.0.2.7' }, masquerade: false }) }),
		endpoint(DUAL_ENDPOINT),
	],
	adopted: [
		network({
			...DUAL,
			bridge: 'br0',
			adopted: { addresses: ['10.210.1.1/24', '10.9.9.9/24'], routesLocalnet: false },
		}),
		endpoint(DUAL_ENDPOINT),
	],
	'adopted-ipv4-inhibited': [
		network({
			bridge: 'br0',
			adopted: { addresses: ['10.210.1.7/24'], routesLocalnet: true },
			...having({ inhibitIpv4: true }),
		}),
		endpoint(),
	],
	'other-gateways': [
		network({
			ipv4: [{ ...V4, reserved: { printer: '10.210.1.8/24', DefaultGatewayIPv4: '10.210.1.9/24' } }],
			ipv6: [{ ...V6, reserved: { DefaultGatewayIPv6: 'fd77:6566:7400:1::9/64' } }],
		}),
		endpoint(DUAL_ENDPOINT),
	],
	'ports-two-to-one': [network(), endpoint({ published: [published('0.0.0.0', 8080), published('127.0.0.1', 8081)] })],
}

function wholePlan(network: BridgeNetwork, endpoint: Endpoint): Resource[] {
	return [...bridge.network(network), ...bridge.attached(network, endpoint), ...bridge.published(network, endpoint)]
}

/** The links that must be there before a resource. */
function needs(resource: Resource): string[] {
	if (resource.kind === 'veth') return resource.master === undefined ? [] : [resource.master]
	if (resource.kind === 'sysctl') return (/\/conf\/(weft\w+|mine|br0)\//.exec(resource.key) ?? []).slice(1)
	return 'link' in resource ? [resource.link] : []
}

/** So that a planner that writes into what it is given throws. */
function frozen<T>(value: T): T {
	if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(frozen)
	return value
}

describe('the plan of a bridge network', () => {
	for (const [name, [network, endpoint]] of Object.entries(CASES)) {
		it(`for ${name} is on file`, () => {
			bridge.validate(frozen(network))
			const text = renderPlan(bridge, network, frozen(endpoint))
			assert.equal(renderPlan(bridge, structuredClone(network), structuredClone(endpoint)), text)
			expectGolden(`bridge/${name}.txt`, text)
		})

		it(`for ${name} names nothing twice, and links before what is on them`, () => {
			const all = wholePlan(network, endpoint)
			const distinct = all.filter(({ kind }) => kind !== 'element').map(identity)
			assert.equal(new Set(distinct).size, distinct.length)
			all.forEach((resource, i) => {
				const made = all.slice(0, i).map(identity)
				for (const link of needs(resource)) assert.ok(made.includes(`link ${link}`), identity(resource))
			})
		})
	}

	it('opens nothing and forwards nothing for an internal network', () => {
		const [inner, endpoint] = CASES['internal-dual-stack'] ?? []
		assert.ok(inner !== undefined && endpoint !== undefined)
		const sets = [...bridge.network(inner), ...bridge.attached(inner, endpoint)]
			.filter((each): each is Element => each.kind === 'element')
			.map(({ set }) => set)
		assert.ok(sets.includes('internal') && !sets.includes('masqueraded'))
		const settings = bridge.attached(inner, endpoint).filter(({ kind }) => kind === 'sysctl')
		assert.deepEqual(settings, [])
		assert.deepEqual(bridge.attachment(inner, endpoint), { noGatewayService: true })
	})

	it('opens the ports of a routed network and takes none of the host', () => {
		const [routed, endpoint] = CASES.routed ?? []
		assert.ok(routed !== undefined && endpoint !== undefined)
		const sets = bridge.published(routed, endpoint).map((each) => (each.kind === 'element' ? each.set : each.kind))
		assert.deepEqual(sets, ['open4', 'open6'])
	})

	it('tells the ports of two endpoints apart by their owner', () => {
		const owners = ['a', 'b'].flatMap((id) =>
			bridge
				.published(network(), endpoint({ id, published: [published('0.0.0.0', 8080)] }))
				.flatMap((each) => (each.kind === 'port' ? [each.owner] : [])),
		)
		assert.deepEqual(owners, ['a', 'b'])
	})

	it('renders, whatever the addresses and ports', () => {
		fc.assert(
			fc.property(fc.ipV4(), fc.ipV4(), fc.integer({ min: 1, max: 65535 }), (hostIp, containerIp, port) => {
				const ports = [published(hostIp, port, { containerIp, containerPort: port })]
				for (const each of bridge.published(network(), endpoint({ published: ports }))) {
					if (each.kind === 'element') renderElements('add', [each])
				}
			}),
		)
	})
})

describe('a bridge network', () => {
	const refused = (more: Partial<BridgeNetwork>, words: RegExp) => {
		assert.throws(
			() => bridge.validate(network(more)),
			(error: unknown) => {
				return isCode(error, 'invalid') && words.test((error as Error).message)
			},
		)
	}

	it('has at most one subnet of a family', () => {
		const second: Subnet = { pool: '10.211.0.0/24', reserved: {} }
		refused({ ipv4: [V4, second] }, /10\.211\.0\.0\/24/)
		refused({ ipv6: [V6, { pool: 'fd01::/64', reserved: {} }] }, /fd01::\/64/)
		bridge.validate(network(DUAL))
	})

	it('keeps its containers apart only on a bridge of its own', () => {
		const adopted = { addresses: [], routesLocalnet: false }
		refused({ bridge: 'br0', adopted, ...having({ icc: false }) }, /enable_icc="false" cannot be had on br0/)
		bridge.validate(network({ bridge: 'br0', adopted }))
		bridge.validate(network(having({ icc: false })))
	})

	it('has a family at least', () => {
		refused({ ipv4: [], ipv6: [] }, /needs IPv4 or IPv6/)
		bridge.validate(network({ ipv4: [], ipv6: [V6] }))
	})

	it('has no IPv6 subnet of multicast, nor part of fe80::/64', () => {
		for (const pool of ['ff00::/8', 'ff05:1::/64']) refused({ ipv6: [{ pool, reserved: {} }] }, /multicast/)
		for (const pool of ['fe80::/80', 'fe80::/10']) refused({ ipv6: [{ pool, reserved: {} }] }, /fe80::\/64/)
		for (const pool of ['fe80::/64', 'fe80:1::/64', 'fec0::/64', '::/0']) {
			bridge.validate(network({ ipv6: [{ pool, reserved: {} }] }))
		}
	})

	it('has another gateway than its bridge only where it has a way out', () => {
		const ipv4 = [{ ...V4, reserved: { DefaultGatewayIPv4: '10.210.1.9/24' } }]
		const ipv6 = [{ ...V6, reserved: { DefaultGatewayIPv6: 'fd77:6566:7400:1::9/64' } }]
		refused({ ipv4, internal: true }, /DefaultGatewayIPv4=10\.210\.1\.9\/24: an internal network has no gateway/)
		refused({ ipv6, internal: true }, /DefaultGatewayIPv6/)
		bridge.validate(network({ ipv4, ipv6 }))
		bridge.validate(network({ ipv4: [{ ...V4, reserved: { DefaultGatewayIPv6: '10.210.1.9/24' } }], internal: true }))
	})

	it('has its gateway inside the subnet', () => {
		refused({ ipv4: [{ ...V4, gateway: '10.211.0.1/24' }] }, /10\.211\.0\.1.*10\.210\.1\.0\/24/)
		refused({ ipv6: [{ ...V6, gateway: 'fd01::1/64' }] }, /fd01::1/)
		refused({ ipv4: [{ ...V4, gateway: '10.210.1.1/16' }] }, /10\.210\.1\.1\/16/)
		bridge.validate(network({ ipv4: [{ ...V4, gateway: '10.210.1.254/24' }] }))
	})

	it('is isolated only where it is internal', () => {
		const isolated4 = having({ gatewayModes: { 4: 'isolated', 6: 'nat' } })
		const isolated6 = having({ gatewayModes: { 4: 'nat', 6: 'isolated' } })
		refused(isolated4, /gateway_mode_ipv4="isolated".*--internal/)
		refused({ ...DUAL, ...isolated6 }, /gateway_mode_ipv6="isolated".*--internal/)
		bridge.validate(network({ ...isolated4, internal: true }))
		bridge.validate(network({ ...DUAL, ...isolated6, internal: true }))
	})

	it('needs no gateway where nothing would have its address', () => {
		const skips = (raw: Readonly<Record<string, string>>, internal: boolean) => {
			const label = (name: string) => `com.docker.network.bridge.${name}`
			const named = Object.fromEntries(Object.entries(raw).map(([name, value]) => [label(name), value]))
			return bridge.skipsGateway(parseBridge(named), internal)
		}
		assert.deepEqual(skips({}, false), { 4: false, 6: false })
		assert.deepEqual(skips({}, true), { 4: false, 6: false })
		assert.deepEqual(skips({ gateway_mode_ipv4: 'isolated' }, true), { 4: true, 6: false })
		assert.deepEqual(skips({ gateway_mode_ipv6: 'isolated' }, true), { 4: false, 6: true })
		assert.deepEqual(skips({ gateway_mode_ipv4: 'routed', gateway_mode_ipv6: 'routed' }, false), { 4: false, 6: false })
		assert.deepEqual(skips({ inhibit_ipv4: 'true' }, false), { 4: false, 6: false })
		assert.deepEqual(skips({ inhibit_ipv4: 'true' }, true), { 4: true, 6: false })
	})

	it('has an MTU that IPv6 can live with, where it has IPv6', () => {
		refused({ ...DUAL, mtu: 1279 }, /mtu="1279".*1280/)
		bridge.validate(network({ ...DUAL, mtu: 1280 }))
		bridge.validate(network({ mtu: 68 }))
	})
})
