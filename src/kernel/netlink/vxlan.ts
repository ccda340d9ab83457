/** VXLAN devices: the body of their request and the reading of what is theirs in an answer. Pure; see linux/if_link.h. */
import { type Ip, parseMac } from '../../model/address.ts'
import { created, HEADER, IFLA_ADDRESS, IFLA_IFNAME, IFLA_INFO_DATA, IFLA_LINKINFO, IFLA_MTU } from './link.ts'
import {
	attributes,
	bytes,
	ip,
	type Message,
	type Request,
	readIp,
	readNested,
	readU16be,
	readU32,
	text,
	u8,
	u16be,
	u32,
} from './message.ts'

const IFLA_VXLAN_ID = 1
const IFLA_VXLAN_LOCAL = 4
const IFLA_VXLAN_LEARNING = 7
const IFLA_VXLAN_PORT = 15
const IFLA_VXLAN_LOCAL6 = 17

export interface NewVxlan {
	readonly name: string
	readonly id: number
	/** UDP port, of both sides. */
	readonly port: number
	readonly mtu: number
	readonly mac: string
	/** Source address of the tunnel. */
	readonly local?: Ip
	readonly learning: false
}

/** What cannot be changed of a device that is there. */
export interface VxlanInfo {
	readonly id?: number
	readonly port?: number
	readonly local?: Ip
}

export function newVxlan(vxlan: NewVxlan): Request {
	const local = vxlan.local
	const data = [
		u32(IFLA_VXLAN_ID, vxlan.id),
		u16be(IFLA_VXLAN_PORT, vxlan.port),
		u8(IFLA_VXLAN_LEARNING, Number(vxlan.learning)),
		...(local === undefined ? [] : [ip(local.family === 4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6, local)]),
	]
	const mac = bytes(IFLA_ADDRESS, parseMac(vxlan.mac))
	return created('vxlan', true, data, text(IFLA_IFNAME, vxlan.name), u32(IFLA_MTU, vxlan.mtu), mac)
}

/** Nothing of a link that is none. */
export function readVxlan(message: Message): VxlanInfo {
	const data = readNested(readNested(attributes(message.body.subarray(HEADER)), IFLA_LINKINFO), IFLA_INFO_DATA)
	const id = readU32(data, IFLA_VXLAN_ID)
	const port = readU16be(data, IFLA_VXLAN_PORT)
	const local = readIp(data, IFLA_VXLAN_LOCAL) ?? readIp(data, IFLA_VXLAN_LOCAL6)
	return {
		...(id === undefined ? {} : { id }),
		...(port === undefined ? {} : { port }),
		...(local === undefined ? {} : { local }),
	}
}
