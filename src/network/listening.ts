/** Which ports of the host the sockets are that a container listens on. Pure. */
import type { Listener } from '../kernel/verbs.ts'
import { type Family, formatIp, plainAddress } from '../model/address.ts'
import type { Endpoint, HostNetwork, Protocol, PublishedPort } from '../model/network.ts'
import type { HostOptions, PortRange } from '../model/options.ts'

/** Of a container; each may be on IPv4 and IPv6. */
export const MOST_PORTS = 1024

const ANY: Readonly<Record<Family, string>> = { 4: '0.0.0.0', 6: '::' }

export interface Listening {
	readonly ports: readonly PublishedPort[]
	/** How many are left out because a container may not have more. */
	readonly beyond: number
}

/** `link` is the index, in the container, of its link on this network. */
export function listeningOf(
	network: HostNetwork,
	endpoint: Endpoint,
	listeners: readonly Listener[],
	link: number,
): Listening {
	const heard = listeners.filter((each) => each.link === undefined || each.link === link)
	const allowed = heard.filter(({ protocol, port }) => isAllowed(network.options, protocol, port))
	const ports = allowed.flatMap((each) => portsOf(endpoint, each))
	// Sockets may share a port, and each family has its own.
	const distinct = [...new Map(ports.map((each) => [`${each.containerIp} ${numberOf(each)}`, each])).values()]
	return bounded(distinct, numbersOf(endpoint))
}

function isAllowed({ ports, exclude }: HostOptions, protocol: Protocol, port: number): boolean {
	const within = (range: PortRange) =>
		range.first <= port && port <= range.last && (range.protocol ?? protocol) === protocol
	return (ports === undefined || ports.some(within)) && !exclude.some(within)
}

/** None of what listens on another address: one of another network of the container, or of its loopback. */
function portsOf(endpoint: Endpoint, { protocol, ip, port, both }: Listener): PublishedPort[] {
	const families: readonly Family[] = both ? [4, 6] : [ip.family]
	return families.flatMap((family) => {
		const cidr = family === 4 ? endpoint.ipv4 : endpoint.ipv6
		if (cidr === undefined) return []
		const containerIp = plainAddress(cidr)
		if (ip.value !== 0n && formatIp(ip) !== containerIp) return []
		return [{ protocol, hostIp: ANY[family], hostPort: port, containerIp, containerPort: port, found: true }]
	})
}

/** Those that are on the host already go first, then the lowest. */
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
	return portKey(protocol, containerPort)
}

/** What sockets of one family and one address cannot have both. */
export function portKey(protocol: Protocol, port: number): string {
	return `${protocol} ${port}`
}
