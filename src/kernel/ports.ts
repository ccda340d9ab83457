/**
 * Ports of this host that are held for containers. A held port is a socket that is bound and never used: packets are
 * redirected before they reach it, and nobody else can listen there. It goes with the process that holds it.
 */
import { isErrno, WeftError, within } from '../errors.ts'
import { parseIp } from '../model/address.ts'
import { bindHostPort, closeFd } from './ffi.ts'
import { type HostPort, identity } from './resource.ts'

export class HostPorts {
	readonly #held = new Map<string, { readonly fd: number; readonly owner: string }>()

	has(port: HostPort): boolean {
		return this.#held.get(identity(port))?.owner === port.owner
	}

	/** @throws WeftError `in-use` when somebody has it, `invalid` when the address is not one of this host's. */
	hold(port: HostPort): void {
		const id = identity(port)
		if (this.has(port)) return
		try {
			// Fails for a port that another owner holds, as for anybody else's.
			this.#held.set(id, { fd: bindHostPort(port.protocol, parseIp(port.address), port.port), owner: port.owner })
		} catch (error) {
			throw refused(port, error)
		}
	}

	release(port: HostPort): void {
		const held = this.#held.get(identity(port))
		if (held?.owner !== port.owner) return
		this.#held.delete(identity(port))
		closeFd(held.fd)
	}

	releaseAll(): void {
		for (const { fd } of this.#held.values()) closeFd(fd)
		this.#held.clear()
	}
}

function refused(port: HostPort, error: unknown): WeftError {
	const host = port.address.includes(':') ? `[${port.address}]` : port.address
	const name = `${host}:${port.port}/${port.protocol}`
	if (isErrno(error, 'EADDRINUSE'))
		return new WeftError('in-use', `port ${name} is already allocated`, { cause: error })
	if (isErrno(error, 'EADDRNOTAVAIL')) {
		return new WeftError('invalid', `port ${name}: ${port.address} is not an address of this host`, { cause: error })
	}
	return within(`port ${name}`, error)
}
