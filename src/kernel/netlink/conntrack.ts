/**
 * Connections that the kernel remembers: the bodies of their requests and the reading of their answers. Pure; see
 * linux/netfilter/nfnetlink_conntrack.h.
 */
import type { Family, Ip } from '../../model/address.ts'
import { PROTOCOLS, type Protocol } from '../../model/network.ts'
import { AF_INET, AF_INET6 } from './address.ts'
import {
	type Attributes,
	attributes,
	bytes,
	ip,
	type Message,
	nested,
	type Request,
	readIp,
	readNested,
	readU8,
	readU16be,
	u8,
	u16be,
	u32,
} from './message.ts'
import { NUMBER_OF } from './protocol.ts'

const NFNL_SUBSYS_CTNETLINK = 1
export const CT_GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1
export const CT_DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2

/** struct nfgenmsg */
const HEADER = 4
const CTA_TUPLE_ORIG = 1
const CTA_TUPLE_REPLY = 2
const CTA_ID = 12
const CTA_ZONE = 18
const CTA_FILTER = 25
const CTA_FILTER_ORIG_FLAGS = 1
const CTA_FILTER_REPLY_FLAGS = 2
/** Which parts of a tuple a filter compares. */
const FILTER_SOURCE = 0x01
const FILTER_PROTOCOL = 0x08
const FILTER_TO_PORT = 0x20
const CTA_TUPLE_IP = 1
const CTA_TUPLE_PROTO = 2
const CTA_IP_V4_SRC = 1
const CTA_IP_V4_DST = 2
const CTA_IP_V6_SRC = 3
const CTA_IP_V6_DST = 4
const CTA_PROTO_NUM = 1
const CTA_PROTO_SRC_PORT = 2
const CTA_PROTO_DST_PORT = 3

export interface End {
	readonly ip: Ip
	readonly port: number
}

/** Packets of one direction, as they are before this host changes them. */
export interface Direction {
	readonly source: End
	readonly destination: End
}

export interface Flow {
	readonly protocol: Protocol
	readonly original: Direction
	readonly reply: Direction
	/** What names it to the kernel: this connection, and no later one with the same addresses. */
	readonly name: Buffer
}

/** Of the flows of a family and a protocol all, or some. */
export interface FlowFilter {
	readonly family: Family
	readonly protocol: Protocol
	/** Where the packets were sent to. */
	readonly toPort?: number
	/** Where the packets, or the answers to them, come from. */
	readonly from?: { readonly direction: 'original' | 'reply'; readonly ip: Ip }
}

/** A kernel before 5.8 does not know the filter and lists all flows of the family. */
export function getFlows({ family, protocol, toPort, from }: FlowFilter): Request {
	const reply = from?.direction === 'reply'
	const port = toPort === undefined ? [] : [u16be(CTA_PROTO_DST_PORT, toPort)]
	const source = from === undefined ? [] : [ip(family === 4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, from.ip)]
	const tuple = [
		...source.map((each) => nested(CTA_TUPLE_IP, each)),
		nested(CTA_TUPLE_PROTO, u8(CTA_PROTO_NUM, NUMBER_OF[protocol]), ...port),
	]
	const flags = FILTER_PROTOCOL | (port.length > 0 ? FILTER_TO_PORT : 0) | (source.length > 0 ? FILTER_SOURCE : 0)
	const body = Buffer.concat([
		header(family),
		nested(reply ? CTA_TUPLE_REPLY : CTA_TUPLE_ORIG, ...tuple),
		nested(CTA_FILTER, u32(CTA_FILTER_ORIG_FLAGS, reply ? 0 : flags), u32(CTA_FILTER_REPLY_FLAGS, reply ? flags : 0)),
	])
	return { type: CT_GET, flags: 0, body }
}

export function deleteFlow({ name, original }: Flow): Request {
	return { type: CT_DELETE, flags: 0, body: Buffer.concat([header(original.source.ip.family), name]) }
}

function header(family: Family): Buffer {
	return Buffer.from([family === 4 ? AF_INET : AF_INET6, 0, 0, 0])
}

/** Undefined for a protocol that is none of ours. */
export function readFlow(message: Message): Flow | undefined {
	const found = attributes(message.body.subarray(HEADER))
	const tuple = readNested(found, CTA_TUPLE_ORIG)
	const protocol = protocolOf(readU8(readNested(tuple, CTA_TUPLE_PROTO), CTA_PROTO_NUM))
	const original = readDirection(tuple)
	const reply = readDirection(readNested(found, CTA_TUPLE_REPLY))
	if (protocol === undefined || original === undefined || reply === undefined) return undefined
	const name = [CTA_TUPLE_ORIG, CTA_ZONE, CTA_ID].flatMap((type) => {
		const value = found.get(type)
		if (value === undefined) return []
		return type === CTA_TUPLE_ORIG ? nested(type, value) : bytes(type, value)
	})
	return { protocol, original, reply, name: Buffer.concat(name) }
}

function protocolOf(number: number | undefined): Protocol | undefined {
	return PROTOCOLS.find((each) => NUMBER_OF[each] === number)
}

function readDirection(tuple: Attributes): Direction | undefined {
	const ips = readNested(tuple, CTA_TUPLE_IP)
	const ports = readNested(tuple, CTA_TUPLE_PROTO)
	const source = readEnd(ips, [CTA_IP_V4_SRC, CTA_IP_V6_SRC], ports, CTA_PROTO_SRC_PORT)
	const destination = readEnd(ips, [CTA_IP_V4_DST, CTA_IP_V6_DST], ports, CTA_PROTO_DST_PORT)
	return source === undefined || destination === undefined ? undefined : { source, destination }
}

function readEnd(ips: Attributes, types: readonly number[], ports: Attributes, portType: number): End | undefined {
	const ip = types.map((type) => readIp(ips, type)).find((each) => each !== undefined)
	const port = readU16be(ports, portType)
	return ip === undefined || port === undefined ? undefined : { ip, port }
}
