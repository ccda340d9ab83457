/**
 * Sockets that wait for others: the bodies of the requests and the reading of the answers. Pure; see sock_diag(7) and
 * linux/inet_diag.h.
 */
import { type Family, fromBytes, type Ip } from '../../model/address.ts'
import type { Protocol } from '../../model/network.ts'
import { AF_INET, AF_INET6 } from './address.ts'
import { attributes, type Message, type Request, readU8 } from './message.ts'
import { NUMBER_OF } from './protocol.ts'

export const NETLINK_SOCK_DIAG = 4
const SOCK_DIAG_BY_FAMILY = 20

/** struct inet_diag_req_v2 */
const REQUEST = 56
/** struct inet_diag_msg */
const HEADER = 72
const INET_DIAG_SKV6ONLY = 11

/** Numbers of net/tcp_states.h: a socket of UDP that is bound, and connected to nobody, is closed. */
const TCP_CLOSE = 7
const TCP_LISTEN = 10
const WAITING: Readonly<Record<Protocol, number>> = { tcp: TCP_LISTEN, udp: TCP_CLOSE, sctp: TCP_LISTEN }

/** Where the addresses of IPv4 lie in those of IPv6. */
const MAPPED = 0xffff00000000n
const MAPPED_END = 0x1000000000000n

/** A socket that waits for connections, or for packets of anybody. */
export interface Listener {
	readonly protocol: Protocol
	/** 0.0.0.0 or :: for every address. */
	readonly ip: Ip
	readonly port: number
	/** Of :: only: IPv4 is served as well. */
	readonly both: boolean
	/** Index of the only link that it hears; absent where it hears all. */
	readonly link?: number
}

/** Those of a family and a protocol. Of `udp` also sockets that were never bound: their port is 0. */
export function getListeners(family: Family, protocol: Protocol): Request {
	const body = Buffer.alloc(REQUEST)
	body.writeUInt8(family === 4 ? AF_INET : AF_INET6, 0)
	body.writeUInt8(NUMBER_OF[protocol], 1)
	body.writeUInt32LE(1 << WAITING[protocol], 4)
	return { type: SOCK_DIAG_BY_FAMILY, flags: 0, body }
}

/** Of a list of that protocol; undefined for what nobody can send to. */
export function readListener(protocol: Protocol, { body }: Message): Listener | undefined {
	if (body.length < HEADER) return undefined
	const port = body.readUInt16BE(4)
	if (port === 0) return undefined
	const isIpv6 = body.readUInt8(0) === AF_INET6
	const ip = unmapped(fromBytes(body.subarray(8, isIpv6 ? 24 : 12)))
	const link = body.readUInt32LE(40)
	const alone = !isIpv6 || readU8(attributes(body.subarray(HEADER)), INET_DIAG_SKV6ONLY) === 1
	const both = ip.family === 6 && ip.value === 0n && !alone
	return { protocol, ip, port, both, ...(link === 0 ? {} : { link }) }
}

/** A socket of IPv6 that is bound to an address of IPv4. */
function unmapped(ip: Ip): Ip {
	if (ip.family === 4 || ip.value < MAPPED || ip.value >= MAPPED_END) return ip
	return { family: 4, value: ip.value - MAPPED }
}
