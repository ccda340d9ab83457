/** A unix socket for datagrams, which Node has none of: what a service manager listens on. */
import koffi, { type KoffiFunc } from 'koffi'
import { AF_UNIX, unixAddress } from '../../src/kernel/socket-address.ts'

const SOCK_DGRAM = 2
const MSG_DONTWAIT = 0x40

const libc = koffi.load('libc.so.6')
const socket: KoffiFunc<(domain: number, type: number, protocol: number) => number> = libc.func(
	'int socket(int domain, int type, int protocol)',
)
const bind: KoffiFunc<(fd: number, address: Buffer, length: number) => number> = libc.func(
	'int bind(int fd, const void *address, uint32_t length)',
)
const recv: KoffiFunc<(fd: number, into: Buffer, length: number, flags: number) => number> = libc.func(
	'intptr_t recv(int fd, void *into, size_t length, int flags)',
)
const close: KoffiFunc<(fd: number) => number> = libc.func('int close(int fd)')

export interface Datagrams {
	/** The texts that have come since the last call. */
	take(): string[]
	close(): void
}

/** A name that begins with @ is in the abstract namespace. */
export function openDatagrams(name: string): Datagrams {
	const address = unixAddress(name)
	const fd = socket(AF_UNIX, SOCK_DGRAM, 0)
	if (fd < 0 || bind(fd, address, address.length) < 0) throw new Error(`no socket ${name}: errno ${koffi.errno()}`)
	const buffer = Buffer.alloc(1024)
	return {
		take: () => {
			const texts: string[] = []
			for (let length = 0; length >= 0; ) {
				length = recv(fd, buffer, buffer.length, MSG_DONTWAIT)
				if (length >= 0) texts.push(buffer.toString('utf8', 0, length))
			}
			return texts
		},
		close: () => close(fd),
	}
}
