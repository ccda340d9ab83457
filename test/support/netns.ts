/**
 * A network namespace of a test's own, without a name: a process holds it that reads a pipe from this one, so that it
 * ends with the test, or with the test's process however that ends. Inside, `ip` is the oracle.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync } from 'node:fs'
import { isErrno, messageOf } from '../../src/errors.ts'
import { Rtnetlink } from '../../src/kernel/netlink/rtnetlink.ts'
import { withNetns } from '../../src/kernel/netns.ts'
import { run } from './command.ts'

/** Why no namespace can be made on this machine, or `programs` are missing: a `skip` of node:test, false for none. */
export function noNetns(...programs: string[]): string | false {
	if (process.getuid?.() !== 0) return 'needs root, to make a private network namespace'
	const missing = ['ip', 'unshare', 'nsenter', ...programs].filter((name) => !inPath(name))
	return missing.length > 0 ? `needs ${missing.join(', ')} to look into a private network namespace` : false
}

function inPath(name: string): boolean {
	return (process.env.PATH ?? '').split(':').some((folder) => {
		try {
			accessSync(`${folder}/${name}`)
			return true
		} catch {
			return false
		}
	})
}

/** What node:test's context of a test and its module of hooks have in common. */
interface Scope {
	after(work: () => Promise<void>): void
}

export interface Netns {
	/** For withNetns. */
	readonly path: string
	/** Opened inside. */
	readonly rtnetlink: Rtnetlink
	/** The standard output of a program that runs inside. */
	run(...argv: string[]): Promise<string>
	/** What `ip -j -d` says there. */
	ip<T>(...argv: string[]): Promise<T[]>
}

/** A fresh namespace whose loopback is up, gone when `scope` is over. */
export async function openNetns(scope: Scope): Promise<Netns> {
	const holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo ready && exec cat'], {
		stdio: ['pipe', 'pipe', 'inherit'],
	})
	const rtnetlink = new Rtnetlink()
	scope.after(async () => {
		await rtnetlink.close()
		holder.stdin.end()
		if (holder.exitCode === null && holder.signalCode === null) await once(holder, 'exit')
	})
	const [first] = await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit')])
	if (String(first).trim() !== 'ready') throw new Error(`the process that holds the namespace ended: ${first}`)

	const path = `/proc/${holder.pid}/ns/net`
	withNetns(path, () => rtnetlink.open())
	const inside = (...argv: string[]): Promise<string> => run(['nsenter', `--net=${path}`, ...argv])
	return {
		path,
		rtnetlink,
		run: inside,
		ip: async (...argv) => JSON.parse((await inside('ip', '-j', '-d', ...argv)) || '[]'),
	}
}

export const TEST_MAC = '02:42:0a:00:00:01'

/** A bridge for a test to hang things on; its index. */
export async function bridge({ rtnetlink }: Netns, mtu = 1500): Promise<number> {
	await rtnetlink.addBridge({ name: 'weft0', mtu, mac: TEST_MAC })
	return rtnetlink.indexOf('weft0') ?? 0
}

/** For assert.rejects: the kernel's error, and words of its message. */
export function withErrno(errno: string, words = ''): (error: unknown) => boolean {
	return (error) => isErrno(error, errno) && messageOf(error).includes(words)
}
