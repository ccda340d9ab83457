/**
 * The wire format of netlink: messages with a 16-byte header and attributes, each aligned to 4 bytes. Pure. Numbers
 * are little-endian, the byte order of every machine that weft is built for, except where a name ends in `be`.
 */
import { fromBytes, type Ip, toBytes } from '../../model/address.ts'

export const NLM_F_REQUEST = 0x1
export const NLM_F_ACK = 0x4
export const NLM_F_DUMP_INTR = 0x10
export const NLM_F_REPLACE = 0x100
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
export const NLM_F_DUMP = 0x300
/** In an answer only: the extended ack follows the echo of the request. */
export const NLM_F_ACK_TLVS = 0x200

export const NLMSG_ERROR = 2
export const NLMSG_DONE = 3

const NLA_F_NESTED = 0x8000
const NLA_TYPE_MASK = 0x3fff
const ATTRIBUTE_HEADER = 4
const MESSAGE_HEADER = 16

/** What is asked of the kernel; the socket adds the sequence number. */
export interface Request {
	readonly type: number
	/** Without NLM_F_REQUEST and NLM_F_ACK, which the socket sets. */
	readonly flags: number
	readonly body: Buffer
}

/** A message of the kernel. */
export interface Message {
	readonly type: number
	readonly flags: number
	readonly sequence: number
	readonly body: Buffer
}

/** Attributes by type; of those with one type the last. */
export type Attributes = ReadonlyMap<number, Buffer>

function align(length: number): number {
	return (length + 3) & ~3
}

export function bytes(type: number, value: Uint8Array): Buffer {
	const attribute = Buffer.alloc(align(ATTRIBUTE_HEADER + value.length))
	attribute.writeUInt16LE(ATTRIBUTE_HEADER + value.length, 0)
	attribute.writeUInt16LE(type, 2)
	attribute.set(value, ATTRIBUTE_HEADER)
	return attribute
}

export function u8(type: number, value: number): Buffer {
	return bytes(type, Uint8Array.of(value))
}

export function u16(type: number, value: number): Buffer {
	const payload = Buffer.alloc(2)
	payload.writeUInt16LE(value)
	return bytes(type, payload)
}

export function u16be(type: number, value: number): Buffer {
	const payload = Buffer.alloc(2)
	payload.writeUInt16BE(value)
	return bytes(type, payload)
}

export function u32(type: number, value: number): Buffer {
	const payload = Buffer.alloc(4)
	payload.writeUInt32LE(value)
	return bytes(type, payload)
}

/** With the final zero that the kernel's NLA_NUL_STRING wants. */
export function text(type: number, value: string): Buffer {
	return bytes(type, Buffer.from(`${value}\0`))
}

export function ip(type: number, value: Ip): Buffer {
	return bytes(type, toBytes(value))
}

/** Attributes within one; `content` may begin with a fixed header, as that of a veth's peer does. */
export function nested(type: number, ...content: readonly Buffer[]): Buffer {
	return bytes(type | NLA_F_NESTED, Buffer.concat(content))
}

/** @throws RangeError where an attribute does not fit into what is there */
export function attributes(data: Buffer): Attributes {
	return new Map(parts(data))
}

function* parts(data: Buffer): Generator<[type: number, value: Buffer]> {
	for (let at = 0; at + ATTRIBUTE_HEADER <= data.length; ) {
		const length = data.readUInt16LE(at)
		if (length < ATTRIBUTE_HEADER || at + length > data.length) throw new RangeError('cut netlink attribute')
		yield [data.readUInt16LE(at + 2) & NLA_TYPE_MASK, data.subarray(at + ATTRIBUTE_HEADER, at + length)]
		at += align(length)
	}
}

export function readU8(from: Attributes, type: number): number | undefined {
	return from.get(type)?.readUInt8()
}

export function readU16(from: Attributes, type: number): number | undefined {
	return from.get(type)?.readUInt16LE()
}

export function readU16be(from: Attributes, type: number): number | undefined {
	return from.get(type)?.readUInt16BE()
}

export function readU32(from: Attributes, type: number): number | undefined {
	return from.get(type)?.readUInt32LE()
}

export function readText(from: Attributes, type: number): string | undefined {
	const value = from.get(type)
	if (value === undefined) return undefined
	const end = value.indexOf(0)
	return value.toString('utf8', 0, end < 0 ? value.length : end)
}

export function readIp(from: Attributes, type: number): Ip | undefined {
	const value = from.get(type)
	return value === undefined ? undefined : fromBytes(value)
}

export function readNested(from: Attributes, type: number): Attributes {
	const value = from.get(type)
	return value === undefined ? new Map() : attributes(value)
}

/** The values of the attributes within one, in their order, whatever their types. */
export function readArray(from: Attributes, type: number): Buffer[] {
	const value = from.get(type)
	return value === undefined ? [] : Array.from(parts(value), ([, each]) => each)
}

export function encodeMessage(request: Request, sequence: number): Buffer {
	const header = Buffer.alloc(MESSAGE_HEADER)
	header.writeUInt32LE(MESSAGE_HEADER + request.body.length, 0)
	header.writeUInt16LE(request.type, 4)
	header.writeUInt16LE(request.flags | NLM_F_REQUEST | NLM_F_ACK, 6)
	header.writeUInt32LE(sequence, 8)
	return Buffer.concat([header, request.body])
}

/** The messages of one datagram. @throws RangeError where one does not fit into it */
export function decodeMessages(data: Buffer): Message[] {
	const found: Message[] = []
	for (let at = 0; at + MESSAGE_HEADER <= data.length; ) {
		const length = data.readUInt32LE(at)
		if (length < MESSAGE_HEADER || at + length > data.length) throw new RangeError('cut netlink message')
		found.push({
			type: data.readUInt16LE(at + 4),
			flags: data.readUInt16LE(at + 6),
			sequence: data.readUInt32LE(at + 8),
			body: data.subarray(at + MESSAGE_HEADER, at + length),
		})
		at += align(length)
	}
	return found
}

const NLMSGERR_ATTR_MSG = 1

/** What an NLMSG_ERROR or NLMSG_DONE says: 0 or a positive errno, and the kernel's own words where it has any. */
export interface Outcome {
	readonly errno: number
	readonly detail: string
}

export function outcome(message: Message): Outcome {
	const errno = message.body.length < 4 ? 0 : Math.abs(message.body.readInt32LE())
	if ((message.flags & NLM_F_ACK_TLVS) === 0) return { errno, detail: '' }
	// With NETLINK_CAP_ACK the echo of the request is its header alone. A DONE echoes nothing.
	const echo = message.type === NLMSG_ERROR ? MESSAGE_HEADER : 0
	return { errno, detail: readText(attributes(message.body.subarray(4 + echo)), NLMSGERR_ATTR_MSG) ?? '' }
}
