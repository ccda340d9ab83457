/** What macvlan and ipvlan plan, on file, and what they refuse. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isCode } from '../../src/errors.ts'
import type { Endpoint, LanNetwork, Subnet } from '../../src/model/network.ts'
import type { IpvlanOptions, MacvlanOptions } from '../../src/model/options.ts'
import { ipvlan, macvlan } from '../../src/modes/lan.ts'
import { expectGolden } from '../support/golden.ts'
import { renderPlan } from '../support/plan.ts'

const V4: Subnet = { pool: '192.168.1.0/24', gateway: '192.168.1.1/24', reserved: {} }
const SECOND: Subnet = { pool: '192.168.2.0/24', gateway: '192.168.2.254/24', reserved: {} }
const V6: Subnet = { pool: 'fd00:1::/64', gateway: 'fd00:1::1/64', reserved: {} }
const OPTIONS: MacvlanOptions = {
	mode: 'macvlan',
	interfacePrefix: 'eth',
	parent: 'eth0',
	macvlanMode: 'bridge',
	hostAccess: false,
}

function network(more: Partial<LanNetwork> = {}): LanNetwork {
	const id = '0123456789abcdef'.repeat(4)
	return {
		id,
		options: OPTIONS,
		internal: false,
		ipv4: [V4],
		ipv6: [],
		parent: 'eth0',
		vlans: [],
		settled: true,
		...more,
	}
}

function endpoint(more: Partial<Endpoint> = {}): Endpoint {
	return {
		id: 'fedcba9876543210'.repeat(4),
		networkId: network().id,
		ipv4: '192.168.1.20/24',
		mac: '02:42:c0:a8:01:14',
		link: 'wvfedcba98765',
		published: [],
		...more,
	}
}

const { parent: _, ...PARENTLESS } = OPTIONS

const CASES: Readonly<Record<string, readonly [LanNetwork, Endpoint]>> = {
	ipv4: [network(), endpoint()],
	'dual-stack-private': [
		network({ ipv6: [V6], options: { ...OPTIONS, macvlanMode: 'private', mtu: 1400 } }),
		endpoint({ ipv6: 'fd00:1::20/64' }),
	],
	'second-subnet': [network({ ipv4: [V4, SECOND] }), endpoint({ ipv4: '192.168.2.20/24' })],
	'no-gateway': [network({ ipv4: [{ pool: V4.pool, reserved: {} }] }), endpoint()],
	internal: [network({ internal: true, ipv6: [V6] }), endpoint({ ipv6: 'fd00:1::20/64' })],
	parentless: [network({ options: PARENTLESS, parent: 'weft-0123456789' }), endpoint()],
	vlans: [
		network({
			options: { ...OPTIONS, parent: 'eth0.100.50' },
			parent: 'eth0.100.50',
			vlans: [
				{ name: 'eth0.100', parent: 'eth0', id: 100 },
				{ name: 'eth0.100.50', parent: 'eth0.100', id: 50 },
			],
		}),
		endpoint(),
	],
	'host-access': [
		network({
			options: { ...OPTIONS, hostAccess: true },
			shim: { name: 'weft0123456789a', addresses: ['192.168.1.10', '192.168.1.11'] },
		}),
		endpoint(),
	],
	'host-access-dual-stack': [
		network({
			options: { ...OPTIONS, hostAccess: true },
			ipv6: [V6],
			shim: { name: 'weft0123456789a', addresses: ['192.168.1.10', 'fd00:1::10'] },
		}),
		endpoint({ ipv6: 'fd00:1::20/64' }),
	],
	passthru: [network({ options: { ...OPTIONS, macvlanMode: 'passthru' } }), endpoint()],
}

const { macvlanMode: __, ...SHARED } = OPTIONS
const IPVLAN: IpvlanOptions = { ...SHARED, mode: 'ipvlan', ipvlanMode: 'l2', ipvlanFlag: 'bridge' }
const { parent: ___, ...IPVLAN_PARENTLESS } = IPVLAN
const BOTH = endpoint({ ipv6: 'fd00:1::20/64' })

function ipvlanNetwork(options: Partial<IpvlanOptions>, more: Partial<LanNetwork> = {}): LanNetwork {
	return network({ ipv6: [V6], options: { ...IPVLAN, ...options }, ...more })
}

const IPVLAN_CASES: Readonly<Record<string, readonly [LanNetwork, Endpoint]>> = {
	l2: [ipvlanNetwork({}), BOTH],
	'l2-private-second-subnet': [
		ipvlanNetwork({ ipvlanFlag: 'private', mtu: 1400 }, { ipv4: [V4, SECOND], ipv6: [] }),
		endpoint({ ipv4: '192.168.2.20/24' }),
	],
	l3: [ipvlanNetwork({ ipvlanMode: 'l3' }), BOTH],
	'l3-ipv4': [ipvlanNetwork({ ipvlanMode: 'l3' }, { ipv6: [] }), endpoint()],
	'l3s-vepa': [ipvlanNetwork({ ipvlanMode: 'l3s', ipvlanFlag: 'vepa' }), BOTH],
	'l3-internal': [ipvlanNetwork({ ipvlanMode: 'l3' }, { internal: true, ipv4: [V4, SECOND] }), BOTH],
	parentless: [network({ options: { ...IPVLAN_PARENTLESS, ipvlanMode: 'l3' }, parent: 'weft-0123456789' }), endpoint()],
	'host-access-l2': [
		ipvlanNetwork(
			{ hostAccess: true },
			{ shim: { name: 'weft0123456789a', addresses: ['192.168.1.10', 'fd00:1::10'] } },
		),
		BOTH,
	],
	'host-access-l2-ipv4': [
		ipvlanNetwork({ hostAccess: true }, { ipv6: [], shim: { name: 'weft0123456789a', addresses: ['192.168.1.10'] } }),
		endpoint(),
	],
	'host-access-l3s': [
		ipvlanNetwork(
			{ hostAccess: true, ipvlanMode: 'l3s' },
			{ shim: { name: 'weft0123456789a', addresses: ['203.0.113.9', '192.168.1.10', 'fd00:9::10'] } },
		),
		BOTH,
	],
}

describe('the plan of an ipvlan network', () => {
	for (const [name, [of, its]] of Object.entries(IPVLAN_CASES)) {
		it(name, () => {
			ipvlan.validate(of)
			expectGolden(`ipvlan/${name}.txt`, renderPlan(ipvlan, of, its))
		})
	}

	it('has no MAC address of its own in any mode', () => {
		assert.equal(ipvlan.ownMac, false)
		const links = Object.values(IPVLAN_CASES).flatMap(([of, its]) => ipvlan.attached(of, its))
		assert.ok(links.every((each) => !JSON.stringify(each).includes(BOTH.mac)))
	})

	it('gives every container routes or gateways, in the families that it has and in no other', () => {
		const address = fc.option(fc.constant(true), { nil: undefined })
		fc.assert(
			fc.property(
				fc.constantFrom('l2', 'l3', 'l3s'),
				fc.constantFrom('bridge', 'private', 'vepa'),
				fc.boolean(),
				address,
				address,
				(ipvlanMode, ipvlanFlag, internal, four, six) => {
					const { ipv4: _, ...bare } = endpoint()
					const its = {
						...bare,
						...(four && { ipv4: '192.168.1.20/24' }),
						...(six && { ipv6: 'fd00:1::20/64' }),
					}
					const found = ipvlan.attachment(ipvlanNetwork({ ipvlanMode, ipvlanFlag }, { internal }), its)
					const ways = [found.gateway, found.gatewayIpv6, ...(found.onLink ?? [])].filter((each) => each !== undefined)
					const families = [...(four ? [4] : []), ...(six ? [6] : [])]
					assert.equal(found.noGatewayService, true)
					assert.deepEqual(
						ways.map((way) => (way.includes(':') ? 6 : 4)),
						internal ? [] : families,
					)
					assert.equal(found.onLink !== undefined, ipvlanMode !== 'l2')
				},
			),
		)
	})
})

describe('an ipvlan network', () => {
	const refused = (of: LanNetwork, words: RegExp) => {
		assert.throws(
			() => ipvlan.validate(of),
			(error: Error) => isCode(error, 'invalid') && words.test(error.message),
		)
	}

	it('has a family at least, and subnets that are not all addresses', () => {
		refused(ipvlanNetwork({}, { ipv4: [], ipv6: [] }), /needs IPv4 or IPv6/)
		refused(ipvlanNetwork({}, { ipv4: [{ pool: '0.0.0.0/0', reserved: {} }] }), /mode ipvlan needs a subnet/)
	})

	it('lets the host in only where containers can hear it', () => {
		for (const ipvlanFlag of ['private', 'vepa'] as const) {
			const words = new RegExp(`host_access="true" needs ipvlan_flag="bridge", and not "${ipvlanFlag}": in the other`)
			refused(ipvlanNetwork({ hostAccess: true, ipvlanFlag }), words)
		}
		refused(network({ options: { ...IPVLAN_PARENTLESS, hostAccess: true } }), /host_access="true" needs a parent/)
		ipvlan.validate(ipvlanNetwork({ hostAccess: true, ipvlanMode: 'l3' }))
	})
})

describe('the plan of a macvlan network', () => {
	for (const [name, [of, its]] of Object.entries(CASES)) {
		it(name, () => {
			macvlan.validate(of)
			expectGolden(`macvlan/${name}.txt`, renderPlan(macvlan, of, its))
		})
	}

	it('leaves no end of a link on the host, and asks for no gateway', () => {
		assert.deepEqual(macvlan.link(network(), endpoint()), { name: 'wvfedcba98765', prefix: 'eth' })
		assert.deepEqual(macvlan.skipsGateway(OPTIONS, false), { 4: true, 6: true })
	})
})

describe('a macvlan network', () => {
	const refused = (more: Partial<LanNetwork>, words: RegExp) => {
		assert.throws(
			() => macvlan.validate(network(more)),
			(error: Error) => isCode(error, 'invalid') && words.test(error.message),
		)
	}

	it('has a family at least, and subnets that are not all addresses', () => {
		refused({ ipv4: [] }, /needs IPv4 or IPv6/)
		refused({ ipv4: [{ pool: '0.0.0.0/0', reserved: {} }] }, /mode macvlan needs a subnet.*0\.0\.0\.0\/0/)
		refused({ ipv6: [{ pool: '::/0', reserved: {} }] }, /mode macvlan needs a subnet.*::\/0/)
		macvlan.validate(network({ ipv4: [], ipv6: [V6] }))
	})

	it('lets the host in only where containers can hear it', () => {
		const hostAccess = { ...OPTIONS, hostAccess: true }
		for (const macvlanMode of ['private', 'vepa', 'passthru'] as const) {
			const words = new RegExp(`host_access="true" needs macvlan_mode="bridge", and not "${macvlanMode}": in the other`)
			refused({ options: { ...hostAccess, macvlanMode } }, words)
		}
		refused({ options: { ...PARENTLESS, hostAccess: true } }, /host_access="true" needs a parent/)
		macvlan.validate(network({ options: hostAccess }))
	})

	it('has an MTU that IPv6 can live with, where it has IPv6', () => {
		const options = { ...OPTIONS, mtu: 1279 }
		refused({ options, ipv6: [V6] }, /mtu="1279".*1280/)
		macvlan.validate(network({ options }))
	})
})
