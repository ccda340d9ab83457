/**
 * Ports of this host that are held for containers. A held port is a socket that is bound and never used: packets are
 * redirected before they reach it, and nobody else can listen there. It goes with the process that holds it.
 */
import { isErrno, WeftError, within } from '../errors.ts'
import { parseIp } from '../model/address.ts'
import { closeFd } from './ffi.ts'
import { HERE, type Visit } from './netns.ts'
import { bindHostPort } from './port-socket.ts'
import { type HostPort, identity } from './resource.ts'

interface Held {
	readonly port: HostPort
	/** Absent where the kernel has no sockets of the protocol: then nobody else can have the port either. */
	readonly fd: number | undefined
}

export class HostPorts {
	readonly #held = new Map<string, Held>()
	readonly #visit: Visit

	/** `visit` leads to the namespace whose ports these are. */
	constructor(visit: Visit = HERE) {
		this.#visit = visit
	}

	has(port: HostPort): boolean {
		return this.#held.get(identity(port))?.port.owner === port.owner
	}

	/** Of the ports held here, whose is the one that keeps `port` from being held. */
	ownerOf(port: HostPort): string | undefined {
		return Array.from(this.#held.values()).find((held) => clash(held.port, port))?.port.owner
	}

	/** @throws WeftError `in-use` when somebody has it, `invalid` when the address is not one of this host's. */
	hold(port: HostPort): void {
		if (this.has(port)) return
		try {
			this.#held.set(identity(port), { port, fd: this.#bind(port) })
		} catch (error) {
			throw refused(port, error)
		}
	}

	release(port: HostPort): void {
		const held = this.#held.get(identity(port))
		if (held?.port.owner !== port.owner) return
		this.#held.delete(identity(port))
		if (held.fd !== undefined) closeFd(held.fd)
	}

	releaseAll(): void {
		for (const { port } of [...this.#held.values()]) this.release(port)
	}

	#bind(port: HostPort): number | undefined {
		try {
			return this.#visit(() => bindHostPort(port.protocol, parseIp(port.address), port.port))
		} catch (error) {
			if (!isErrno(error, 'EPROTONOSUPPORT', 'ESOCKTNOSUPPORT')) throw error
			if (this.ownerOf(port) !== undefined)
				throw new WeftError('in-use', 'held by another container', { errno: 'EADDRINUSE' })
			return undefined
		}
	}
}

/** Whether two sockets could not be bound to these at the same time. */
function clash(a: HostPort, b: HostPort): boolean {
	if (a.protocol !== b.protocol || a.port !== b.port) return false
	const [ip, other] = [parseIp(a.address), parseIp(b.address)]
	return ip.family === other.family && (ip.value === other.value || ip.value === 0n || other.value === 0n)
}

function refused(port: HostPort, error: unknown): WeftError {
	const host = port.address.includes(':') ? `[${port.address}]` : port.address
	const name = `${host}:${port.port}/${port.protocol}`
	if (isErrno(error, 'EADDRINUSE'))
		return new WeftError('in-use', `port ${name} is already allocated`, { cause: error })
	const bad = (what: string) => new WeftError('invalid', `port ${name}: ${port.address} is ${what}`, { cause: error })
	if (isErrno(error, 'EADDRNOTAVAIL')) return bad('not an address of this host')
	// The kernel asks which link.
	if (isErrno(error, 'EINVAL')) return bad('an address of one link alone')
	return within(`port ${name}`, error)
}
