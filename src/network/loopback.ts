/** What of its loopback a container has together with the owner of its network, this host or another container. Pure. */
import type { Listener, Service, SharedLoopback, SharedLoopbacks } from '../kernel/verbs.ts'
import { contains, type Family, formatIp, parseCidr, parseIp, plainAddress } from '../model/address.ts'
import type { Endpoint, PublishedPort, SharedNetwork } from '../model/network.ts'
import type { PerFamily } from '../model/options.ts'
import { ANY, keyOf, LOOPBACK } from './listening.ts'

/** What is served on a loopback by these sockets; each once. */
export function servedBy(listeners: readonly Listener[], family: Family): Service[] {
	const serving = listeners.filter((each) => each.link === undefined && hears(each, family))
	return [...new Map(serving.map(({ protocol, port }) => [keyOf({ protocol, port }), { protocol, port }])).values()]
}

function hears({ ip, both }: Listener, family: Family): boolean {
	if (ip.family !== family) return both
	return ip.value === 0n || formatIp(ip) === LOOPBACK[family]
}

/**
 * What an owner serves on its loopback: by its own `listeners`, and by ports published on all addresses. Those published on
 * the loopback alone look as if the owner served them, but lead to containers only from the owner itself.
 */
export function servedByOwner(
	listeners: readonly Listener[],
	published: readonly PublishedPort[],
	family: Family,
): Service[] {
	const at = (address: string) => published.filter(({ hostIp, hostPort }) => hostIp === address && hostPort > 0)
	const services = at(ANY[family]).map(({ protocol, hostPort: port }) => ({ protocol, port }))
	const lent = new Set(at(LOOPBACK[family]).map(({ protocol, hostPort: port }) => keyOf({ protocol, port })))
	return without([...servedBy(listeners, family), ...services], lent)
}

/** `listeners` are the container's, and `owners` what the owner serves on its loopback. */
export function sharedLoopbacks(
	network: SharedNetwork,
	endpoint: Endpoint,
	listeners: readonly Listener[],
	owners: PerFamily<readonly Service[]>,
): SharedLoopbacks {
	const shared = (family: Family) => sharedLoopback(network, endpoint, servedBy(listeners, family), owners, family)
	const [four, six] = [shared(4), shared(6)]
	return { ...(four === undefined ? {} : { 4: four }), ...(six === undefined ? {} : { 6: six }) }
}

function sharedLoopback(
	network: SharedNetwork,
	endpoint: Endpoint,
	own: readonly Service[],
	owners: PerFamily<readonly Service[]>,
	family: Family,
): SharedLoopback | undefined {
	const cidr = family === 4 ? endpoint.ipv4 : endpoint.ipv6
	if (cidr === undefined) return undefined
	const gateway = gatewayOf(network, family, plainAddress(cidr))
	if (gateway === undefined) return undefined
	const inward = endpoint.published.filter(({ hostIp, found }) => found === true && hostIp === LOOPBACK[family])
	return {
		own: plainAddress(cidr),
		gateway,
		outward: without(owners[family], new Set(own.map(keyOf))),
		inward: inward.map(({ protocol, containerPort: port }) => ({ protocol, port })),
	}
}

/** The owner's address in the subnet that an address of a container is in. */
function gatewayOf({ ipv4, ipv6 }: SharedNetwork, family: Family, address: string): string | undefined {
	const subnets = family === 4 ? ipv4 : ipv6
	const gateway = subnets.find(({ pool }) => contains(parseCidr(pool), parseIp(address)))?.gateway
	return gateway === undefined ? undefined : plainAddress(gateway)
}

/** In order, each once: what comes of it is compared with what was made of the last. */
function without(services: readonly Service[], excluded: ReadonlySet<string>): Service[] {
	const kept = new Map(services.map((each) => [keyOf(each), each]))
	for (const key of excluded) kept.delete(key)
	return [...kept.keys()].sort().flatMap((key) => kept.get(key) ?? [])
}
