/** Whole frames, sent and received on one link of this network namespace as they are. Node has no sockets for them. */
import koffi, { type KoffiFunc } from 'koffi'

const AF_PACKET = 17
const SOCK_RAW = 3
const ETH_P_ALL = 3
const MSG_DONTWAIT = 0x40

const libc = koffi.load('libc.so.6')
const socket: KoffiFunc<(domain: number, type: number, protocol: number) => number> = libc.func(
	'int socket(int domain, int type, int protocol)',
)
const bind: KoffiFunc<(fd: number, address: Buffer, length: number) => number> = libc.func(
	'int bind(int fd, const void *address, uint32_t length)',
)
const indexOf: KoffiFunc<(name: string) => number> = libc.func('uint32_t if_nametoindex(const char *name)')
const send: KoffiFunc<(fd: number, data: Buffer, length: number, flags: number) => number> = libc.func(
	'intptr_t send(int fd, const void *data, size_t length, int flags)',
)
const recv: KoffiFunc<(fd: number, into: Buffer, length: number, flags: number) => number> = libc.func(
	'intptr_t recv(int fd, void *into, size_t length, int flags)',
)

/** A socket that is never closed: it goes with the process. */
export function openPackets(link: string): number {
	const fd = socket(AF_PACKET, SOCK_RAW, 0)
	// struct sockaddr_ll, of which bind reads the family, the protocol and the index.
	const address = Buffer.alloc(20)
	address.writeUInt16LE(AF_PACKET, 0)
	address.writeUInt16BE(ETH_P_ALL, 2)
	address.writeInt32LE(indexOf(link), 4)
	if (fd < 0 || bind(fd, address, address.length) < 0) throw new Error(`no packet socket on ${link}`)
	return fd
}

export function sendFrame(fd: number, frame: Buffer): void {
	if (send(fd, frame, frame.length, 0) !== frame.length) throw new Error(`${frame.toString('hex')} was not sent`)
}

/** Undefined where nothing waits. */
export function nextFrame(fd: number): Buffer | undefined {
	const buffer = Buffer.alloc(2048)
	const length = recv(fd, buffer, buffer.length, MSG_DONTWAIT)
	return length < 0 ? undefined : buffer.subarray(0, length)
}
