/**
 * Frames by hand, true or false, for tests of who may send what. Each carries its name behind all that its protocols
 * look at, by which it is recognised where it arrives.
 */
import { parseIp, parseMac, toBytes } from '../../src/model/address.ts'

export const BROADCAST = 'ff:ff:ff:ff:ff:ff'

const IP = 0x0800
const ARP = 0x0806
const IPV6 = 0x86dd
const UDP = 17
const ICMPV6 = 58

export interface Ends {
	readonly from: string
	readonly to: string
}

type Header = (type: number) => Buffer

/** A group's address for Ethernet is allowed, which parseMac refuses. */
function mac(text: string): Buffer {
	return Buffer.from(text.replaceAll(':', ''), 'hex')
}

export function ether({ from, to }: Ends): Header {
	return (type) => Buffer.concat([mac(to), parseMac(from), u16(type)])
}

/** With one VLAN tag or more, the outer one first: tag protocol and VLAN. */
export function tagged(ends: Ends, ...tags: readonly (readonly [protocol: number, vlan: number])[]): Header {
	return (type) => {
		const parts = tags.map(([protocol, vlan]) => Buffer.concat([u16(protocol), u16(vlan)]))
		return Buffer.concat([mac(ends.to), parseMac(ends.from), ...parts, u16(type)])
	}
}

/** Of a type that is for experiments. */
export function anything(name: string, ends: Ends): Buffer {
	return Buffer.concat([ether(ends)(0x88b5), tail(name)])
}

export function arp(name: string, header: Header, sender: { mac: string; ip: string }, target: string): Buffer {
	const reply = Buffer.from('0001080006040002', 'hex')
	const addresses = [parseMac(sender.mac), bytes(sender.ip), Buffer.alloc(6), bytes(target)]
	return Buffer.concat([header(ARP), reply, ...addresses, tail(name)])
}

/** UDP in IPv4 or IPv6. */
export function datagram(name: string, header: Header, { from, to }: Ends, port = 9): Buffer {
	const text = tail(name)
	const udp = Buffer.concat([u16(port), u16(port), u16(8 + text.length), u16(0), text])
	if (from.includes(':')) return ipv6(header, { from, to }, UDP, udp)
	const ip = Buffer.from('4500000000000000401100000000000000000000', 'hex')
	ip.writeUInt16BE(ip.length + udp.length, 2)
	bytes(from).copy(ip, 12)
	bytes(to).copy(ip, 16)
	ip.writeUInt16BE(checksum(ip), 10)
	return Buffer.concat([header(IP), ip, udp])
}

/** An ICMPv6 message of neighbour discovery; `body` is what comes after its checksum. */
export function discovery(name: string, header: Header, ends: Ends, type: number, body: Buffer): Buffer {
	const message = Buffer.concat([Buffer.from([type, 0, 0, 0]), body, tail(name)])
	const pseudo = [bytes(ends.from), bytes(ends.to), u32(message.length), u32(ICMPV6)]
	message.writeUInt16BE(checksum(Buffer.concat([...pseudo, message])), 2)
	return ipv6(header, ends, ICMPV6, message)
}

/** Of a solicitation or an advertisement: flags and the address that it is about. */
export function about(address: string): Buffer {
	return Buffer.concat([u32(0x20000000), bytes(address)])
}

/** Puts an extension header that says nothing before what an IPv6 frame carries. */
export function extended(frame: Buffer): Buffer {
	const start = frame.indexOf(Buffer.from('86dd60', 'hex')) + 2
	const next = frame.readUInt8(start + 6)
	const copy = Buffer.from(frame)
	copy.writeUInt8(60, start + 6)
	copy.writeUInt16BE(frame.readUInt16BE(start + 4) + 8, start + 4)
	// Destination options: the next header, no more than 8 bytes, and four bytes of padding.
	const options = Buffer.from([next, 0, 1, 4, 0, 0, 0, 0])
	return Buffer.concat([copy.subarray(0, start + 40), options, copy.subarray(start + 40)])
}

function ipv6(header: Header, { from, to }: Ends, next: number, payload: Buffer): Buffer {
	const fixed = Buffer.concat([Buffer.from('60000000', 'hex'), u16(payload.length), Buffer.from([next, 255])])
	return Buffer.concat([header(IPV6), fixed, bytes(from), bytes(to), payload])
}

function tail(name: string): Buffer {
	return Buffer.from(`<<${name}>>`)
}

export function namesIn(frame: Buffer): string[] {
	return Array.from(frame.toString('latin1').matchAll(/<<([^<>]*)>>/g), ([, name]) => name ?? '')
}

function bytes(ip: string): Buffer {
	return Buffer.from(toBytes(parseIp(ip)))
}

function u16(value: number): Buffer {
	const buffer = Buffer.alloc(2)
	buffer.writeUInt16BE(value)
	return buffer
}

function u32(value: number): Buffer {
	const buffer = Buffer.alloc(4)
	buffer.writeUInt32BE(value)
	return buffer
}

/** RFC 1071. */
function checksum(data: Buffer): number {
	let sum = 0
	for (let i = 0; i < data.length; i += 2) sum += (data[i] ?? 0) * 256 + (data[i + 1] ?? 0)
	while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
	return ~sum & 0xffff
}
