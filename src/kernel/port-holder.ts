/**
 * Which process of this host has a port, for the words of a refusal: found in /proc, and only then, since it may take
 * a second where there are thousands of processes.
 */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { fromBytes, type Ip, parseIp } from '../model/address.ts'
import { PROC } from './host-files.ts'
import { processIds, processName } from './processes.ts'
import type { HostPort } from './resource.ts'

export interface Process {
	readonly pid: number
	readonly name: string
}

/** A line of /proc/net/tcp and its like. */
export interface Socket {
	readonly ip: Ip
	readonly port: number
	readonly listening: boolean
	readonly inode: string
}

const TCP_LISTEN = '0A'
/** Where the addresses of IPv4 lie in those of IPv6. */
const MAPPED = 0xffff00000000n

/**
 * `lists` is the folder of its namespace's lists of sockets. Undefined where none can be seen: it is gone by now, has another
 * view of processes, or the protocol is not listed.
 */
export async function processAt(wanted: HostPort, lists = '/proc/net'): Promise<Process | undefined> {
	const ip = parseIp(wanted.address)
	// A socket of IPv6 may serve IPv4 as well, but not the other way round.
	const tables = ip.family === 4 ? [wanted.protocol, `${wanted.protocol}6`] : [`${wanted.protocol}6`]
	const texts = await Promise.all(tables.map((table) => readFile(`${lists}/${table}`, 'utf8').catch(() => '')))
	const inTheWay = texts.flatMap(readSockets).filter((socket) => socket.port === wanted.port && meet(socket.ip, ip))
	const [first] = inTheWay.sort((a, b) => Number(b.listening) - Number(a.listening))
	return first === undefined ? undefined : processWith(first.inode)
}

/** The sockets of a table that a process still has. */
export function readSockets(table: string): Socket[] {
	const rows = table.split('\n').slice(1)
	return rows.flatMap((row) => {
		const [, local = '', , state, , , , , , inode = '0'] = row.trim().split(/\s+/)
		const [address = '', port = ''] = local.split(':')
		if (inode === '0') return []
		return [{ ip: readAddress(address), port: Number.parseInt(port, 16), listening: state === TCP_LISTEN, inode }]
	})
}

/** Groups of four bytes, each as a number of this machine, which is little-endian. */
function readAddress(hex: string): Ip {
	return fromBytes(Buffer.concat((hex.match(/.{8}/g) ?? []).map((group) => Buffer.from(group, 'hex').reverse())))
}

function meet(theirs: Ip, mine: Ip): boolean {
	const value = theirs.family === mine.family ? mine.value : MAPPED + mine.value
	return theirs.value === 0n || mine.value === 0n || theirs.value === value
}

async function processWith(inode: string): Promise<Process | undefined> {
	for (const pid of await processIds()) {
		if (!(await filesOf(pid)).includes(`socket:[${inode}]`)) continue
		const name = (await processName(pid)) ?? '?'
		return { pid: Number(pid), name: name.replace(/[^ -~]/g, '?') }
	}
	return undefined
}

/** What a process has open; nothing where it ends meanwhile. */
async function filesOf(pid: string): Promise<string[]> {
	const folder = `${PROC}/${pid}/fd`
	const names = await readdir(folder).catch(() => [])
	return Promise.all(names.map((name) => readlink(`${folder}/${name}`).catch(() => '')))
}
