/** A nameserver for tests: every name below `example` is its own address, and there is no other name. */

import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { parseIp, toBytes } from '../../src/model/address.ts'

const KNOWN = 'example'
const NO_SUCH_NAME = 3
const TYPE_A = 1
const TYPE_AAAA = 28

export function serveDns(port: number, address: string, ready: () => void): void {
	const type = isIPv6(address) ? TYPE_AAAA : TYPE_A
	const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
	const bytes = toBytes(parseIp(address))
	socket.on('message', (query, from) => socket.send(reply(query, type, bytes), from.port, from.address))
	socket.bind(port, address, ready)
}

/** The question itself, and a record whose name points to it, where it is asked for this type. */
function reply(query: Buffer, type: number, address: Uint8Array): Buffer {
	const { labels, end } = question(query)
	const known = labels.at(-1) === KNOWN
	const record = known && query.readUInt16BE(end - 4) === type
	const header = Buffer.from(query.subarray(0, 12))
	// A response, from a server that would look further if it were asked to.
	header.writeUInt16BE(0x8180 | (known ? 0 : NO_SUCH_NAME), 2)
	for (const [index, count] of [1, record ? 1 : 0, 0, 0].entries()) header.writeUInt16BE(count, 4 + 2 * index)
	const resource = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, address.length, ...address])
	return Buffer.concat([header, query.subarray(12, end), ...(record ? [resource] : [])])
}

/** Its labels, and the offset behind its type and class. */
function question(query: Buffer): { labels: string[]; end: number } {
	const labels: string[] = []
	let at = 12
	for (let size = query[at] ?? 0; size > 0; size = query[at] ?? 0) {
		labels.push(query.toString('latin1', at + 1, at + 1 + size))
		at += size + 1
	}
	return { labels, end: at + 5 }
}
