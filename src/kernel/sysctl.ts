/** Kernel settings under /proc/sys, read and written as text. Of the calling thread's network namespace, or of one that is visited. */
import { closeSync, openSync, readFileSync, write, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { invalid, messageOf, WeftError } from '../errors.ts'
import { KeyedMutex } from '../mutex.ts'
import { PROC } from './host-files.ts'
import { HERE, type Visit } from './netns.ts'

const ROOT = `${PROC}/sys`

const writeLater = promisify(write)

/**
 * Keys whose write is under way. The kernel sets the value of ip_forward before it tries for the RTNL lock, and takes it
 * back and begins anew while somebody has that: who writes or reads meanwhile takes the value for settled, and the links
 * are never told.
 */
const writes = new KeyedMutex()

/** The value of a key with slashes, such as net/ipv4/conf/weft0/route_localnet, without the final line feed. */
export function readSysctl(key: string, root = ROOT): string {
	const path = pathOf(key, root)
	try {
		return readFileSync(path, 'utf8').trimEnd()
	} catch (error) {
		throw refused(`read ${key}`, error)
	}
}

/**
 * Writes only another value, and answers whether it had to: some keys act on every write, whatever it says. The write
 * itself runs on the thread pool, because for some keys it waits for the RTNL lock. One write of a key at a time. The file
 * is of the namespace in which it was opened.
 */
export async function writeSysctl(key: string, value: string, root = ROOT, visit: Visit = HERE): Promise<boolean> {
	const path = pathOf(key, root)
	return writes.run(path, async () => {
		try {
			return await writeOther(path, value, visit)
		} catch (error) {
			throw refused(`set ${key} to ${value}`, error)
		}
	})
}

/** At once, as in a visit to another namespace: for keys whose write waits for nothing. */
export function setSysctl(key: string, value: string, root = ROOT): void {
	try {
		writeFileSync(pathOf(key, root), value)
	} catch (error) {
		throw refused(`set ${key} to ${value}`, error)
	}
}

async function writeOther(path: string, value: string, visit: Visit): Promise<boolean> {
	const fd = visit(() => (readFileSync(path, 'utf8').trimEnd() === value ? undefined : openSync(path, 'w')))
	if (fd === undefined) return false
	try {
		await writeLater(fd, value)
	} finally {
		closeSync(fd)
	}
	return true
}

/** Keys are split at slashes because a link's name may have dots, as eth0.100 has. */
function pathOf(key: string, root: string): string {
	const parts = key.split('/')
	if (parts.length < 2 || parts.some((part) => !/^[^\0/]+$/.test(part) || part === '.' || part === '..')) {
		throw invalid(`"${key}" is not a kernel setting such as net/ipv4/ip_forward`)
	}
	return `${root}/${key}`
}

function refused(phrase: string, cause: unknown): WeftError {
	const errno = cause instanceof Error && 'code' in cause ? { errno: String(cause.code) } : {}
	return new WeftError('system', `${phrase}: ${messageOf(cause)}`, { cause, ...errno })
}
