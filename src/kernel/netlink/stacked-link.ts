/** Links that sit on another one, their parent, dummies to be one, and devices without settings: the bodies of their requests. Pure; see linux/if_link.h. */
import { parseMac } from '../../model/address.ts'
import type { IpvlanFlag, IpvlanMode, MacvlanMode } from '../../model/options.ts'
import { created, IFLA_ADDRESS, IFLA_IFNAME, IFLA_LINK, IFLA_MTU, IFLA_NET_NS_FD } from './link.ts'
import { bytes, type Request, text, u16, u32 } from './message.ts'

const IFLA_MACVLAN_MODE = 1
const IFLA_IPVLAN_MODE = 1
const IFLA_IPVLAN_FLAGS = 2
const IFLA_VLAN_ID = 1

const MACVLAN_MODES: Readonly<Record<MacvlanMode, number>> = { private: 1, vepa: 2, bridge: 4, passthru: 8 }
const IPVLAN_MODES: Readonly<Record<IpvlanMode, number>> = { l2: 0, l3: 1, l3s: 2 }
const IPVLAN_FLAGS: Readonly<Record<IpvlanFlag, number>> = { bridge: 0, private: 1, vepa: 2 }

interface NewStacked {
	readonly name: string
	/** Index of the link that it sits on. */
	readonly parent: number
	readonly up: boolean
	/** Bytes; absent: the parent's. */
	readonly mtu?: number
}

export interface NewMacvlan extends NewStacked {
	readonly mode: MacvlanMode
	/** Absent: the parent's, as of `passthru`. */
	readonly mac?: string
	/** A descriptor of the network namespace that it is to be in; absent: that of its parent. */
	readonly namespace?: number
}

export interface NewIpvlan extends NewStacked {
	readonly mode: IpvlanMode
	readonly flag: IpvlanFlag
}

export interface NewVlan extends NewStacked {
	/** 1 to 4094, as 802.1Q has it. */
	readonly id: number
}

export function newMacvlan(link: NewMacvlan): Request {
	const { mode, mac, namespace } = link
	const address = mac === undefined ? [] : [bytes(IFLA_ADDRESS, parseMac(mac))]
	const place = namespace === undefined ? [] : [u32(IFLA_NET_NS_FD, namespace)]
	return stacked('macvlan', link, [u32(IFLA_MACVLAN_MODE, MACVLAN_MODES[mode])], ...address, ...place)
}

/** It has its parent's MAC, as all on that parent. */
export function newIpvlan(link: NewIpvlan): Request {
	const data = [u16(IFLA_IPVLAN_MODE, IPVLAN_MODES[link.mode]), u16(IFLA_IPVLAN_FLAGS, IPVLAN_FLAGS[link.flag])]
	return stacked('ipvlan', link, data)
}

export function newVlan(link: NewVlan): Request {
	return stacked('vlan', link, [u16(IFLA_VLAN_ID, link.id)])
}

/** Up; whatever is sent to it is gone. */
export function newDummy(name: string): Request {
	return created('dummy', true, [], text(IFLA_IFNAME, name))
}

/** Down, without a key and without peers: see wireguard.ts. */
export function newWireguard(name: string, mtu: number): Request {
	return created('wireguard', false, [], text(IFLA_IFNAME, name), u32(IFLA_MTU, mtu))
}

function stacked(kind: string, link: NewStacked, data: readonly Buffer[], ...rest: readonly Buffer[]): Request {
	const { name, parent, up, mtu } = link
	const own = mtu === undefined ? [] : [u32(IFLA_MTU, mtu)]
	return created(kind, up, data, text(IFLA_IFNAME, name), u32(IFLA_LINK, parent), ...own, ...rest)
}
