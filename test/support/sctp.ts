/**
 * The first exchange of SCTP over raw sockets, since neither Node nor every kernel speaks it: an INIT, and an INIT ACK
 * that carries the address which the INIT came from. Enough for conntrack, NAT and filters, which look no further.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import koffi, { type KoffiFunc } from 'koffi'

const AF_INET = 2
const SOCK_RAW = 3
const IPPROTO_SCTP = 132
const MSG_DONTWAIT = 0x40
const INIT = 1
const INIT_ACK = 2
/** Common header, then the chunk's header and fixed fields. */
const CHUNK = 12
const PARAMETERS = 32

const libc = koffi.load('libc.so.6')
const socket: KoffiFunc<(domain: number, type: number, protocol: number) => number> = libc.func(
	'int socket(int domain, int type, int protocol)',
)
const sendto: KoffiFunc<
	(fd: number, data: Buffer, length: number, flags: number, to: Buffer, toLength: number) => number
> = libc.func('intptr_t sendto(int fd, const void *data, size_t length, int flags, const void *to, uint32_t toLength)')
const recv: KoffiFunc<(fd: number, into: Buffer, length: number, flags: number) => number> = libc.func(
	'intptr_t recv(int fd, void *into, size_t length, int flags)',
)

interface Packet {
	readonly from: string
	/** From the common header on. */
	readonly body: Buffer
}

/** RFC 3309: CRC32c, least significant bit first; conntrack drops a packet whose checksum is wrong. */
function checksum(data: Buffer): number {
	let crc = 0xffffffff
	for (const byte of data) {
		crc ^= byte
		for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
	}
	return ~crc >>> 0
}

function packet(type: number, source: number, destination: number, tag: number, text = ''): Buffer {
	const padded = Buffer.from(text.padEnd(Math.ceil(text.length / 4) * 4, ' '))
	const parameter = text === '' ? 0 : 4 + padded.length
	const body = Buffer.alloc(PARAMETERS + parameter)
	body.writeUInt16BE(source, 0)
	body.writeUInt16BE(destination, 2)
	body.writeUInt32BE(tag, 4)
	body.writeUInt8(type, CHUNK)
	body.writeUInt16BE(body.length - CHUNK, CHUNK + 2)
	body.writeUInt32BE(0x77656674, CHUNK + 4)
	body.writeUInt32BE(65536, CHUNK + 8)
	body.writeUInt16BE(1, CHUNK + 12)
	body.writeUInt16BE(1, CHUNK + 14)
	if (parameter > 0) {
		// The upper two bits: skip it if you do not know it.
		body.writeUInt16BE(0x8777, PARAMETERS)
		body.writeUInt16BE(parameter, PARAMETERS + 2)
		padded.copy(body, PARAMETERS + 4)
	}
	body.writeUInt32LE(checksum(body), 8)
	return body
}

function send(fd: number, body: Buffer, address: string): void {
	const to = Buffer.alloc(16)
	to.writeUInt16LE(AF_INET, 0)
	Buffer.from(address.split('.').map(Number)).copy(to, 4)
	sendto(fd, body, body.length, 0, to, to.length)
}

function open(): number {
	const fd = socket(AF_INET, SOCK_RAW, IPPROTO_SCTP)
	if (fd < 0) throw new Error('no raw socket for SCTP')
	return fd
}

/** The next INIT or INIT ACK for a port; a raw socket hears every port's. */
async function hear(fd: number, type: number, port: number): Promise<Packet> {
	const buffer = Buffer.alloc(2048)
	for (;;) {
		// A thread that sleeps in the kernel would keep the program from ending.
		const length = recv(fd, buffer, buffer.length, MSG_DONTWAIT)
		if (length < 0) {
			await sleep(10)
			continue
		}
		const body = Buffer.from(buffer.subarray((buffer.readUInt8(0) & 15) * 4, length))
		if (body.length < PARAMETERS || body.readUInt8(CHUNK) !== type || body.readUInt16BE(2) !== port) continue
		return { from: Array.from(buffer.subarray(12, 16)).join('.'), body }
	}
}

/** Answers every INIT for the port, for as long as the program runs. */
export async function serveSctp(port: number): Promise<never> {
	const fd = open()
	console.log('listening')
	for (;;) {
		const { from, body } = await hear(fd, INIT, port)
		send(fd, packet(INIT_ACK, port, body.readUInt16BE(0), body.readUInt32BE(CHUNK + 4), from), from)
	}
}

/** The address that the server saw. */
export async function dialSctp(address: string, port: number): Promise<string> {
	const fd = open()
	const own = 20000 + (process.pid % 20000)
	const resend = setInterval(() => send(fd, packet(INIT, own, port, 0), address), 400)
	send(fd, packet(INIT, own, port, 0), address)
	const { from, body } = await hear(fd, INIT_ACK, own)
	clearInterval(resend)
	if (from !== address) throw new Error(`asked ${address}, ${from} answered`)
	return body
		.subarray(PARAMETERS + 4)
		.toString()
		.trim()
}
