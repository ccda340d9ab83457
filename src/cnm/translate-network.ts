/** NetworkDriver's arguments and answers to and from weft's words. Pure: checks what is written, decides nothing. */
import { invalid, within } from '../errors.ts'
import {
	contains,
	type Family,
	formatCidr,
	formatIp,
	formatMac,
	networkOf,
	parseCidr,
	parseIp,
	parseMac,
} from '../model/address.ts'
import { checkLinkName } from '../model/names.ts'
import type { PortRequest, Protocol, Subnet } from '../model/network.ts'
import type { EndpointAnswer, EndpointRequest, JoinAnswer, NetworkRequest, RouteAnswer } from '../network/verbs.ts'
import {
	type CreateEndpoint,
	type CreateNetwork,
	ENABLE_IPV4,
	ENABLE_IPV6,
	GENERIC,
	INTERFACE_NAME,
	INTERNAL,
	MAC_ADDRESS,
	type NetworkOptions,
	PORTMAP,
	type PoolData,
	type PortBinding,
	type ProgramExternalConnectivity,
} from './schema.ts'

/** What dockerd tells of a network before it has pools. */
export function toOptions(options: NetworkOptions | undefined): Pick<NetworkRequest, 'options' | 'internal'> {
	return { options: { ...options?.[GENERIC] }, internal: options?.[INTERNAL] === true }
}

export function toNetwork(body: CreateNetwork): NetworkRequest {
	const options = body.Options ?? {}
	return {
		id: body.NetworkID,
		...toOptions(options),
		ipv4: toSubnets(4, options[ENABLE_IPV4], body.IPv4Data ?? []),
		ipv6: toSubnets(6, options[ENABLE_IPV6], body.IPv6Data ?? []),
	}
}

/** dockerd before 28 does not say whether there is IPv4. */
function toSubnets(family: Family, enabled: boolean | null | undefined, data: readonly PoolData[]): Subnet[] {
	if (enabled === false) return []
	const field = `IPv${family}Data`
	if (enabled === true && data.length === 0) throw invalid(`IPv${family} is on, and ${field} has no pool for it`)
	return data.map((one, index) => naming(`${field}[${index}]`, () => toSubnet(family, one)))
}

function toSubnet(family: Family, data: PoolData): Subnet {
	const pool = networkOf(parseCidr(data.Pool))
	if (pool.family !== family) throw invalid(`"${data.Pool}" is not an IPv${family} pool`)
	/** The gateway and the aux addresses come with whatever mask the IPAM driver gave them; weft keeps the pool's. */
	const inPool = (what: string, text: string): string => {
		const address = parseCidr(text)
		if (!contains(pool, address)) throw invalid(`${what} ${text} lies outside of the pool ${formatCidr(pool)}`)
		return formatCidr({ ...address, prefix: pool.prefix })
	}
	const reserved = Object.entries(data.AuxAddresses ?? {}).map(([name, text]) => [
		name,
		inPool(`aux address "${name}"`, text),
	])
	const subnet = { pool: formatCidr(pool), reserved: Object.fromEntries(reserved) }
	return data.Gateway ? { ...subnet, gateway: inPool('gateway', data.Gateway) } : subnet
}

export function toEndpoint(body: CreateEndpoint): EndpointRequest {
	const wanted = body.Interface ?? {}
	const mac = toMac(wanted.MacAddress, body.Options?.[MAC_ADDRESS])
	const name = body.Options?.[INTERFACE_NAME]
	return {
		networkId: body.NetworkID,
		id: body.EndpointID,
		...(wanted.Address ? { ipv4: toAddress('Interface.Address', 4, wanted.Address) } : {}),
		...(wanted.AddressIPv6 ? { ipv6: toAddress('Interface.AddressIPv6', 6, wanted.AddressIPv6) } : {}),
		...(mac === undefined ? {} : { mac }),
		...(name ? { interfaceName: checkLinkName(name, INTERFACE_NAME) } : {}),
		...(body.Options?.[PORTMAP]?.length ? { publishes: true } : {}),
	}
}

function toAddress(field: string, family: Family, text: string): string {
	return naming(field, () => {
		const address = parseCidr(text)
		if (address.family !== family) throw invalid(`"${text}" is not an IPv${family} address`)
		return formatCidr(address)
	})
}

/** `--mac-address` comes twice, as text and as the bytes in base64; the text is the one that dockerd compares with. */
function toMac(text: string | null | undefined, base64: string | null | undefined): string | undefined {
	if (text) return naming('Interface.MacAddress', () => formatMac(parseMac(text)))
	if (!base64) return undefined
	return naming(`Options.${MAC_ADDRESS}`, () => {
		const bytes = Buffer.from(base64, 'base64')
		if (bytes.length !== 6 || bytes.toString('base64') !== base64) {
			throw invalid(`"${base64}" is not a MAC address of 6 bytes in base64`)
		}
		return formatMac(parseMac(formatMac(bytes)))
	})
}

/** Only what the request left open is in the answer of the verb, so nothing here is an echo. */
export function fromEndpoint(answer: EndpointAnswer) {
	return answer.mac === undefined ? {} : { Interface: { MacAddress: answer.mac } }
}

/** The numbers of Docker's `types.StaticRoute`. */
const NEXT_HOP = 0
const CONNECTED = 1

function fromRoute(route: RouteAnswer) {
	return route.via === undefined
		? { Destination: route.destination, RouteType: CONNECTED }
		: { Destination: route.destination, RouteType: NEXT_HOP, NextHop: route.via }
}

/** Without a link all names are left out, and dockerd moves nothing. */
export function fromJoin(answer: JoinAnswer) {
	return {
		...(answer.link === undefined ? {} : { InterfaceName: interfaceName(answer.link, answer) }),
		...(answer.gateway === undefined ? {} : { Gateway: answer.gateway }),
		...(answer.gatewayIpv6 === undefined ? {} : { GatewayIPv6: answer.gatewayIpv6 }),
		StaticRoutes: answer.routes.map(fromRoute),
		DisableGatewayService: answer.noGatewayService,
	}
}

/** Always with a prefix: an empty one would give `0`, and no dockerd up to 29.7 heeds a whole name. */
function interfaceName(link: string, { prefix, name }: JoinAnswer) {
	return { SrcName: link, DstPrefix: prefix, ...(name === undefined ? {} : { DstName: name }) }
}

export function toPorts(body: ProgramExternalConnectivity): PortRequest[] {
	const bindings = body.Options?.[PORTMAP] ?? []
	return bindings.map((binding, index) => naming(`${PORTMAP}[${index}]`, () => toPort(binding)))
}

const PROTOCOLS: ReadonlyMap<number, Protocol> = new Map([
	[6, 'tcp'],
	[17, 'udp'],
	[132, 'sctp'],
])
const REFUSED_PROTOCOLS: ReadonlyMap<number, string> = new Map([
	[1, 'icmp'],
	[33, 'dccp'],
	[58, 'icmpv6'],
	[136, 'udplite'],
])

function toPort(binding: PortBinding): PortRequest {
	const protocol = PROTOCOLS.get(binding.Proto)
	if (protocol === undefined) {
		const name = REFUSED_PROTOCOLS.get(binding.Proto) ?? `protocol number ${binding.Proto}`
		throw invalid(`a port of ${name} cannot be published: tcp, udp and sctp can`)
	}
	const hostPort = binding.HostPort ?? 0
	/** Docker writes a single port as a range of one; older callers leave the end at 0. */
	const hostPortEnd = binding.HostPortEnd || hostPort
	if (hostPortEnd < hostPort || (hostPort === 0 && hostPortEnd !== 0)) {
		throw invalid(`${hostPort}-${hostPortEnd} is not a range of host ports`)
	}
	const hostIp = binding.HostIP ? formatIp(parseIp(binding.HostIP)) : ''
	return { protocol, containerPort: binding.Port, hostIp, hostPort, hostPortEnd }
}

function naming<T>(field: string, work: () => T): T {
	try {
		return work()
	} catch (error) {
		throw within(field, error)
	}
}
