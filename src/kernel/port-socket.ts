/** The socket that holds a port of this host: bound and never used. */
import type { Ip } from '../model/address.ts'
import type { Protocol } from '../model/network.ts'
import { bindSocket, listenDeaf, moveUp, openSocket, orClose, SOL_SOCKET, setIntegerOption } from './ffi.ts'
import { NUMBER_OF } from './netlink/protocol.ts'
import { AF_INET, AF_INET6, socketAddress } from './socket-address.ts'

const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SO_REUSEADDR = 2
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26

/**
 * Takes a port of this host, so that nobody else can: bound, not listening, not shared. Connections of a service that
 * has ended do not keep it.
 * @throws WeftError `system` with errno EADDRINUSE, EADDRNOTAVAIL, EPROTONOSUPPORT (no SCTP) and the like
 */
export function bindHostPort(protocol: Protocol, ip: Ip, port: number): number {
	const domain = ip.family === 4 ? AF_INET : AF_INET6
	const type = protocol === 'udp' ? SOCK_DGRAM : SOCK_STREAM
	const fd = openSocket(domain, type, protocol === 'sctp' ? NUMBER_OF.sctp : 0)
	const bound = orClose(fd, () => {
		// Without it a port of :: would take the same port of 0.0.0.0 as well.
		if (ip.family === 6) setIntegerOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)
		if (protocol === 'tcp') setIntegerOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
		bindSocket(fd, socketAddress(ip, port))
		if (protocol === 'tcp') stopSharing(fd)
	})
	return moveUp(bound)
}

/**
 * A TCP port whose old connections are in TIME_WAIT is given only with SO_REUSEADDR, which would let others listen there
 * too. To listen makes the kernel check the port again, and note that it is not shared; the shutdown leaves the
 * socket bound and deaf, and without the option it is in everybody's way.
 */
function stopSharing(fd: number): void {
	listenDeaf(fd)
	setIntegerOption(fd, SOL_SOCKET, SO_REUSEADDR, 0)
}
