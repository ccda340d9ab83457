/** NetworkDriver's arguments into weft's words and answers back: what is kept, what is refused and how it is named. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fromEndpoint, fromJoin, toEndpoint, toNetwork, toPorts } from '../../src/cnm/translate-network.ts'

const id = { NetworkID: 'n1' }
const ref = { NetworkID: 'n1', EndpointID: 'e1' }

describe('toNetwork', () => {
	it('takes options, flags and pools', () => {
		const request = toNetwork({
			...id,
			Options: {
				'com.docker.network.generic': { mode: 'bridge' },
				'com.docker.network.enable_ipv6': true,
				'com.docker.network.internal': true,
			},
			IPv4Data: [{ Pool: '10.1.2.3/16', Gateway: '10.1.0.1/16', AuxAddresses: { printer: '10.1.0.9/16' } }],
			IPv6Data: [{ Pool: 'FD00:1::/64' }],
		})
		assert.deepEqual(request, {
			id: 'n1',
			options: { mode: 'bridge' },
			internal: true,
			ipv4: [{ pool: '10.1.0.0/16', gateway: '10.1.0.1/16', reserved: { printer: '10.1.0.9/16' } }],
			ipv6: [{ pool: 'fd00:1::/64', reserved: {} }],
		})
	})

	for (const Options of [undefined, null, {}, { 'com.docker.network.generic': null }]) {
		it(`has defaults for the options ${JSON.stringify(Options)}`, () => {
			const request = toNetwork({ ...id, ...(Options === undefined ? {} : { Options }), IPv4Data: null })
			assert.deepEqual(request, { id: 'n1', options: {}, internal: false, ipv4: [], ipv6: [] })
		})
	}

	it('leaves out a family that is switched off', () => {
		const Options = { 'com.docker.network.enable_ipv4': false, 'com.docker.network.enable_ipv6': false }
		const both = { IPv4Data: [{ Pool: '10.1.0.0/16' }], IPv6Data: [{ Pool: 'fd00::/64' }] }
		assert.deepEqual(toNetwork({ ...id, ...both }).ipv6.length, 1)
		const { ipv4, ipv6 } = toNetwork({ ...id, Options, ...both })
		assert.deepEqual([ipv4, ipv6], [[], []])
	})

	it('knows the pool of an IPAM driver that gives no addresses', () => {
		assert.deepEqual(toNetwork({ ...id, IPv4Data: [{ Pool: '0.0.0.0/0' }] }).ipv4, [
			{ pool: '0.0.0.0/0', reserved: {} },
		])
	})

	it("gives the gateway the pool's length, whatever mask it came with", () => {
		const [subnet] = toNetwork({ ...id, IPv4Data: [{ Pool: '10.1.0.0/16', Gateway: '10.1.0.1/32' }] }).ipv4
		assert.equal(subnet?.gateway, '10.1.0.1/16')
	})

	it('keeps an aux address with a name that is special in JavaScript', () => {
		const AuxAddresses = JSON.parse('{"__proto__":"10.1.0.9/16","constructor":"10.1.0.8/16"}')
		const [subnet] = toNetwork({ ...id, IPv4Data: [{ Pool: '10.1.0.0/16', AuxAddresses }] }).ipv4
		assert.deepEqual(Object.keys(subnet?.reserved ?? {}), ['__proto__', 'constructor'])
		assert.equal(Object.getPrototypeOf(subnet?.reserved), Object.prototype)
	})

	it('wants a pool for a family that is on', () => {
		const on = (family: number) => ({ [`com.docker.network.enable_ipv${family}`]: true })
		const pool = { IPv4Data: [{ Pool: '10.1.0.0/16' }] }
		toNetwork({ ...id, ...pool, Options: on(4) })
		assert.throws(() => toNetwork({ ...id, ...pool, Options: on(6) }), /IPv6 is on, and IPv6Data has no pool/)
		assert.throws(() => toNetwork({ ...id, IPv4Data: [], Options: on(4) }), /IPv4 is on, and IPv4Data has no pool/)
	})

	const refusals: readonly (readonly [object, RegExp])[] = [
		[{ IPv4Data: [{ Pool: 'fd00::/64' }] }, /IPv4Data\[0\]: "fd00::\/64" is not an IPv4 pool/],
		[{ IPv4Data: [{ Pool: '10.0.0.0/8' }, { Pool: '' }] }, /IPv4Data\[1\]: ""/],
		[{ IPv4Data: [{ Pool: '10.1.0.0/16', Gateway: '10.2.0.1/16' }] }, /gateway 10\.2\.0\.1\/16 lies outside/],
		[{ IPv4Data: [{ Pool: '10.1.0.0/16', Gateway: '10.1.0.1' }] }, /"10\.1\.0\.1" is not an address with a mask/],
		[{ IPv4Data: [{ Pool: '10.1.0.0/16', AuxAddresses: { a: '10.9.0.1/16' } }] }, /aux address "a" 10\.9\.0\.1/],
		[{ IPv6Data: [{ Pool: '10.0.0.0/8' }] }, /IPv6Data\[0\]: .*not an IPv6 pool/],
	]
	for (const [data, message] of refusals) {
		it(`refuses ${JSON.stringify(data)}`, () => {
			assert.throws(() => toNetwork({ ...id, ...data }), { code: 'invalid', message })
		})
	}
})

describe('toEndpoint', () => {
	it('takes what is asked for', () => {
		const Interface = { Address: '10.1.0.2/16', AddressIPv6: 'FD00::2/64', MacAddress: '02:42:AC:11:00:02' }
		const expected = { networkId: 'n1', id: 'e1', ipv4: '10.1.0.2/16', ipv6: 'fd00::2/64', mac: '02:42:ac:11:00:02' }
		assert.deepEqual(toEndpoint({ ...ref, Interface }), expected)
	})

	for (const Interface of [undefined, null, {}, { Address: '', AddressIPv6: '', MacAddress: '' }, { Address: null }]) {
		it(`asks for nothing with ${JSON.stringify(Interface)}`, () => {
			const request = toEndpoint({ ...ref, ...(Interface === undefined ? {} : { Interface }), Options: null })
			assert.deepEqual(request, { networkId: 'n1', id: 'e1' })
		})
	}

	it('reads the MAC from its bytes in base64, and prefers the text', () => {
		const Options = { 'com.docker.network.endpoint.macaddress': 'AkKsEQAC' }
		assert.equal(toEndpoint({ ...ref, Options }).mac, '02:42:ac:11:00:02')
		assert.equal(
			toEndpoint({ ...ref, Interface: { MacAddress: '02:00:00:00:00:01' }, Options }).mac,
			'02:00:00:00:00:01',
		)
	})

	it('takes the name of the interface, and refuses one that no link can have', () => {
		const named = (name: string) => toEndpoint({ ...ref, Options: { 'com.docker.network.endpoint.ifname': name } })
		assert.equal(named('lan0').interfaceName, 'lan0')
		assert.ok(!('interfaceName' in named('')))
		for (const bad of ['a/b', 'a b', '..', 'a234567890123456', 'eth0\n']) {
			assert.throws(() => named(bad), {
				code: 'invalid',
				message: /^com\.docker\.network\.endpoint\.ifname=".*letters/,
			})
		}
	})

	for (const text of ['AkKsEQA=', 'AkKsEQACAA==', 'AkKs EQAC', '02:42:ac:11:00:02', 'AwAAAAAA']) {
		it(`refuses ${text} as a MAC in base64`, () => {
			const Options = { 'com.docker.network.endpoint.macaddress': text }
			assert.throws(() => toEndpoint({ ...ref, Options }), { code: 'invalid', message: /endpoint\.macaddress: / })
		})
	}

	for (const [field, text] of [
		['Address', '10.1.0.2'],
		['Address', 'fd00::2/64'],
		['AddressIPv6', '10.1.0.2/16'],
		['MacAddress', '02-42-ac-11-00-02'],
		['MacAddress', '01:00:5e:00:00:01'],
	] as const) {
		it(`refuses the ${field} ${text} and names the field`, () => {
			const Interface = { [field]: text }
			assert.throws(() => toEndpoint({ ...ref, Interface }), {
				code: 'invalid',
				message: new RegExp(`^Interface.${field}: `),
			})
		})
	}
})

describe('toPorts', () => {
	const program = (...bindings: object[]) => {
		const portmap = bindings.map((binding) => ({ Proto: 6, Port: 80, ...binding }))
		return toPorts({ ...ref, Options: { 'com.docker.network.portmap': portmap } })
	}

	it('reads single ports, ranges and free choices', () => {
		const wanted = program(
			{ HostIP: '', HostPort: 8080, HostPortEnd: 8080 },
			{ Proto: 17, HostIP: '127.0.0.1', HostPort: 8000, HostPortEnd: 8010 },
			{ Proto: 132, HostIP: '::', HostPort: 0, HostPortEnd: 0 },
			{},
			{ HostPort: 8080, HostPortEnd: 0 },
		)
		assert.deepEqual(
			wanted.map((port) => [port.protocol, port.hostIp, port.hostPort, port.hostPortEnd]),
			[
				['tcp', '', 8080, 8080],
				['udp', '127.0.0.1', 8000, 8010],
				['sctp', '::', 0, 0],
				['tcp', '', 0, 0],
				['tcp', '', 8080, 8080],
			],
		)
		assert.ok(wanted.every((port) => port.containerPort === 80))
	})

	it('has none without a port map', () => {
		for (const Options of [null, {}, { 'com.docker.network.portmap': null }]) {
			assert.deepEqual(toPorts({ ...ref, Options }), [])
		}
		assert.deepEqual(toPorts(ref), [])
	})

	const refusals: readonly (readonly [object, RegExp])[] = [
		[{ Proto: 1 }, /portmap\[0\]: a port of icmp cannot be published/],
		[{ Proto: 255 }, /protocol number 255/],
		[{ HostPort: 20, HostPortEnd: 10 }, /20-10/],
		[{ HostPort: 0, HostPortEnd: 10 }, /0-10/],
		[{ HostIP: 'localhost' }, /"localhost" is not an IP address/],
	]
	for (const [binding, message] of refusals) {
		it(`refuses ${JSON.stringify(binding)}`, () => {
			assert.throws(() => program(binding), { code: 'invalid', message })
		})
	}
})

describe('answers', () => {
	it('an endpoint answers a MAC or nothing', () => {
		assert.deepEqual(fromEndpoint({ mac: '02:00:00:00:00:01' }), { Interface: { MacAddress: '02:00:00:00:00:01' } })
		assert.deepEqual(fromEndpoint({}), {})
	})

	it('a Join answers link, gateways and routes of both types', () => {
		const answer = fromJoin({
			link: 'wv1',
			prefix: 'eth',
			gateway: '10.1.0.1',
			gatewayIpv6: 'fd00::1',
			routes: [{ destination: '10.2.0.0/16', via: '10.1.0.9' }, { destination: '0.0.0.0/0' }],
			noGatewayService: false,
		})
		assert.deepEqual(answer, {
			InterfaceName: { SrcName: 'wv1', DstPrefix: 'eth' },
			Gateway: '10.1.0.1',
			GatewayIPv6: 'fd00::1',
			StaticRoutes: [
				{ Destination: '10.2.0.0/16', RouteType: 0, NextHop: '10.1.0.9' },
				{ Destination: '0.0.0.0/0', RouteType: 1 },
			],
			DisableGatewayService: false,
		})
	})

	it('a Join answers the name that the interface is to have beside the prefix', () => {
		const answer = fromJoin({ link: 'wv1', prefix: 'eth', name: 'lan0', routes: [], noGatewayService: true })
		assert.deepEqual(answer.InterfaceName, { SrcName: 'wv1', DstPrefix: 'eth', DstName: 'lan0' })
	})

	it('without a link there is no interface to move', () => {
		const answer = fromJoin({ prefix: 'eth', routes: [], noGatewayService: true })
		assert.deepEqual(answer, { StaticRoutes: [], DisableGatewayService: true })
	})
})
