/**
 * Finds the network namespaces that containers' links were moved to. They have no name that every Docker gives them and
 * that is seen from where weft runs, but processes, and a number by which the host's end of a link knows them.
 */
import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { isFileError, PROC } from './host-files.ts'
import type { Rtnetlink } from './netlink/rtnetlink.ts'
import { SandboxSockets } from './sandbox.ts'

/** Processes that are looked at before others have their turn: some 2 ms. */
const AT_ONCE = 500

/** How many inodes there are on this machine, of which each socket is one. */
const INODES = `${PROC}/sys/fs/inode-nr`

/** Tells, in some microseconds, that as a rule no socket has come to any namespace since the last call. */
export class Stir {
	readonly #buffer = Buffer.alloc(64)
	#fd: number | undefined
	#seen = ''

	/** False where the machine has as many sockets as it had, and all else that has an inode: also where one came and one went. */
	stirred(): boolean {
		this.#fd ??= openSync(INODES, 'r')
		const text = this.#buffer.toString('latin1', 0, readSync(this.#fd, this.#buffer, 0, this.#buffer.length, 0))
		// Behind it stands how many are unused.
		const [seen = ''] = text.split('\t')
		const stirred = seen !== this.#seen
		this.#seen = seen
		return stirred
	}
}

/** Those of the calling thread's namespace, which is the host's. */
export function openOwnSockets(): SandboxSockets {
	return new SandboxSockets(openSync('/proc/thread-self/ns/net', 'r'), 0, '')
}

/** By the names of the host's ends; those of which no process is seen, or that end meanwhile, are not among them. */
export async function openSandboxes(
	rtnetlink: Rtnetlink,
	links: readonly string[],
): Promise<ReadonlyMap<string, SandboxSockets>> {
	const wanted = await endsOf(rtnetlink, links)
	const found = new Map<string, SandboxSockets>()
	try {
		for await (const namespace of namespaces()) {
			if (wanted.size === 0) {
				closeSync(namespace)
				break
			}
			try {
				const id = await rtnetlink.namespaceId(namespace).catch(() => undefined)
				const ends = id === undefined ? undefined : wanted.get(id)
				if (id !== undefined) wanted.delete(id)
				for (const { name, linkIndex } of ends ?? []) {
					// Each of them closes its own.
					found.set(name, new SandboxSockets(openSync(`/proc/self/fd/${namespace}`, 'r'), linkIndex, name))
				}
			} finally {
				closeSync(namespace)
			}
		}
		return found
	} catch (error) {
		await Promise.all(Array.from(found.values(), (each) => each.close()))
		throw error
	}
}

/** Of a pair, what the host knows of the other end. */
interface End {
	/** Of the host's end. */
	readonly name: string
	readonly linkIndex: number
}

/** By the numbers of the namespaces in which the other ends are: a container may be on several networks. */
async function endsOf(rtnetlink: Rtnetlink, links: readonly string[]): Promise<Map<number, readonly End[]>> {
	const ends = new Map<number, readonly End[]>()
	for (const name of links) {
		const { peerNamespace, linkIndex } = (await rtnetlink.link(name)) ?? {}
		if (peerNamespace === undefined || linkIndex === undefined) continue
		ends.set(peerNamespace, [...(ends.get(peerNamespace) ?? []), { name, linkIndex }])
	}
	return ends
}

/** A descriptor of each namespace of which a process is seen, the youngest processes first; whoever gets it closes it. */
async function* namespaces(): AsyncGenerator<number> {
	const seen = new Set<string>()
	const pids = readdirSync(PROC)
		.filter((name) => /^\d+$/.test(name))
		.map(Number)
		.sort((a, b) => b - a)
	for (const [i, pid] of pids.entries()) {
		if (i % AT_ONCE === AT_ONCE - 1) await turn()
		const path = `${PROC}/${pid}/ns/net`
		const name = unlessEnded(() => readlinkSync(path))
		if (name === undefined || seen.has(name)) continue
		seen.add(name)
		const fd = unlessEnded(() => openSync(path, 'r'))
		if (fd !== undefined) yield fd
	}
}

/** Undefined of a process that has ended, or of a thread of the kernel, which is in none. */
function unlessEnded<T>(look: () => T): T | undefined {
	try {
		return look()
	} catch (error) {
		if (isFileError(error, 'ENOENT', 'ESRCH', 'EACCES')) return undefined
		throw error
	}
}
