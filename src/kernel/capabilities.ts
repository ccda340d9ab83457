/**
 * What this process may do beyond what root's files allow: the least that weft needs, from its start on, and less for the
 * programs that it starts. A capability that it does not have at the start is not missed.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { denyToPrograms, setCapabilities, setPooledCapabilities } from './ffi.ts'

/** Numbers of linux/capability.h. Links, rules, iptables' sockets, and ports below 1024. */
export const NEEDED = { CAP_NET_BIND_SERVICE: 10, CAP_NET_ADMIN: 12, CAP_NET_RAW: 13 } as const
/** To name the process that has a port: others' /proc/PID/fd. Without them the refusal does not name it. */
const FOR_NAMES = { CAP_DAC_READ_SEARCH: 2, CAP_SYS_PTRACE: 19 } as const
/** To open sockets in the network namespace of a container (setns(2)), and to see which that is: others' /proc/PID/ns. */
export const FOR_SANDBOXES = { CAP_SYS_PTRACE: 19, CAP_SYS_ADMIN: 21 } as const
/** All of those, and CAP_SETPCAP, to leave less of them to programs. */
export const OF_PROCESS = { ...NEEDED, ...FOR_NAMES, ...FOR_SANDBOXES, CAP_SETPCAP: 8 } as const

/** Above the last one that kernels have. */
const NUMBERS = 64
/** Of libuv's pool, where UV_THREADPOOL_SIZE asks for no others, and at most. */
const THREADS = 4
const MOST_THREADS = 1024
const ROUNDS = 100

/**
 * Gives up what is not needed: for the calling thread at once, for libuv's pool when this returns. V8's own threads, which run no
 * code of weft's, keep what the process has begun with.
 */
export async function dropCapabilities(environment: NodeJS.ProcessEnv = {}): Promise<void> {
	const programs = Object.values<number>(NEEDED)
	for (let number = 0; number < NUMBERS; number++) if (!programs.includes(number)) denyToPrograms(number)
	const permitted = permittedOf('self')
	const ofPool = maskOf([...programs, ...Object.values(FOR_NAMES)]) & permitted
	// The pool does its work on sockets that are open already.
	setCapabilities(setsOf((ofPool | maskOf(Object.values(FOR_SANDBOXES))) & permitted))
	const sets = setsOf(ofPool)
	const threads = pooledThreads(environment.UV_THREADPOOL_SIZE)
	for (let round = 0; round < ROUNDS && reducedThreads(ofPool) < threads; round++) {
		// Which thread takes which is not ours to say.
		await Promise.all(Array.from({ length: threads }, () => setPooledCapabilities(sets)))
	}
}

/** How many there are: see init_threads in libuv's threadpool.c, which reads the setting with atoi. */
export function pooledThreads(setting: string | undefined): number {
	if (setting === undefined) return THREADS
	const asked = Number.parseInt(setting, 10) || 0
	return asked < 0 ? MOST_THREADS : Math.min(Math.max(asked, 1), MOST_THREADS)
}

function maskOf(numbers: readonly number[]): bigint {
	return numbers.reduce((mask, number) => mask | (1n << BigInt(number)), 0n)
}

/** Effective and permitted alike, nothing inheritable: programs of root's get theirs from what they are not denied. */
function setsOf(mask: bigint): Buffer {
	const [low, high] = [Number(mask & 0xffffffffn), Number(mask >> 32n)]
	return Buffer.from(Uint32Array.of(low, low, 0, high, high, 0).buffer)
}

/** But for this one. */
function reducedThreads(mask: bigint): number {
	const others = readdirSync('/proc/self/task').filter((thread) => thread !== String(process.pid))
	return others.filter((thread) => permittedOf(`self/task/${thread}`) === mask).length
}

function permittedOf(thread: string): bigint {
	const [, digits = '0'] = /^CapPrm:\s+(\w+)/m.exec(readFileSync(`/proc/${thread}/status`, 'utf8')) ?? []
	return BigInt(`0x${digits}`)
}
