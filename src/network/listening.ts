/** Which ports of an owner, this host or another container, the sockets are that a container listens on. Pure. */
import type { Listener, Service } from '../kernel/verbs.ts'
import { type Family, formatIp, plainAddress } from '../model/address.ts'
import type { Endpoint, Protocol, PublishedPort, SharedNetwork } from '../model/network.ts'
import type { PerFamily, PortRange, SharedOptions } from '../model/options.ts'

/** Of a container; each may be on IPv4 and IPv6. */
export const MOST_PORTS = 1024

export const ANY: PerFamily<string> = { 4: '0.0.0.0', 6: '::' }
export const LOOPBACK: PerFamily<string> = { 4: '127.0.0.1', 6: '::1' }

export interface Listening {
	readonly ports: readonly PublishedPort[]
	/** How many are left out because a container may not have more. */
	readonly beyond: number
}

/** `link` is the index, in the container, of its link on this network. */
export function listeningOf(
	network: SharedNetwork,
	endpoint: Endpoint,
	listeners: readonly Listener[],
	link: number,
): Listening {
	const heard = listeners.filter((each) => each.link === undefined || each.link === link)
	const allowed = heard.filter(({ protocol, port }) => isAllowed(network.options, protocol, port))
	const ports = allowed.flatMap((each) => portsOf(endpoint, each))
	// Sockets may share a port, and each family has its own. What is on the loopback alone makes way for what is everywhere.
	const ordered = [...ports.filter(isLocal), ...ports.filter((each) => !isLocal(each))]
	const distinct = [...new Map(ordered.map((each) => [`${each.containerIp} ${numberOf(each)}`, each])).values()]
	return bounded(distinct, numbersOf(endpoint))
}

function isAllowed({ ports, exclude }: SharedOptions, protocol: Protocol, port: number): boolean {
	const within = (range: PortRange) =>
		range.first <= port && port <= range.last && (range.protocol ?? protocol) === protocol
	return (ports === undefined || ports.some(within)) && !exclude.some(within)
}

function isLocal({ hostIp }: PublishedPort): boolean {
	return Object.values(LOOPBACK).includes(hostIp)
}

/** On the owner's loopback what is on the container's, and none of what listens on an address of another network. */
function portsOf(endpoint: Endpoint, { protocol, ip, port, both }: Listener): PublishedPort[] {
	const families: readonly Family[] = both ? [4, 6] : [ip.family]
	return families.flatMap((family) => {
		const cidr = family === 4 ? endpoint.ipv4 : endpoint.ipv6
		if (cidr === undefined) return []
		const containerIp = plainAddress(cidr)
		const address = ip.value === 0n ? ANY[family] : formatIp(ip)
		if (address !== LOOPBACK[family] && address !== ANY[family] && address !== containerIp) return []
		const hostIp = address === LOOPBACK[family] ? address : ANY[family]
		return [{ protocol, hostIp, hostPort: port, containerIp, containerPort: port, found: true }]
	})
}

/** Those that are on the owner already go first, then the lowest. */
function bounded(ports: readonly PublishedPort[], there: ReadonlySet<string>): Listening {
	const rank = (each: PublishedPort) => (there.has(numberOf(each)) ? 0 : 65536) + each.hostPort
	const numbers = [
		...new Map([...ports].sort((a, b) => rank(a) - rank(b)).map((each) => [numberOf(each), each])).keys(),
	]
	const kept = new Set(numbers.slice(0, MOST_PORTS))
	return { ports: ports.filter((each) => kept.has(numberOf(each))), beyond: numbers.length - kept.size }
}

/** Those that an endpoint has published, as the container counts them. */
export function numbersOf({ published }: Pick<Endpoint, 'published'>): ReadonlySet<string> {
	return new Set(published.map(numberOf))
}

function numberOf({ protocol, containerPort }: PublishedPort): string {
	return keyOf({ protocol, port: containerPort })
}

/** What sockets of one family and one address cannot have both. */
export function keyOf({ protocol, port }: Service): string {
	return `${protocol} ${port}`
}
