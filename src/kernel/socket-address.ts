/** Addresses of sockets as the kernel takes them. Pure. */
import { type Ip, toBytes } from '../model/address.ts'

export const AF_UNIX = 1
export const AF_INET = 2
export const AF_INET6 = 10

/** struct sockaddr_in or sockaddr_in6. */
export function socketAddress(ip: Ip, port: number): Buffer {
	const address = Buffer.alloc(ip.family === 4 ? 16 : 28)
	address.writeUInt16LE(ip.family === 4 ? AF_INET : AF_INET6, 0)
	address.writeUInt16BE(port, 2)
	address.set(toBytes(ip), ip.family === 4 ? 4 : 8)
	return address
}

/** struct sockaddr_un, no longer than the name, which is in the abstract namespace where it begins with @. */
export function unixAddress(name: string): Buffer {
	const path = Buffer.from(name.replace(/^@/, '\0'))
	const address = Buffer.alloc(2 + path.length)
	address.writeUInt16LE(AF_UNIX, 0)
	address.set(path, 2)
	return address
}
