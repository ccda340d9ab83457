/**
 * What is set on a WireGuard device, and who its peers are: the bodies of the requests and the reading of the answers. Pure;
 * see linux/wireguard.h. `family` is the number of the family `wireguard` in this kernel.
 */
import { type Cidr, fromBytes, type Ip } from '../../model/address.ts'
import { keyBytes } from '../../model/node.ts'
import { AF_INET, AF_INET6, socketAddress } from '../socket-address.ts'
import { HEADER, header } from './generic.ts'
import {
	type Attributes,
	attributes,
	bytes,
	ip,
	type Message,
	nested,
	type Request,
	readArray,
	readIp,
	readU8,
	readU16,
	text,
	u8,
	u16,
	u32,
} from './message.ts'

export const FAMILY = 'wireguard'

const VERSION = 1
const WG_CMD_GET_DEVICE = 0
const WG_CMD_SET_DEVICE = 1
const WGDEVICE_A_IFNAME = 2
const WGDEVICE_A_PRIVATE_KEY = 3
const WGDEVICE_A_PUBLIC_KEY = 4
const WGDEVICE_A_LISTEN_PORT = 6
const WGDEVICE_A_PEERS = 8
const WGPEER_A_PUBLIC_KEY = 1
const WGPEER_A_FLAGS = 3
const WGPEER_A_ENDPOINT = 4
const WGPEER_A_KEEPALIVE = 5
const WGPEER_A_ALLOWEDIPS = 9
const WGPEER_F_REMOVE_ME = 1
const WGPEER_F_UPDATE_ONLY = 4
const WGALLOWEDIP_A_FAMILY = 1
const WGALLOWEDIP_A_IPADDR = 2
const WGALLOWEDIP_A_CIDR_MASK = 3

/** Of an array, whose elements have no types of their own. */
const ELEMENT = 0

export interface Endpoint {
	readonly ip: Ip
	/** UDP. */
	readonly port: number
}

export interface PeerInfo {
	readonly publicKey: string
	/** From where it was heard last, or where it was said to be. */
	readonly endpoint?: Endpoint
	/** What packets may come from it, and which go to it. */
	readonly allowed: readonly Cidr[]
}

export interface DeviceInfo {
	/** Absent for one that has no key yet. */
	readonly publicKey?: string
	/** UDP. */
	readonly port: number
	/** By their keys. */
	readonly peers: ReadonlyMap<string, PeerInfo>
}

export function setDevice(family: number, name: string, privateKey: string, port: number): Request {
	const key = bytes(WGDEVICE_A_PRIVATE_KEY, keyBytes(privateKey))
	return change(family, name, key, u16(WGDEVICE_A_LISTEN_PORT, port))
}

/** Made where there is none. `keepalive` is how often it hears of this host at least, in seconds. */
export function setPeer(
	family: number,
	name: string,
	publicKey: string,
	endpoint: Endpoint,
	keepalive: number,
): Request {
	const address = bytes(WGPEER_A_ENDPOINT, socketAddress(endpoint.ip, endpoint.port))
	return changePeers(family, name, peer(publicKey, address, u16(WGPEER_A_KEEPALIVE, keepalive)))
}

export function removePeer(family: number, name: string, publicKey: string): Request {
	return changePeers(family, name, peer(publicKey, u32(WGPEER_A_FLAGS, WGPEER_F_REMOVE_ME)))
}

/** Of a peer that is there; no other one has it any more. */
export function allow(family: number, name: string, publicKey: string, cidr: Cidr): Request {
	return changePeers(family, name, peer(publicKey, u32(WGPEER_A_FLAGS, WGPEER_F_UPDATE_ONLY), allowed(cidr)))
}

/**
 * From whomever has it. Before Linux 6.16 one cannot be taken from a peer without all others: it goes with a peer that is made
 * for that, whose key nobody has.
 */
export function disallow(family: number, name: string, nobody: string, cidr: Cidr): Request {
	return changePeers(family, name, peer(nobody, allowed(cidr)), peer(nobody, u32(WGPEER_A_FLAGS, WGPEER_F_REMOVE_ME)))
}

/** To be dumped: a device with many peers comes in several messages, and so does a peer. */
export function getDevice(family: number, name: string): Request {
	return {
		type: family,
		flags: 0,
		body: Buffer.concat([header(WG_CMD_GET_DEVICE, VERSION), text(WGDEVICE_A_IFNAME, name)]),
	}
}

function change(family: number, name: string, ...content: readonly Buffer[]): Request {
	const body = Buffer.concat([header(WG_CMD_SET_DEVICE, VERSION), text(WGDEVICE_A_IFNAME, name), ...content])
	return { type: family, flags: 0, body }
}

function changePeers(family: number, name: string, ...peers: readonly Buffer[]): Request {
	return change(family, name, nested(WGDEVICE_A_PEERS, ...peers))
}

function peer(publicKey: string, ...content: readonly Buffer[]): Buffer {
	return nested(ELEMENT, bytes(WGPEER_A_PUBLIC_KEY, keyBytes(publicKey)), ...content)
}

function allowed(cidr: Cidr): Buffer {
	const family = u16(WGALLOWEDIP_A_FAMILY, cidr.family === 4 ? AF_INET : AF_INET6)
	const mask = u8(WGALLOWEDIP_A_CIDR_MASK, cidr.prefix)
	return nested(WGPEER_A_ALLOWEDIPS, nested(ELEMENT, family, ip(WGALLOWEDIP_A_IPADDR, cidr), mask))
}

/** The whole of it, of all its messages; undefined without any. */
export function readDevice(messages: readonly Message[]): DeviceInfo | undefined {
	if (messages.length === 0) return undefined
	const peers = new Map<string, PeerInfo>()
	const parts = messages.map(({ body }) => attributes(body.subarray(HEADER)))
	for (const found of parts.flatMap((part) => readArray(part, WGDEVICE_A_PEERS).map(attributes))) {
		const read = readPeer(found)
		const before = peers.get(read.publicKey)
		// What follows of a peer has its key and more of what it is allowed.
		peers.set(read.publicKey, { ...read, ...before, allowed: [...(before?.allowed ?? []), ...read.allowed] })
	}
	const publicKey = parts.map((part) => readKey(part, WGDEVICE_A_PUBLIC_KEY)).find((each) => each !== undefined)
	const port = parts.map((part) => readU16(part, WGDEVICE_A_LISTEN_PORT)).find((each) => each !== undefined)
	return { ...(publicKey === undefined ? {} : { publicKey }), port: port ?? 0, peers }
}

function readPeer(found: Attributes): PeerInfo {
	const endpoint = readEndpoint(found.get(WGPEER_A_ENDPOINT))
	return {
		publicKey: readKey(found, WGPEER_A_PUBLIC_KEY) ?? '',
		...(endpoint === undefined ? {} : { endpoint }),
		allowed: readArray(found, WGPEER_A_ALLOWEDIPS).flatMap((each) => readAllowed(attributes(each))),
	}
}

function readAllowed(found: Attributes): Cidr[] {
	const [address, prefix] = [readIp(found, WGALLOWEDIP_A_IPADDR), readU8(found, WGALLOWEDIP_A_CIDR_MASK)]
	return address === undefined || prefix === undefined ? [] : [{ ...address, prefix }]
}

/** struct sockaddr_in or sockaddr_in6. */
function readEndpoint(value: Buffer | undefined): Endpoint | undefined {
	if (value === undefined) return undefined
	const address = value.readUInt16LE(0) === AF_INET ? value.subarray(4, 8) : value.subarray(8, 24)
	return { ip: fromBytes(address), port: value.readUInt16BE(2) }
}

function readKey(found: Attributes, type: number): string | undefined {
	return found.get(type)?.toString('base64')
}
