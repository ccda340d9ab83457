/**
 * Calls into libc and libnftables, as typed functions over numbers, strings and Buffers. The only importer of koffi;
 * what the calls mean belongs to the callers. A call that can hold runs on libuv's thread pool.
 */
import koffi, { type KoffiFunc, type LibraryHandle } from 'koffi'
import { WeftError } from '../errors.ts'
import { LINK_NAME_LENGTH } from '../model/names.ts'
import type { Nftables, NftContext } from './libnftables.ts'
import { AF_INET, AF_UNIX, unixAddress } from './socket-address.ts'

// A callee runs on a stack that koffi allocates: 128 KiB for pooled calls, while libnftables expects that of a thread.
koffi.config({ async_stack_size: 4 << 20, sync_stack_size: 4 << 20 })

const AF_NETLINK = 16
const SOCK_DGRAM = 2
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
export const SOL_SOCKET = 1
const SO_BINDTODEVICE = 25
const SO_ATTACH_FILTER = 26
const SO_BINDTOIFINDEX = 62
const SHUT_RD = 0
const F_DUPFD_CLOEXEC = 1030
/** Numbers of files below are the only ones that libnftables can wait for: see select(2). */
export const LOW_FILES = 1024
const MSG_TRUNC = 0x20
const MSG_DONTWAIT = 0x40
const CLONE_NEWNET = 0x40000000
const PR_CAPBSET_DROP = 24
/** struct __user_cap_header_struct: version 3, of the calling thread. */
const CAPABILITY_HEADER = Buffer.from(Uint32Array.of(0x20080522, 0).buffer)

const libc = koffi.load('libc.so.6')

const call = <Args extends unknown[]>(signature: string): KoffiFunc<(...args: Args) => number> => libc.func(signature)

const socket = call<[domain: number, type: number, protocol: number]>('int socket(int domain, int type, int protocol)')
const bind = call<[fd: number, address: Buffer, length: number]>('int bind(int, const void *, uint32_t)')
const connect = call<[fd: number, address: Buffer, length: number]>('int connect(int, const void *, uint32_t)')
const listen = call<[fd: number, backlog: number]>('int listen(int fd, int backlog)')
const shutdown = call<[fd: number, how: number]>('int shutdown(int fd, int how)')
const send = call<[fd: number, data: Buffer, length: number, flags: number]>(
	'intptr_t send(int, const void *, size_t, int)',
)
const recv = call<[fd: number, into: Buffer, length: number, flags: number]>('intptr_t recv(int, void *, size_t, int)')
const setsockopt = call<[fd: number, level: number, option: number, value: Buffer, length: number]>(
	'int setsockopt(int fd, int level, int option, const void *value, uint32_t length)',
)
const getsockopt = call<[fd: number, level: number, option: number, value: Buffer, length: Buffer]>(
	'int getsockopt(int fd, int level, int option, void *value, void *length)',
)
const inotifyInit = call<[flags: number]>('int inotify_init1(int flags)')
const inotifyAdd = call<[fd: number, path: string, mask: number]>('int inotify_add_watch(int, const char *, uint32_t)')
const mallocTrim = call<[pad: number]>('int malloc_trim(size_t)')
const close = call<[fd: number]>('int close(int fd)')
const fcntl = call<[fd: number, command: number, argument: number]>('int fcntl(int fd, int cmd, int argument)')
const setns = call<[fd: number, type: number]>('int setns(int fd, int type)')
const prctl = call<[option: number, argument: number]>('int prctl(int option, unsigned long argument)')
const capset = call<[header: Buffer, sets: Buffer]>('int capset(void *header, const void *sets)')
const strerror: KoffiFunc<(errno: number) => string> = libc.func('const char *strerror(int errno)')

// Where one number has two names, the first; but for this one, which the kernel's sources use.
const errnoNames = new Map(
	Object.entries(koffi.os.errno)
		.map(([name, number]) => [number, name] as const)
		.reverse(),
)
errnoNames.set(95, 'EOPNOTSUPP')

/** The kernel's error as ours: `File exists`, or `File exists (detail)`, with its name as `errno`. */
export function kernelError(errno: number, detail = ''): WeftError {
	const text = strerror(errno)
	return new WeftError('system', detail === '' ? text : `${text} (${detail})`, {
		errno: errnoNames.get(errno) ?? `E${errno}`,
	})
}

function check(result: number): number {
	if (result < 0) throw kernelError(koffi.errno())
	return result
}

type Returned = Readonly<{ result: number; errno: number }>

/** The arguments of the calls under way: their memory must stay while a thread that the collector cannot see uses it. */
const lent = new Set<readonly unknown[]>()

/** One call on the thread pool. */
function pooled<Args extends unknown[]>(call: KoffiFunc<(...args: Args) => number>, ...args: Args): Promise<Returned> {
	return new Promise((resolve, reject) => {
		const done = (error: unknown, result: number): void => {
			lent.delete(args)
			// Only in here is errno that of the call.
			if (error === null) resolve({ result, errno: koffi.errno() })
			else reject(error)
		}
		lent.add(args)
		call.async(...args, done)
	})
}

/** A netlink socket of the calling thread's network namespace that hears the kernel and no other sender. */
export function openNetlink(protocol: number): number {
	const fd = check(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol))
	// struct sockaddr_nl with port 0, the kernel's.
	const kernel = Buffer.alloc(12)
	kernel.writeUInt16LE(AF_NETLINK, 0)
	return moveUp(orClose(fd, () => check(connect(fd, kernel, kernel.length))))
}

/** Makes room for such numbers on the pool: the kernel takes a larger table only when every CPU has left the old one (RCU, 12 ms). */
export async function enlargeFileTable(): Promise<void> {
	const { result } = await pooled(fcntl, 0, F_DUPFD_CLOEXEC, LOW_FILES)
	if (result >= 0) close(result)
}

/** The same file under a number that leaves the low ones to libnftables; the old number where there is none such. */
export function moveUp(fd: number): number {
	const moved = fcntl(fd, F_DUPFD_CLOEXEC, LOW_FILES)
	if (moved < 0) return fd
	close(fd)
	return moved
}

/** A socket of the calling thread's network namespace. Whoever takes it closes it. */
export function openSocket(domain: number, type: number, protocol: number): number {
	return check(socket(domain, type | SOCK_CLOEXEC, protocol))
}

export function bindSocket(fd: number, address: Buffer): void {
	check(bind(fd, address, address.length))
}

/** Of TCP: as a socket that listens, but nobody is let in. */
export function listenDeaf(fd: number): void {
	check(listen(fd, 0))
	check(shutdown(fd, SHUT_RD))
}

/** One datagram to a unix socket. */
export function sendDatagram(name: string, text: string): void {
	const address = unixAddress(name)
	const fd = check(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0))
	try {
		const data = Buffer.from(text)
		check(connect(fd, address, address.length))
		check(send(fd, data, data.length, MSG_DONTWAIT))
	} finally {
		close(fd)
	}
}

/** A socket for interfaceIndex in the calling thread's network namespace. */
export function openProbe(): number {
	return check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))
}

export function setIntegerOption(fd: number, level: number, option: number, value: number): void {
	const bytes = Buffer.alloc(4)
	bytes.writeInt32LE(value)
	check(setsockopt(fd, level, option, bytes, bytes.length))
}

/**
 * The index of a link in the namespace of a probe. Binding to the device takes no RTNL lock and, unlike the
 * SIOCGIFINDEX of if_nametoindex, starts no modprobe for a name that does not exist.
 */
export function interfaceIndex(probe: number, name: string): number | undefined {
	const text = Buffer.from(`${name}\0`)
	if (name === '' || text.length - 1 > LINK_NAME_LENGTH) return undefined
	if (setsockopt(probe, SOL_SOCKET, SO_BINDTODEVICE, text, text.length) < 0) {
		if (koffi.errno() === koffi.os.errno.ENODEV) return undefined
		throw kernelError(koffi.errno())
	}
	const index = Buffer.alloc(4)
	const length = Buffer.from([4, 0, 0, 0])
	check(getsockopt(probe, SOL_SOCKET, SO_BINDTOIFINDEX, index, length))
	return index.readInt32LE()
}

/** Sends on the pool: the kernel does a netlink request's whole work inside this call. */
export async function sendAll(fd: number, data: Buffer): Promise<void> {
	const { result, errno } = await pooled(send, fd, data, data.length, 0)
	if (result < 0) throw kernelError(errno)
}

/**
 * What waits on the socket, at most `into.length` bytes of it, or undefined for nothing. The result is the length
 * of the whole datagram, above `into.length` where it was cut.
 */
export function receive(fd: number, into: Buffer): number | undefined {
	return received({ result: recv(fd, into, into.length, MSG_DONTWAIT | MSG_TRUNC), errno: koffi.errno() })
}

/** The same on the pool, for a receive that makes the kernel fill the next part of a dump, which can take RTNL. */
export async function receiveMore(fd: number, into: Buffer): Promise<number | undefined> {
	return received(await pooled(recv, fd, into, into.length, MSG_DONTWAIT | MSG_TRUNC))
}

function received({ result, errno }: Returned): number | undefined {
	if (result >= 0) return result
	if (errno === koffi.os.errno.EAGAIN) return undefined
	throw kernelError(errno)
}

/** Calls `ready` on the event loop whenever something waits on the socket; does not keep the process alive. */
export function watchReadable(fd: number, ready: () => void): () => void {
	const handle = koffi.node.poll(fd, { readable: true }, ready)
	handle.unref()
	return () => handle.close()
}

/** A classic BPF program, 8 bytes an instruction, that decides for each message whether the socket gets it. */
export function attachFilter(fd: number, code: Buffer): void {
	// struct sock_fprog: how many instructions, and where they are.
	const program = Buffer.from(BigUint64Array.of(BigInt(code.length / 8), koffi.address(code)).buffer)
	check(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, program.length))
}

/** A descriptor that becomes readable at events of the file, also such as node's own watchers do not tell of. */
export function openInotify(path: string, events: number): number {
	const fd = check(inotifyInit(SOCK_CLOEXEC))
	return orClose(fd, () => check(inotifyAdd(fd, path, events)))
}

/** Moves this thread, and only it, into the network namespace that `fd` refers to. */
export function setNetns(fd: number): void {
	check(setns(fd, CLONE_NEWNET))
}

/** Of this thread, effective, permitted and inheritable of the lower 32 capabilities, then of the others: see capset(2). */
export function setCapabilities(sets: Buffer): void {
	check(capset(CAPABILITY_HEADER, sets))
}

/** Of whichever thread of the pool takes it. */
export async function setPooledCapabilities(sets: Buffer): Promise<void> {
	await pooled(capset, CAPABILITY_HEADER, sets)
}

/** That no program started from here has it. Does nothing where this thread may not, or there is no such capability. */
export function denyToPrograms(capability: number): void {
	prctl(PR_CAPBSET_DROP, capability)
}

export function closeFd(fd: number): void {
	check(close(fd))
}

/** What was opened, unless what is done to it fails. */
export function orClose(fd: number, work: () => void): number {
	try {
		work()
		return fd
	} catch (error) {
		close(fd)
		throw error
	}
}

let nftables: Nftables | undefined

/** Loads the library at the first use. @throws WeftError `system` where it is not installed */
export function loadNftables(): Nftables {
	nftables ??= bindNftables(openNftables())
	return nftables
}

function openNftables(): LibraryHandle {
	try {
		return koffi.load('libnftables.so.1')
	} catch (cause) {
		throw new WeftError('system', 'libnftables.so.1 cannot be loaded: install the package libnftables1', { cause })
	}
}

function bindNftables(library: LibraryHandle): Nftables {
	const newContext = library.func('void *nft_ctx_new(uint32_t flags)')
	const run: KoffiFunc<(context: NftContext, command: Buffer) => number> = library.func(
		'int nft_run_cmd_from_buffer(void *context, const void *command)',
	)
	return {
		newContext: () => {
			const context = newContext(0)
			if (context === null) throw new WeftError('system', 'libnftables gave no context')
			return context
		},
		freeContext: library.func('void nft_ctx_free(void *context)'),
		bufferOutput: library.func('int nft_ctx_buffer_output(void *context)'),
		bufferError: library.func('int nft_ctx_buffer_error(void *context)'),
		outputBuffer: library.func('const char *nft_ctx_get_output_buffer(void *context)'),
		errorBuffer: library.func('const char *nft_ctx_get_error_buffer(void *context)'),
		// -1 means that the command failed, with the reason in the error buffer and not in errno.
		trim: async () => void (await pooled(mallocTrim, 0)),
		runCommand: async (context, command) => (await pooled(run, context, Buffer.from(`${command}\0`))).result,
	}
}
