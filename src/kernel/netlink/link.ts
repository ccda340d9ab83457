/** Links: the bodies of their requests and the reading of their answers. Pure; see linux/if_link.h. */

import { formatMac, parseMac } from '../../model/address.ts'
import {
	type Attributes,
	attributes,
	bytes,
	type Message,
	NLM_F_CREATE,
	NLM_F_EXCL,
	nested,
	type Request,
	readNested,
	readText,
	readU8,
	readU32,
	text,
	u8,
	u32,
} from './message.ts'

export const RTM_NEWLINK = 16
export const RTM_DELLINK = 17
export const RTM_GETLINK = 18
const RTM_SETLINK = 19

const AF_UNSPEC = 0
const AF_BRIDGE = 7
const IFF_UP = 1
const IFF_LOOPBACK = 8
export const HEADER = 16

export const IFLA_ADDRESS = 1
export const IFLA_IFNAME = 3
export const IFLA_MTU = 4
export const IFLA_LINK = 5
const IFLA_MASTER = 10
const IFLA_PROTINFO = 12
export const IFLA_LINKINFO = 18
const IFLA_STATS64 = 23
const IFLA_GROUP = 27
export const IFLA_NET_NS_FD = 28
const IFLA_EXT_MASK = 29
const IFLA_LINK_NETNSID = 37
const IFLA_NEW_NETNSID = 45
const IFLA_CARRIER_UP_COUNT = 47
const IFLA_NEW_IFINDEX = 49
const IFLA_INFO_KIND = 1
export const IFLA_INFO_DATA = 2
const IFLA_INFO_SLAVE_KIND = 4
const IFLA_INFO_SLAVE_DATA = 5
const VETH_INFO_PEER = 1
const IFLA_BR_MULTI_BOOLOPT = 46
const BR_BOOLOPT_NO_LL_LEARN = 1
const IFLA_BRPORT_MODE = 4
const IFLA_BRPORT_ISOLATED = 33
/** Counters are most of a link's answer and nobody reads those of all links. */
const RTEXT_FILTER_SKIP_STATS = 8

export interface LinkInfo {
	readonly index: number
	readonly name: string
	/** `bridge`, `veth`, `vxlan`; absent for a device of hardware and for the loopback. */
	readonly kind?: string
	/** Empty for a device without one, such as a tunnel. */
	readonly mac: string
	readonly mtu: number
	readonly up: boolean
	readonly masterIndex?: number
	/** The kind of its master, such as `bridge`. */
	readonly masterKind?: string
	/** A port of a bridge that takes frames back. */
	readonly hairpin?: true
	/** True only for the loopback itself. */
	readonly loopback?: true
	/** A veth's peer or the device that this one sits on, as an index of that device's own namespace. */
	readonly linkIndex?: number
	/** The number of that namespace, where it is another one. */
	readonly peerNamespace?: number
	readonly group: number
	/** Whether it ever had a carrier, which a veth's end has while the other one is up. */
	readonly carried?: true
	/** Whether a packet ever came or went; told of one link, not in the list of all. */
	readonly passed?: true
	/** Where it is from now on: of a link that was moved, told as it goes. Linux 4.16 and later. */
	readonly movedTo?: Place
}

/** A link of another network namespace, which has no name that is known here. */
export interface Place {
	/** The number by which links of this namespace name that one. */
	readonly namespace: number
	readonly index: number
}

export interface NewBridge {
	readonly name: string
	readonly mac: string
}

export interface NewVeth {
	readonly name: string
	readonly peer: string
	readonly peerMac?: string
	/** Index of the bridge that the end `name` becomes a port of. */
	readonly master?: number
	/** Of both ends. */
	readonly mtu?: number
}

export interface LinkChange {
	readonly index: number
	readonly up?: boolean
	/** Index of the new master, 0 for none. */
	readonly master?: number
	readonly mtu?: number
	readonly mac?: string
}

export interface BridgePortChange {
	readonly index: number
	readonly hairpin?: boolean
	readonly isolated?: boolean
}

/** struct ifinfomsg; `up` undefined leaves the state alone. */
export function header(index: number, up?: boolean, family = AF_UNSPEC): Buffer {
	const ifinfo = Buffer.alloc(HEADER)
	ifinfo.writeUInt8(family, 0)
	ifinfo.writeInt32LE(index, 4)
	ifinfo.writeUInt32LE(up === true ? IFF_UP : 0, 8)
	ifinfo.writeUInt32LE(up === undefined ? 0 : IFF_UP, 12)
	return ifinfo
}

export function created(kind: string, up: boolean, data: readonly Buffer[], ...rest: readonly Buffer[]): Request {
	const info = data.length === 0 ? [] : [nested(IFLA_INFO_DATA, ...data)]
	return {
		type: RTM_NEWLINK,
		flags: NLM_F_CREATE | NLM_F_EXCL,
		body: Buffer.concat([
			up ? header(0, true) : header(0),
			...rest,
			nested(IFLA_LINKINFO, text(IFLA_INFO_KIND, kind), ...info),
		]),
	}
}

/**
 * Without an MTU: see Rtnetlink.addBridge. Frames to the group of bridges (01:80:c2:00:00:0x) pass no rules, so that no
 * address is learnt from them: a port could take another's in this way. Kernels before 5.0 do not know the option.
 */
export function newBridge(bridge: NewBridge): Request {
	// struct br_boolopt_multi: the values, and which of them are meant.
	const options = Buffer.alloc(8)
	options.writeUInt32LE(BR_BOOLOPT_NO_LL_LEARN, 0)
	options.writeUInt32LE(BR_BOOLOPT_NO_LL_LEARN, 4)
	const data = [bytes(IFLA_BR_MULTI_BOOLOPT, options)]
	return created('bridge', true, data, text(IFLA_IFNAME, bridge.name), bytes(IFLA_ADDRESS, parseMac(bridge.mac)))
}

/** Both ends in one message, so that there is no moment with half of it. */
export function newVeth(veth: NewVeth): Request {
	const mtu = veth.mtu === undefined ? [] : [u32(IFLA_MTU, veth.mtu)]
	const mac = veth.peerMac === undefined ? [] : [bytes(IFLA_ADDRESS, parseMac(veth.peerMac))]
	const master = veth.master === undefined ? [] : [u32(IFLA_MASTER, veth.master)]
	const peer = nested(VETH_INFO_PEER, header(0), text(IFLA_IFNAME, veth.peer), ...mtu, ...mac)
	return created('veth', true, [peer], text(IFLA_IFNAME, veth.name), ...mtu, ...master)
}

/** By name in the message: between a lookup of the index and its use, the index could become another link's. */
export function deleteLink(name: string): Request {
	return { type: RTM_DELLINK, flags: 0, body: Buffer.concat([header(0), text(IFLA_IFNAME, name)]) }
}

export function setLink(change: LinkChange): Request {
	const { index, up, master, mtu, mac } = change
	const parts = [header(index, up)]
	if (master !== undefined) parts.push(u32(IFLA_MASTER, master))
	if (mtu !== undefined) parts.push(u32(IFLA_MTU, mtu))
	if (mac !== undefined) parts.push(bytes(IFLA_ADDRESS, parseMac(mac)))
	return { type: RTM_SETLINK, flags: 0, body: Buffer.concat(parts) }
}

export function setMtuByName(name: string, mtu: number): Request {
	return {
		type: RTM_SETLINK,
		flags: 0,
		body: Buffer.concat([header(0), text(IFLA_IFNAME, name), u32(IFLA_MTU, mtu)]),
	}
}

export function setBridgePort(change: BridgePortChange): Request {
	const options: Buffer[] = []
	if (change.hairpin !== undefined) options.push(u8(IFLA_BRPORT_MODE, Number(change.hairpin)))
	if (change.isolated !== undefined) options.push(u8(IFLA_BRPORT_ISOLATED, Number(change.isolated)))
	const body = Buffer.concat([header(change.index, undefined, AF_BRIDGE), nested(IFLA_PROTINFO, ...options)])
	return { type: RTM_SETLINK, flags: 0, body }
}

export function getLinks(): Request {
	return {
		type: RTM_GETLINK,
		flags: 0,
		body: Buffer.concat([header(0), u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)]),
	}
}

/** By its name or its index. */
export function getLink(which: string | number): Request {
	const parts = typeof which === 'number' ? [header(which)] : [header(0), text(IFLA_IFNAME, which)]
	return { type: RTM_GETLINK, flags: 0, body: Buffer.concat(parts) }
}

export function readLink(message: Message): LinkInfo {
	const found = attributes(message.body.subarray(HEADER))
	const info = readNested(found, IFLA_LINKINFO)
	const kind = readText(info, IFLA_INFO_KIND)
	const masterKind = readText(info, IFLA_INFO_SLAVE_KIND)
	const port = masterKind === 'bridge' ? readNested(info, IFLA_INFO_SLAVE_DATA) : new Map()
	const flags = message.body.readUInt32LE(8)
	const mac = found.get(IFLA_ADDRESS)
	const masterIndex = readU32(found, IFLA_MASTER)
	return {
		index: message.body.readInt32LE(4),
		name: readText(found, IFLA_IFNAME) ?? '',
		...(kind === undefined ? {} : { kind }),
		mac: mac?.length === 6 ? formatMac(mac) : '',
		mtu: readU32(found, IFLA_MTU) ?? 0,
		up: (flags & IFF_UP) !== 0,
		...(masterIndex === undefined ? {} : { masterIndex }),
		...(masterKind === undefined ? {} : { masterKind }),
		...(readU8(port, IFLA_BRPORT_MODE) === 1 ? { hairpin: true as const } : {}),
		...((flags & IFF_LOOPBACK) === 0 ? {} : { loopback: true }),
		...otherEnd(found),
		group: readU32(found, IFLA_GROUP) ?? 0,
		...((readU32(found, IFLA_CARRIER_UP_COUNT) ?? 0) > 0 ? { carried: true as const } : {}),
		...(packets(found.get(IFLA_STATS64)) > 0n ? { passed: true as const } : {}),
		...moved(found),
	}
}

function moved(found: Attributes): Pick<LinkInfo, 'movedTo'> {
	const namespace = readU32(found, IFLA_NEW_NETNSID)
	const index = readU32(found, IFLA_NEW_IFINDEX)
	return namespace === undefined || index === undefined ? {} : { movedTo: { namespace, index } }
}

function otherEnd(found: Attributes): Pick<LinkInfo, 'linkIndex' | 'peerNamespace'> {
	const linkIndex = readU32(found, IFLA_LINK)
	const peerNamespace = readU32(found, IFLA_LINK_NETNSID)
	return {
		...(linkIndex === undefined || linkIndex === 0 ? {} : { linkIndex }),
		...(peerNamespace === undefined ? {} : { peerNamespace }),
	}
}

/** struct rtnl_link_stats64: received and sent come first. */
function packets(stats: Buffer | undefined): bigint {
	return stats === undefined ? 0n : stats.readBigUInt64LE(0) + stats.readBigUInt64LE(8)
}
