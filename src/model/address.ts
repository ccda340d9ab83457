/**
 * Addresses, networks and MACs as values. Stored and sent as canonical text (RFC 5952 for IPv6), computed with as
 * bigints, so that a /64 costs no more than a /30. The only importer of ipaddr.js.
 */
import { isIPv4, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'
import { invalid } from '../errors.ts'

export type Family = 4 | 6

export interface Ip {
	readonly family: Family
	readonly value: bigint
}

/** An address with the length of its network's mask; `value` may have host bits, as in 10.0.0.1/24. */
export interface Cidr {
	readonly family: Family
	readonly value: bigint
	readonly prefix: number
}

/** Bits of an address of this family. */
export function width(family: Family): 32 | 128 {
	return family === 4 ? 32 : 128
}

/** @throws WeftError `invalid` for anything but four decimal parts or an IPv6 address without a zone. */
export function parseIp(text: string): Ip {
	const ip = tryParseIp(text)
	if (ip === undefined) throw invalid(`${JSON.stringify(text)} is not an IP address`)
	return ip
}

export function tryParseIp(text: string): Ip | undefined {
	if (isIPv4(text)) {
		return fromBytes(Uint8Array.from(ipaddr.IPv4.parse(text).toByteArray()))
	}
	if (isIPv6(text) && !text.includes('%')) {
		return fromBytes(Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray()))
	}
	return undefined
}

export function formatIp(ip: Ip): string {
	const bytes = toBytes(ip)
	return ip.family === 4 ? bytes.join('.') : new ipaddr.IPv6(Array.from(bytes)).toRFC5952String()
}

/** @throws WeftError `invalid` unless it is ADDRESS/LENGTH with a length that the family has. */
export function parseCidr(text: string): Cidr {
	const slash = text.lastIndexOf('/')
	const ip = slash < 0 ? undefined : tryParseIp(text.slice(0, slash))
	const length = text.slice(slash + 1)
	if (ip === undefined || !/^\d{1,3}$/.test(length) || Number(length) > width(ip.family)) {
		throw invalid(`${JSON.stringify(text)} is not an address with a mask length such as 10.1.0.0/16 or fd00:1::/64`)
	}
	return { family: ip.family, value: ip.value, prefix: Number(length) }
}

/** The address alone of one with a mask length. @throws WeftError `invalid` */
export function plainAddress(cidr: string): string {
	return formatIp(parseCidr(cidr))
}

export function formatCidr(cidr: Cidr): string {
	return `${formatIp(cidr)}/${cidr.prefix}`
}

/** How many addresses a network of this length has. */
export function size(cidr: Cidr): bigint {
	return 1n << BigInt(width(cidr.family) - cidr.prefix)
}

/** The same network without host bits. */
export function networkOf(cidr: Cidr): Cidr {
	return { ...cidr, value: cidr.value & ~(size(cidr) - 1n) }
}

export function first(cidr: Cidr): Ip {
	return { family: cidr.family, value: networkOf(cidr).value }
}

export function last(cidr: Cidr): Ip {
	return { family: cidr.family, value: networkOf(cidr).value + size(cidr) - 1n }
}

export function contains(cidr: Cidr, ip: Ip): boolean {
	return cidr.family === ip.family && ip.value >= first(cidr).value && ip.value <= last(cidr).value
}

/** From one address of a family to another, both with it. */
export interface Span {
	readonly from: bigint
	readonly to: bigint
}

/**
 * The addresses of a network that may be given: without the network's own address (IPv6: the routers' anycast address,
 * RFC 4291 2.6.1) and without IPv4's broadcast address. A /31, /127 (RFC 3021, 6164), /32 or /128 has neither.
 */
export function givable(pool: Cidr): Span {
	const pointToPoint = width(pool.family) - pool.prefix <= 1
	return {
		from: first(pool).value + (pointToPoint ? 0n : 1n),
		to: last(pool).value - (pointToPoint || pool.family === 6 ? 0n : 1n),
	}
}

/** True where the whole of `inner` lies in `outer`. */
export function covers(outer: Cidr, inner: Cidr): boolean {
	return outer.prefix <= inner.prefix && contains(outer, first(inner))
}

/** Two networks overlap where they agree in all bits of the shorter mask: one contains the other. */
export function overlaps(a: Cidr, b: Cidr): boolean {
	if (a.family !== b.family) return false
	return (a.value ^ b.value) >> BigInt(width(a.family) - Math.min(a.prefix, b.prefix)) === 0n
}

/** The address in network byte order: 4 or 16 bytes. */
export function toBytes(ip: Ip): Uint8Array {
	const bytes = new Uint8Array(width(ip.family) / 8)
	let rest = ip.value
	for (let i = bytes.length - 1; i >= 0; i--) {
		bytes[i] = Number(rest & 0xffn)
		rest >>= 8n
	}
	return bytes
}

/** @throws WeftError `invalid` unless there are 4 or 16 bytes. */
export function fromBytes(bytes: Uint8Array): Ip {
	if (bytes.length !== 4 && bytes.length !== 16) throw invalid(`an address has 4 or 16 bytes, not ${bytes.length}`)
	let value = 0n
	for (const byte of bytes) value = (value << 8n) | BigInt(byte)
	return { family: bytes.length === 4 ? 4 : 6, value }
}

/** The 6 bytes of a unicast MAC written as aa:bb:cc:dd:ee:ff. @throws WeftError `invalid` */
export function parseMac(text: string): Uint8Array {
	if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text))
		throw invalid(`${JSON.stringify(text)} is not a MAC address aa:bb:cc:dd:ee:ff`)
	const bytes = Uint8Array.from(text.split(':'), (part) => Number.parseInt(part, 16))
	if (((bytes[0] ?? 0) & 1) === 1)
		throw invalid(`${JSON.stringify(text)} is a group address and cannot be a container's MAC`)
	return bytes
}

/** @throws WeftError `invalid` unless there are 6 bytes. */
export function formatMac(bytes: Uint8Array): string {
	if (bytes.length !== 6) throw invalid(`a MAC has 6 bytes, not ${bytes.length}`)
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':')
}
