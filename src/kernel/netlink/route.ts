/** Routes, of the main table unless one says otherwise: the bodies of their requests and the reading of their answers. Pure; see linux/rtnetlink.h. */
import { type Cidr, type Family, type Ip, networkOf, toBytes, width } from '../../model/address.ts'
import { AF_INET, AF_INET6 } from './address.ts'
import {
	type Attributes,
	attributes,
	bytes,
	ip,
	type Message,
	NLM_F_CREATE,
	NLM_F_EXCL,
	NLM_F_REPLACE,
	type Request,
	readIp,
	readU32,
	u32,
} from './message.ts'

export const RTM_NEWROUTE = 24
export const RTM_DELROUTE = 25
const RTM_GETROUTE = 26

const HEADER = 12
const RTA_DST = 1
const RTA_OIF = 4
const RTA_GATEWAY = 5
const RTA_PRIORITY = 6
const RTA_PREFSRC = 7
const RTA_TABLE = 15
const RTA_VIA = 18

export const TABLE_MAIN = 254
const PROTOCOL_KERNEL = 2
const PROTOCOL_STATIC = 4
/** IP6_RT_PRIO_ADDRCONF */
const PRIORITY_OF_ADDRESS = 256
/** After all others. */
const LAST_PRIORITY = 0xffffffff
const SCOPE_UNIVERSE = 0
const SCOPE_LINK = 253
const SCOPE_NOWHERE = 255
const TYPE_UNICAST = 1
const TYPE_LOCAL = 2
const TYPE_UNREACHABLE = 7
const NEXT_HOP_ONLINK = 4
/** RTM_F_FIB_MATCH: the entry of the tables itself, whose link is that of the address, and not what a packet would do. */
const ENTRY = 0x2000

export interface RouteInfo {
	readonly destination: Cidr
	readonly via?: Ip
	/** The address of this host that packets leave with, where the route says so. */
	readonly source?: Ip
	/** Absent for a route with several next hops and for one that leads nowhere. */
	readonly linkIndex?: number
	readonly protocol: number
	readonly scope: number
	/** The destination is an address of this host. Not told by the table, which IPv4 may name wrongly. */
	readonly local: boolean
	/** Packets to the destination are refused. */
	readonly unreachable?: true
}

export interface NewRoute {
	readonly destination: Cidr
	readonly via?: Ip
	/** Absent: packets to the destination are refused, where no other route of the table leads there. */
	readonly linkIndex?: number
	/** `via` is a neighbour on the link although no address of the link says so. */
	readonly onlink?: boolean
	/** The address of this host that packets leave with, unless they have one. */
	readonly source?: Ip
	/** Absent: the main one. */
	readonly table?: number
}

interface Header {
	readonly destination: Cidr
	readonly protocol?: number
	readonly scope?: number
	readonly type?: number
	readonly flags?: number
}

/** struct rtmsg */
function header(fields: Header): Buffer {
	const { destination, protocol = PROTOCOL_STATIC, scope = SCOPE_UNIVERSE, type = TYPE_UNICAST, flags = 0 } = fields
	const rtmsg = Buffer.alloc(HEADER)
	rtmsg.writeUInt8(destination.family === 4 ? AF_INET : AF_INET6, 0)
	rtmsg.writeUInt8(destination.prefix, 1)
	rtmsg.writeUInt8(TABLE_MAIN, 4)
	rtmsg.writeUInt8(protocol, 5)
	rtmsg.writeUInt8(scope, 6)
	rtmsg.writeUInt8(type, 7)
	rtmsg.writeUInt32LE(flags, 8)
	return rtmsg
}

function body({ destination, via, linkIndex, source, table }: NewRoute): Buffer[] {
	const leads = linkIndex === undefined ? u32(RTA_PRIORITY, LAST_PRIORITY) : u32(RTA_OIF, linkIndex)
	const parts = [ip(RTA_DST, destination), leads]
	if (via !== undefined) parts.push(via.family === destination.family ? ip(RTA_GATEWAY, via) : foreignGateway(via))
	if (source !== undefined) parts.push(ip(RTA_PREFSRC, source))
	// It goes before the one in the header, which has no room for all numbers.
	if (table !== undefined) parts.push(u32(RTA_TABLE, table))
	return parts
}

/** struct rtvia: a next hop of the other family. */
function foreignGateway(via: Ip): Buffer {
	return bytes(RTA_VIA, Buffer.concat([Buffer.of(via.family === 4 ? AF_INET : AF_INET6, 0), toBytes(via)]))
}

function typeOf({ linkIndex }: NewRoute): number {
	return linkIndex === undefined ? TYPE_UNREACHABLE : TYPE_UNICAST
}

/** `extra`: NLM_F_EXCL to fail with EEXIST where there is one to the destination, NLM_F_REPLACE to take its place. */
export function newRoute(route: NewRoute, extra = NLM_F_REPLACE): Request {
	const { destination, via, linkIndex, onlink } = route
	const type = typeOf(route)
	const isOnLink = via === undefined && linkIndex !== undefined
	const scope = isOnLink && destination.family === 4 ? SCOPE_LINK : SCOPE_UNIVERSE
	const flags = onlink === true ? NEXT_HOP_ONLINK : 0
	return {
		type: RTM_NEWROUTE,
		flags: NLM_F_CREATE | extra,
		body: Buffer.concat([header({ destination, scope, type, flags }), ...body(route)]),
	}
}

/** The route that the kernel adds with an address, where somebody has taken it away; it fails with EEXIST where it is there. */
export function routeOfAddress(address: Cidr, linkIndex: number): Request {
	const destination = networkOf(address)
	const is4 = address.family === 4
	const own = is4 ? { source: address } : {}
	return {
		type: RTM_NEWROUTE,
		// IPv6 takes a route of another link for the same one where this is to be the only one.
		flags: NLM_F_CREATE | (is4 ? NLM_F_EXCL : 0),
		body: Buffer.concat([
			header({ destination, protocol: PROTOCOL_KERNEL, scope: is4 ? SCOPE_LINK : SCOPE_UNIVERSE }),
			...body({ destination, linkIndex, ...own }),
			...(is4 ? [] : [u32(RTA_PRIORITY, PRIORITY_OF_ADDRESS)]),
		]),
	}
}

/** Only static routes, so that the kernel's own route of an address is never what goes. */
export function deleteRoute(route: NewRoute): Request {
	const { destination } = route
	const type = typeOf(route)
	// For IPv4, this scope stands for any.
	const scope = destination.family === 4 ? SCOPE_NOWHERE : SCOPE_UNIVERSE
	return { type: RTM_DELROUTE, flags: 0, body: Buffer.concat([header({ destination, scope, type }), ...body(route)]) }
}

/** Of one link, or of all for 0. Kernels before 4.20 send those of all tables and links. */
export function getRoutes(family: Family, linkIndex = 0, table = TABLE_MAIN): Request {
	const rtmsg = Buffer.alloc(HEADER)
	rtmsg.writeUInt8(family === 4 ? AF_INET : AF_INET6, 0)
	if (table === TABLE_MAIN) rtmsg.writeUInt8(TABLE_MAIN, 4)
	const ofLink = linkIndex === 0 ? [] : [u32(RTA_OIF, linkIndex)]
	const ofTable = table === TABLE_MAIN ? [] : [u32(RTA_TABLE, table)]
	return { type: RTM_GETROUTE, flags: 0, body: Buffer.concat([rtmsg, ...ofLink, ...ofTable]) }
}

/** The route that a packet to this address would take, of any table. */
export function getRoute(to: Ip): Request {
	const rtmsg = Buffer.alloc(HEADER)
	rtmsg.writeUInt8(to.family === 4 ? AF_INET : AF_INET6, 0)
	rtmsg.writeUInt8(width(to.family), 1)
	rtmsg.writeUInt32LE(ENTRY, 8)
	return { type: RTM_GETROUTE, flags: 0, body: Buffer.concat([rtmsg, ip(RTA_DST, to)]) }
}

export function readRoute(message: Message): RouteInfo | undefined {
	const raw = message.body.readUInt8(0)
	if (raw !== AF_INET && raw !== AF_INET6) return undefined
	const found = attributes(message.body.subarray(HEADER))
	const destination = readIp(found, RTA_DST) ?? { family: raw === AF_INET ? 4 : 6, value: 0n }
	const via = readIp(found, RTA_GATEWAY) ?? readForeignGateway(found)
	const linkIndex = readU32(found, RTA_OIF)
	const source = readIp(found, RTA_PREFSRC)
	const type = message.body.readUInt8(7)
	return {
		destination: { ...destination, prefix: message.body.readUInt8(1) },
		...(via === undefined ? {} : { via }),
		...(source === undefined ? {} : { source }),
		...(linkIndex === undefined ? {} : { linkIndex }),
		protocol: message.body.readUInt8(5),
		scope: message.body.readUInt8(6),
		local: type === TYPE_LOCAL,
		...(type === TYPE_UNREACHABLE ? { unreachable: true } : {}),
	}
}

/** Undefined for one of another table: the local one has several for each address of the host. */
export function readMainRoute(message: Message): RouteInfo | undefined {
	return message.body.readUInt8(4) === TABLE_MAIN ? readRoute(message) : undefined
}

/** The same of any table. */
export function readRouteOf(table: number, message: Message): RouteInfo | undefined {
	const found = readU32(attributes(message.body.subarray(HEADER)), RTA_TABLE)
	return found === table ? readRoute(message) : undefined
}

/** The same for a default route only, without a look into all others. */
export function readDefaultRoute(message: Message): RouteInfo | undefined {
	return message.body.readUInt8(1) === 0 ? readMainRoute(message) : undefined
}

function readForeignGateway(found: Attributes): Ip | undefined {
	const via = found.get(RTA_VIA)
	return via === undefined ? undefined : readIp(new Map([[RTA_VIA, via.subarray(2)]]), RTA_VIA)
}
