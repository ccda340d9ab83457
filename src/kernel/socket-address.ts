/** An address and a port as the kernel takes them. Pure. */
import { type Ip, toBytes } from '../model/address.ts'

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
