/**
 * The arguments of Docker's plugin calls in Docker's spelling; nothing below this folder knows it. Strict on the type of
 * what weft reads, tolerant of all else: unknown fields, `null` for an absent map or list, missing Options.
 */
// Not the package as a whole, which loads 300 more files before the daemon can serve.

import type { Static, TSchema } from 'typebox/type'
import * as Type from 'typebox/type'

/** Go writes an absent map, list or pointer as `null`; `nullable` is Ajv's word for it and keeps its errors short. */
function nullable<T extends TSchema>(schema: T) {
	return Type.Unsafe<Static<T> | null>({ ...schema, nullable: true })
}

function maybe<T extends TSchema>(schema: T) {
	return Type.Optional(nullable(schema))
}

const Text = maybe(Type.String())
const Flag = maybe(Type.Boolean())
/** Not Type.Record: its pattern does not match a key with a newline, whose value would pass unchecked. */
const Strings = Type.Unsafe<Record<string, string>>(Type.Object({}, { additionalProperties: Type.String() }))
const AnyOptions = maybe(Type.Unsafe<Record<string, unknown>>(Type.Object({})))

/** Docker's ids end up in the names of links, sets and records: nothing but letters and digits gets that far. */
const Id = Type.String({ pattern: '^[a-zA-Z0-9]{1,64}$', description: '1 to 64 letters and digits' })
const PortNumber = Type.Integer({ minimum: 1, maximum: 65535 })
const PortOrNone = Type.Integer({ minimum: 0, maximum: 65535 })

export const GENERIC = 'com.docker.network.generic'
export const ENABLE_IPV4 = 'com.docker.network.enable_ipv4'
export const ENABLE_IPV6 = 'com.docker.network.enable_ipv6'
export const INTERNAL = 'com.docker.network.internal'
export const PORTMAP = 'com.docker.network.portmap'
export const MAC_ADDRESS = 'com.docker.network.endpoint.macaddress'
export const INTERFACE_NAME = 'com.docker.network.endpoint.ifname'
export const GATEWAY = 'com.docker.network.gateway'

const PoolData = Type.Object({
	Pool: Type.String(),
	Gateway: Text,
	AuxAddresses: maybe(Strings),
})
export type PoolData = Static<typeof PoolData>

export const NetworkRef = Type.Object({ NetworkID: Id })
export const EndpointRef = Type.Object({ NetworkID: Id, EndpointID: Id })
export type EndpointRef = Static<typeof EndpointRef>

const NetworkOptions = maybe(
	Type.Object({
		[GENERIC]: maybe(Strings),
		[ENABLE_IPV4]: Flag,
		[ENABLE_IPV6]: Flag,
		[INTERNAL]: Flag,
	}),
)
export type NetworkOptions = Static<typeof NetworkOptions>

export const GwAllocCheck = Type.Object({ Options: NetworkOptions })

export const AllocateNetwork = Type.Object({ NetworkID: Id, Options: maybe(Strings) })

export const CreateNetwork = Type.Object({
	NetworkID: Id,
	Options: NetworkOptions,
	IPv4Data: maybe(Type.Array(PoolData)),
	IPv6Data: maybe(Type.Array(PoolData)),
})
export type CreateNetwork = Static<typeof CreateNetwork>

export const CreateEndpoint = Type.Object({
	NetworkID: Id,
	EndpointID: Id,
	Interface: maybe(Type.Object({ Address: Text, AddressIPv6: Text, MacAddress: Text })),
	Options: maybe(Type.Object({ [MAC_ADDRESS]: Text, [INTERFACE_NAME]: Text })),
})
export type CreateEndpoint = Static<typeof CreateEndpoint>

const PortBinding = Type.Object({
	Proto: Type.Integer(),
	Port: PortNumber,
	HostIP: Text,
	HostPort: maybe(PortOrNone),
	HostPortEnd: maybe(PortOrNone),
})
export type PortBinding = Static<typeof PortBinding>

export const ProgramExternalConnectivity = Type.Object({
	NetworkID: Id,
	EndpointID: Id,
	Options: maybe(Type.Object({ [PORTMAP]: maybe(Type.Array(PortBinding)) })),
})
export type ProgramExternalConnectivity = Static<typeof ProgramExternalConnectivity>

/** Nothing of it is read: weft learns of other hosts through its own cluster. */
export const Discovery = Type.Object({})

export const RequestPool = Type.Object({
	/** Becomes a part of the pool's id, whose parts are kept apart by slashes. */
	AddressSpace: Type.String({ pattern: '^[a-zA-Z0-9._-]{1,64}$', description: 'the name of an address space' }),
	Pool: Text,
	SubPool: Text,
	Options: AnyOptions,
	V6: Flag,
})
export type RequestPool = Static<typeof RequestPool>

export const PoolRef = Type.Object({ PoolID: Type.String() })

export const RequestAddress = Type.Object({ PoolID: Type.String(), Address: Text, Options: AnyOptions })
export type RequestAddress = Static<typeof RequestAddress>

export const ReleaseAddress = Type.Object({ PoolID: Type.String(), Address: Text })
