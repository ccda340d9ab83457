/**
 * The arguments of Docker's plugin calls in Docker's spelling; nothing below this folder knows it. Strict on the type of
 * what weft reads, tolerant of all else: unknown fields, `null` for an absent map or list, missing Options.
 */
import type { Static } from 'typebox/type'
import { anything, array, boolean, integer, maybe, object, record, string } from './json-schema.ts'

const Text = maybe(string())
const Flag = maybe(boolean())
const Strings = record(string())
const AnyOptions = maybe(anything())

/** Docker's ids end up in the names of links, sets and records: nothing but letters and digits gets that far. */
const Id = string({ pattern: '^[a-zA-Z0-9]{1,64}$', description: '1 to 64 letters and digits' })
const PortNumber = integer({ minimum: 1, maximum: 65535 })
const PortOrNone = integer({ minimum: 0, maximum: 65535 })

export const GENERIC = 'com.docker.network.generic'
export const ENABLE_IPV4 = 'com.docker.network.enable_ipv4'
export const ENABLE_IPV6 = 'com.docker.network.enable_ipv6'
export const INTERNAL = 'com.docker.network.internal'
export const PORTMAP = 'com.docker.network.portmap'
export const MAC_ADDRESS = 'com.docker.network.endpoint.macaddress'
export const INTERFACE_NAME = 'com.docker.network.endpoint.ifname'
export const GATEWAY = 'com.docker.network.gateway'

const PoolData = object({
	Pool: string(),
	Gateway: Text,
	AuxAddresses: maybe(Strings),
})
export type PoolData = Static<typeof PoolData>

export const NetworkRef = object({ NetworkID: Id })
export const EndpointRef = object({ NetworkID: Id, EndpointID: Id })
export type EndpointRef = Static<typeof EndpointRef>

const NetworkOptions = maybe(
	object({
		[GENERIC]: maybe(Strings),
		[ENABLE_IPV4]: Flag,
		[ENABLE_IPV6]: Flag,
		[INTERNAL]: Flag,
	}),
)
export type NetworkOptions = Static<typeof NetworkOptions>

export const GwAllocCheck = object({ Options: NetworkOptions })

export const AllocateNetwork = object({ NetworkID: Id, Options: maybe(Strings) })

export const CreateNetwork = object({
	NetworkID: Id,
	Options: NetworkOptions,
	IPv4Data: maybe(array(PoolData)),
	IPv6Data: maybe(array(PoolData)),
})
export type CreateNetwork = Static<typeof CreateNetwork>

export const CreateEndpoint = object({
	NetworkID: Id,
	EndpointID: Id,
	Interface: maybe(object({ Address: Text, AddressIPv6: Text, MacAddress: Text })),
	Options: maybe(object({ [MAC_ADDRESS]: Text, [INTERFACE_NAME]: Text, [PORTMAP]: maybe(array(anything())) })),
})
export type CreateEndpoint = Static<typeof CreateEndpoint>

const PortBinding = object({
	Proto: integer(),
	Port: PortNumber,
	HostIP: Text,
	HostPort: maybe(PortOrNone),
	HostPortEnd: maybe(PortOrNone),
})
export type PortBinding = Static<typeof PortBinding>

export const ProgramExternalConnectivity = object({
	NetworkID: Id,
	EndpointID: Id,
	Options: maybe(object({ [PORTMAP]: maybe(array(PortBinding)) })),
})
export type ProgramExternalConnectivity = Static<typeof ProgramExternalConnectivity>

/** Nothing of it is read: weft learns of other hosts through its own cluster. */
export const Discovery = object({})

export const RequestPool = object({
	/** Becomes a part of the pool's id, whose parts are kept apart by slashes. */
	AddressSpace: string({ pattern: '^[a-zA-Z0-9._-]{1,64}$', description: 'the name of an address space' }),
	Pool: Text,
	SubPool: Text,
	Options: AnyOptions,
	V6: Flag,
})
export type RequestPool = Static<typeof RequestPool>

export const PoolRef = object({ PoolID: string() })

export const RequestAddress = object({ PoolID: string(), Address: Text, Options: AnyOptions })
export type RequestAddress = Static<typeof RequestAddress>

export const ReleaseAddress = object({ PoolID: string(), Address: Text })
