/**
 * Names of links: at most 15 bytes, the same for the same id, told apart from other people's by their prefix. An id
 * that is not hexadecimal (Swarm's) is hashed first. A further candidate is used where a name is taken.
 */
import { createHash } from 'node:crypto'
import { invalid } from '../errors.ts'

/** The kernel's IFNAMSIZ less the final zero. */
export const LINK_NAME_LENGTH = 15

function hex(text: string): string {
	return createHash('sha256').update(text).digest('hex')
}

/** Which of an id's candidates: 0 is taken from the id itself, so that people recognise it in `docker network ls`. */
function tail(id: string, candidate: number, length: number): string {
	const digits = candidate === 0 && /^[0-9a-f]{12,}$/.test(id) ? id : hex(`${candidate} ${id}`)
	return digits.slice(0, length)
}

/** The bridge of a network, or the host's link beside its containers: weft and 11 digits. */
export function bridgeName(networkId: string, candidate = 0): string {
	return `weft${tail(networkId, candidate, 11)}`
}

/** The device of this host by which all overlay networks with VXLAN reach the other hosts. */
export const VXLAN_NAME = 'weft-vxlan'

/** The same with WireGuard. */
export const WIREGUARD_NAME = 'weft-wireguard'

/** The dummy that a network without a parent has in its place: weft, a dash and 10 digits. */
export function dummyName(networkId: string, candidate = 0): string {
	return `weft-${tail(networkId, candidate, 10)}`
}

/** An endpoint's link, or its host's end: wv and 11 digits. */
export function linkName(endpointId: string, candidate = 0): string {
	return `wv${tail(endpointId, candidate, 11)}`
}

/** The host's end of a pair that is made before anybody knows for whom: wvs and 10 digits. */
export function spareName(fiveBytes: Uint8Array): string {
	return `wvs${Buffer.from(fiveBytes).toString('hex')}`
}

export function isSpareName(name: string): boolean {
	return /^wvs[0-9a-f]{10}$/.test(name)
}

/** Whether an endpoint may have it, or have it as a spare. */
export function mayBeLinkName(name: string): boolean {
	return name.startsWith('wv')
}

/** Whether weft gives such a name to a bridge, to a dummy, to a device to other hosts or to an endpoint's link that nobody had ready. */
export function isOwnName(name: string): boolean {
	return name === VXLAN_NAME || name === WIREGUARD_NAME || /^((weft|wv)[0-9a-f]{11}|weft-[0-9a-f]{10})$/.test(name)
}

/** The end that goes into the container, under which Docker finds it: the host's end and a p. */
export function peerName(link: string): string {
	return `${link}p`
}

/** The first candidate that is not taken. */
export function freeName(candidate: (n: number) => string, taken: (name: string) => boolean): string {
	let n = 0
	while (taken(candidate(n))) n++
	return candidate(n)
}

/** Whether the kernel takes it as a link's name, and nft and sysctl paths too. */
export function isLinkName(name: string): boolean {
	return /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name) && name.length <= LINK_NAME_LENGTH
}

/** @throws WeftError `invalid` unless it is one. */
export function checkLinkName(name: string, what: string): string {
	if (isLinkName(name)) return name
	throw invalid(
		`${what}=${JSON.stringify(name)} is not a link name: 1 to ${LINK_NAME_LENGTH} letters, digits, dots, dashes and underscores`,
	)
}

/**
 * A locally administered unicast MAC. For an IPv4 address it holds that address, as Docker's once did: whoever
 * remembers the address of a container that was replaced reaches the new one at once.
 */
export function macFor(identity: string, ipv4?: Uint8Array): string {
	const rest = ipv4 === undefined ? createHash('sha256').update(identity).digest().subarray(0, 4) : ipv4
	return [
		'02',
		ipv4 === undefined ? '77' : '42',
		...Array.from(rest, (byte) => byte.toString(16).padStart(2, '0')),
	].join(':')
}
