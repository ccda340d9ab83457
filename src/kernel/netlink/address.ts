/** Addresses of links: the bodies of their requests and the reading of their answers. Pure; see linux/if_addr.h. */
import { type Cidr, last, width } from '../../model/address.ts'
import { attributes, bytes, ip, type Message, NLM_F_CREATE, NLM_F_EXCL, type Request, readIp } from './message.ts'

export const RTM_NEWADDR = 20
export const RTM_DELADDR = 21
const RTM_GETADDR = 22

const HEADER = 8
const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFA_BROADCAST = 4
const IFA_CACHEINFO = 6
const IFA_F_NODAD = 2

export const AF_INET = 2
export const AF_INET6 = 10

export interface AddressInfo {
	/** Of the link. */
	readonly index: number
	readonly cidr: Cidr
}

export interface AddressOptions {
	/** IPv6: usable at once, without asking the link whether somebody has it. */
	readonly nodad?: boolean
	/** IPv6: no new connection has it as its source, unless it is asked for. */
	readonly deprecated?: boolean
}

/** struct ifaddrmsg */
function header(family: number, prefix: number, flags: number, index: number): Buffer {
	const ifaddr = Buffer.alloc(HEADER)
	ifaddr.writeUInt8(family, 0)
	ifaddr.writeUInt8(prefix, 1)
	ifaddr.writeUInt8(flags, 2)
	ifaddr.writeUInt32LE(index, 4)
	return ifaddr
}

function body(index: number, cidr: Cidr, flags: number): Buffer[] {
	const family = cidr.family === 4 ? AF_INET : AF_INET6
	return [header(family, cidr.prefix, flags, index), ip(IFA_LOCAL, cidr), ip(IFA_ADDRESS, cidr)]
}

/** Seconds of a lifetime that has no end. */
const FOREVER = 0xffffffff

/** struct ifa_cacheinfo */
function lifetimes(preferred: number, valid: number): Buffer {
	return Buffer.from(Uint32Array.of(preferred, valid, 0, 0).buffer)
}

export function newAddress(index: number, cidr: Cidr, options: AddressOptions = {}): Request {
	const parts = body(index, cidr, options.nodad === true && cidr.family === 6 ? IFA_F_NODAD : 0)
	// A /31 and a /32 have none, nor has IPv6.
	if (cidr.family === 4 && cidr.prefix < width(4) - 1) parts.push(ip(IFA_BROADCAST, last(cidr)))
	if (options.deprecated === true) parts.push(bytes(IFA_CACHEINFO, lifetimes(0, FOREVER)))
	return { type: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_EXCL, body: Buffer.concat(parts) }
}

export function deleteAddress(index: number, cidr: Cidr): Request {
	return { type: RTM_DELADDR, flags: 0, body: Buffer.concat(body(index, cidr, 0)) }
}

/** Of one link, or of all for 0. */
export function getAddresses(index: number): Request {
	return { type: RTM_GETADDR, flags: 0, body: header(0, 0, 0, index) }
}

export function readAddress(message: Message): AddressInfo | undefined {
	const family = message.body.readUInt8(0)
	if (family !== AF_INET && family !== AF_INET6) return undefined
	const found = attributes(message.body.subarray(HEADER))
	const address = readIp(found, IFA_LOCAL) ?? readIp(found, IFA_ADDRESS)
	if (address === undefined) return undefined
	return { index: message.body.readUInt32LE(4), cidr: { ...address, prefix: message.body.readUInt8(1) } }
}
