/** Calls that dockerd would never make, near to those that it does and far from them. */
import fc from 'fast-check'

const network = [
	...['GwAllocCheck', 'AllocateNetwork', 'FreeNetwork', 'CreateNetwork', 'DeleteNetwork', 'CreateEndpoint'],
	...['DeleteEndpoint', 'EndpointOperInfo', 'Join', 'Leave', 'DiscoverNew', 'ProgramExternalConnectivity'],
	...['RevokeExternalConnectivity', 'GetCapabilities', 'NoSuchMethod'],
].map((name) => `NetworkDriver.${name}`)
const ipam = ['RequestPool', 'ReleasePool', 'RequestAddress', 'ReleaseAddress'].map((name) => `IpamDriver.${name}`)

/** Of both interfaces, and one that there is not. */
export const anyMethod: fc.Arbitrary<string> = fc.constantFrom(...network, ...ipam)

const address = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.constant(''), fc.constant(null))
const cidr = fc.oneof(
	fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: -1, max: 130 })).map(([ip, n]) => `${ip}/${n}`),
	address,
)
const strange = fc.jsonValue()
const id = fc.oneof(fc.constant('n1'), fc.string({ unit: 'binary' }))
const orStrange = <T>(arbitrary: fc.Arbitrary<T>) =>
	fc.oneof({ weight: 9, arbitrary }, { weight: 1, arbitrary: strange })
const pool = fc.record(
	{ Pool: cidr, Gateway: cidr, AuxAddresses: fc.dictionary(fc.string(), cidr) },
	{ requiredKeys: [] },
)
const binding = fc.record(
	{
		Proto: fc.constantFrom(6, 17, 132, 1),
		Port: fc.integer(),
		HostIP: address,
		HostPort: fc.nat(70_000),
		HostPortEnd: fc.nat(70_000),
	},
	{ requiredKeys: [] },
)
const options = fc.record(
	{
		'com.docker.network.generic': orStrange(fc.dictionary(fc.string(), fc.string())),
		'com.docker.network.portmap': orStrange(fc.array(orStrange(binding))),
		'com.docker.network.endpoint.macaddress': orStrange(fc.base64String()),
		'com.docker.network.internal': orStrange(fc.boolean()),
	},
	{ requiredKeys: [] },
)
const body = fc.record(
	{
		NetworkID: orStrange(id),
		EndpointID: orStrange(id),
		Options: orStrange(options),
		IPv4Data: orStrange(fc.array(orStrange(pool))),
		IPv6Data: orStrange(fc.array(orStrange(pool))),
		Interface: orStrange(
			fc.record({ Address: cidr, AddressIPv6: cidr, MacAddress: fc.string() }, { requiredKeys: [] }),
		),
		AddressSpace: orStrange(fc.constant('weft-local')),
		PoolID: orStrange(fc.string()),
		Pool: orStrange(cidr),
		SubPool: orStrange(cidr),
		Address: orStrange(address),
		V6: orStrange(fc.boolean()),
	},
	{ requiredKeys: [] },
)
/** Of the shape that the protocol has in one of two cases, JSON of any shape, or no JSON. */
export const anyBody: fc.Arbitrary<string> = fc.oneof(
	body.map((value) => JSON.stringify(value)),
	strange.map((value) => JSON.stringify(value)),
	fc.string(),
)

const few = (prefix: string) => fc.constantFrom(...[1, 2, 3].map((n) => `${prefix}${n}`))
/** The number of a network, and that of the subnet which goes with it: mostly its own. */
const place = fc.integer({ min: 1, max: 3 }).chain((n) => {
	const subnet = fc.oneof({ weight: 4, arbitrary: fc.constant(n) }, { weight: 1, arbitrary: fc.nat(3) })
	return fc.record({ NetworkID: fc.constant(`n${n}`), subnet })
})
const label = fc.oneof(
	fc.constantFrom('mode', 'mtu', 'parent', 'antispoof', 'macvlan_mode', 'host_access', 'x'),
	fc
		.constantFrom('name', 'enable_icc', 'host_binding_ipv4', 'gateway_mode_ipv4', 'inhibit_ipv4')
		.map((name) => `com.docker.network.bridge.${name}`),
)
const setting = fc.oneof(
	fc.constantFrom(
		'none',
		'macvlan',
		'bridge',
		'true',
		'false',
		'routed',
		'1400',
		'lo',
		'weft0',
		'../x',
		'; reboot',
		'$(x)',
	),
	fc.string({ maxLength: 20 }),
)
const generic = fc.oneof(fc.constant({}), fc.dictionary(label, setting, { maxKeys: 2 }))
const ports = fc.array(
	fc.record({
		Proto: fc.constantFrom(6, 17, 132),
		Port: fc.integer({ min: 1, max: 65_535 }),
		HostIP: fc.constantFrom('', '127.0.0.1', '::1', '203.0.113.9'),
		HostPort: fc.constantFrom(0, 8080, 8081),
		HostPortEnd: fc.constantFrom(0, 8080, 8082),
	}),
	{ maxLength: 3 },
)
const host = fc.integer({ min: 2, max: 9 })
const reference = { NetworkID: few('n'), EndpointID: few('e') }

/** In the order of none: most of them make and use, and fewer remove, the same few networks and endpoints. */
export const likelyCall: fc.Arbitrary<readonly [method: string, body: string]> = fc
	.oneof(
		{
			weight: 3,
			arbitrary: fc.tuple(
				fc.constant('NetworkDriver.CreateNetwork'),
				fc.tuple(place, generic).map(([{ NetworkID, subnet }, pairs]) => ({
					NetworkID,
					IPv4Data: [{ Pool: `10.99.${subnet}.0/24`, Gateway: `10.99.${subnet}.1/24` }],
					IPv6Data: [],
					Options: { 'com.docker.network.generic': pairs },
				})),
			),
		},
		{
			weight: 4,
			arbitrary: fc.tuple(
				fc.constant('NetworkDriver.CreateEndpoint'),
				fc.tuple(place, few('e'), host, ports).map(([{ NetworkID, subnet }, EndpointID, last, list]) => ({
					NetworkID,
					EndpointID,
					Interface: { Address: `10.99.${subnet}.${last}/24` },
					Options: { 'com.docker.network.portmap': list },
				})),
			),
		},
		{
			weight: 6,
			arbitrary: fc.tuple(
				fc.constantFrom('NetworkDriver.Join', 'NetworkDriver.ProgramExternalConnectivity'),
				fc.record({ ...reference, Options: ports.map((list) => ({ 'com.docker.network.portmap': list })) }),
			),
		},
		{
			weight: 2,
			arbitrary: fc.tuple(
				fc.constantFrom(
					'NetworkDriver.Leave',
					'NetworkDriver.DeleteEndpoint',
					'NetworkDriver.RevokeExternalConnectivity',
				),
				fc.record(reference),
			),
		},
		{
			weight: 1,
			arbitrary: fc.tuple(fc.constant('NetworkDriver.DeleteNetwork'), fc.record({ NetworkID: reference.NetworkID })),
		},
		{
			weight: 1,
			arbitrary: fc.tuple(
				fc.constant('IpamDriver.RequestPool'),
				fc.record({ AddressSpace: fc.constant('a'), Pool: fc.nat(3).map((n) => `10.98.${n}.0/24`) }),
			),
		},
		{
			weight: 2,
			arbitrary: fc.tuple(
				fc.constantFrom('IpamDriver.RequestAddress', 'IpamDriver.ReleaseAddress'),
				fc.record({
					PoolID: fc.nat(3).map((n) => `a/10.98.${n}.0/24`),
					Address: fc.nat(3).map((n) => `10.98.${n}.7`),
				}),
			),
		},
	)
	.map(([method, body]) => [method, JSON.stringify(body)])

/** What is no HTTP, and what begins as if it were. */
export const anyBytes: fc.Arbitrary<Uint8Array> = fc.oneof(
	fc.uint8Array({ maxLength: 2000 }),
	fc
		.tuple(
			fc.constantFrom('POST /NetworkDriver.Join HTTP/1.1\r\n', 'POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n', 'GET '),
			fc.uint8Array({ maxLength: 500 }),
		)
		.map(([head, rest]) => Buffer.concat([Buffer.from(head), rest])),
	fc
		.tuple(anyMethod, anyBody, fc.nat(3))
		.map(([method, body, more]) =>
			Buffer.from(
				`POST /${method} HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body) + more}\r\n\r\n${body}`,
			),
		),
)
