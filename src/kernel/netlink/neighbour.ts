/**
 * Neighbours (ARP and NDP) and the forwarding entries of VXLAN devices, which share one message: the bodies of their
 * requests and the reading of their answers. Pure; see linux/neighbour.h.
 */
import { formatMac, type Ip, parseMac } from '../../model/address.ts'
import { AF_INET, AF_INET6 } from './address.ts'
import {
	attributes,
	bytes,
	ip,
	type Message,
	NLM_F_CREATE,
	NLM_F_REPLACE,
	type Request,
	readIp,
	u32,
} from './message.ts'

export const RTM_NEWNEIGH = 28
export const RTM_DELNEIGH = 29
const RTM_GETNEIGH = 30

const AF_BRIDGE = 7
const HEADER = 12
const NDA_DST = 1
const NDA_LLADDR = 2
const NDA_IFINDEX = 8
const STATE_NOARP = 0x40
const STATE_PERMANENT = 0x80
/** Of the device itself rather than of the bridge that it is a port of. */
const NTF_SELF = 2
/** Not who has an address, but for whom this host answers. */
const NTF_PROXY = 8

export interface NeighbourInfo {
	/** Of the link. */
	readonly index: number
	readonly ip: Ip
	/** Absent while the kernel is still asking. */
	readonly mac?: string
	readonly permanent: boolean
}

export interface Neighbour {
	readonly index: number
	readonly ip: Ip
	readonly mac: string
}

/** Frames to `mac` go to the underlay address `remote`. */
export interface Forwarding {
	/** Of the VXLAN device. */
	readonly index: number
	readonly mac: string
	readonly remote: Ip
}

/** struct ndmsg */
function header(family: number, index: number, state: number, flags: number): Buffer {
	const ndmsg = Buffer.alloc(HEADER)
	ndmsg.writeUInt8(family, 0)
	ndmsg.writeInt32LE(index, 4)
	ndmsg.writeUInt16LE(state, 8)
	ndmsg.writeUInt8(flags, 10)
	return ndmsg
}

function familyOf(address: Ip): number {
	return address.family === 4 ? AF_INET : AF_INET6
}

/** `flags`: NLM_F_EXCL to fail with EEXIST where there is one, NLM_F_REPLACE to take its place. */
export function setNeighbour(neighbour: Neighbour, flags = NLM_F_REPLACE): Request {
	const ndmsg = header(familyOf(neighbour.ip), neighbour.index, STATE_PERMANENT, 0)
	return {
		type: RTM_NEWNEIGH,
		flags: NLM_F_CREATE | flags,
		body: Buffer.concat([ndmsg, ip(NDA_DST, neighbour.ip), bytes(NDA_LLADDR, parseMac(neighbour.mac))]),
	}
}

export function deleteNeighbour(index: number, address: Ip): Request {
	const body = Buffer.concat([header(familyOf(address), index, 0, 0), ip(NDA_DST, address)])
	return { type: RTM_DELNEIGH, flags: 0, body }
}

export function addProxy(index: number, address: Ip): Request {
	return { type: RTM_NEWNEIGH, flags: NLM_F_CREATE | NLM_F_REPLACE, body: proxy(index, address) }
}

export function deleteProxy(index: number, address: Ip): Request {
	return { type: RTM_DELNEIGH, flags: 0, body: proxy(index, address) }
}

function proxy(index: number, address: Ip): Buffer {
	return Buffer.concat([header(familyOf(address), index, STATE_PERMANENT, NTF_PROXY), ip(NDA_DST, address)])
}

/** Of one link, or of all for 0. */
export function getNeighbours(index: number): Request {
	// Strict checking wants the filter as an attribute and the header empty.
	const filter = index === 0 ? [] : [u32(NDA_IFINDEX, index)]
	return { type: RTM_GETNEIGH, flags: 0, body: Buffer.concat([header(0, 0, 0, 0), ...filter]) }
}

/** Undefined for what the kernel made up itself, such as the MAC of a multicast group. */
export function readNeighbour(message: Message): NeighbourInfo | undefined {
	const family = message.body.readUInt8(0)
	const state = message.body.readUInt16LE(8)
	if ((family !== AF_INET && family !== AF_INET6) || (state & STATE_NOARP) !== 0) return undefined
	const found = attributes(message.body.subarray(HEADER))
	const address = readIp(found, NDA_DST)
	if (address === undefined) return undefined
	const mac = found.get(NDA_LLADDR)
	return {
		index: message.body.readInt32LE(4),
		ip: address,
		...(mac?.length === 6 ? { mac: formatMac(mac) } : {}),
		permanent: (state & STATE_PERMANENT) !== 0,
	}
}

/** `flags` as of setNeighbour. */
export function setForwarding(entry: Forwarding, flags = NLM_F_REPLACE): Request {
	const ndmsg = header(AF_BRIDGE, entry.index, STATE_PERMANENT, NTF_SELF)
	return {
		type: RTM_NEWNEIGH,
		flags: NLM_F_CREATE | flags,
		body: Buffer.concat([ndmsg, bytes(NDA_LLADDR, parseMac(entry.mac)), ip(NDA_DST, entry.remote)]),
	}
}

export function deleteForwarding(index: number, mac: string): Request {
	const body = Buffer.concat([header(AF_BRIDGE, index, 0, NTF_SELF), bytes(NDA_LLADDR, parseMac(mac))])
	return { type: RTM_DELNEIGH, flags: 0, body }
}

/** Of one device. */
export function getForwardings(index: number): Request {
	return { type: RTM_GETNEIGH, flags: 0, body: header(AF_BRIDGE, index, 0, 0) }
}

/** Undefined for an entry that leads to no underlay address. */
export function readForwarding(message: Message): Forwarding | undefined {
	if (message.body.readUInt8(0) !== AF_BRIDGE) return undefined
	const found = attributes(message.body.subarray(HEADER))
	const remote = readIp(found, NDA_DST)
	const mac = found.get(NDA_LLADDR)
	if (remote === undefined || mac?.length !== 6) return undefined
	return { index: message.body.readInt32LE(4), mac: formatMac(mac), remote }
}
