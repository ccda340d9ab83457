/**
 * Makes the kernel forget connections with published ports. It never asks again where one leads that it knows: a client
 * of a container that is gone, or of nobody yet, would not reach the container that has the port now. TCP needs none of
 * this, since what begins a connection there cannot belong to an old one.
 */
import { isErrno } from '../errors.ts'
import { type Family, formatIp, type Ip, parseIp } from '../model/address.ts'
import type { Protocol, PublishedPort } from '../model/network.ts'
import { deleteFlow, type End, type Flow, type FlowFilter, getFlows, readFlow } from './netlink/conntrack.ts'
import { SocketPool } from './netlink/pool.ts'
import type { PortChange } from './resource.ts'

const NETLINK_NETFILTER = 12
/** With more ports of a protocol than this, all its connections are listed instead of each port's. */
const SINGLE_PORTS = 4

export class Flows {
	/** One, since a list holds its thread while the kernel goes through all connections of the machine. */
	readonly #sockets = new SocketPool(NETLINK_NETFILTER, 1)

	/** In the network namespace of the calling thread. */
	open(): void {
		this.#sockets.open()
	}

	/** Waits for the calls under way. */
	close(): Promise<void> {
		return this.#sockets.close()
	}

	/** `addresses` are those of this host, where ports of every address are. */
	async forget(change: PortChange, addresses: readonly Ip[]): Promise<void> {
		const isStale = staleness(change, addresses)
		for (const filter of filtersOf(change)) {
			await this.#sockets.use(async (socket) => {
				const flows = await socket.dump(getFlows(filter), readFlow)
				for (const flow of flows.filter(isStale)) await unlessGone(socket.request(deleteFlow(flow)))
			})
		}
	}
}

async function unlessGone(work: Promise<unknown>): Promise<void> {
	try {
		await work
	} catch (error) {
		if (!isErrno(error, 'ENOENT')) throw error
	}
}

/** The ports that matter here: translated, and of protocols in which a packet does not tell that it is the first. */
export function connectionless({ closed, opened }: PortChange): PortChange {
	const kept = (ports: readonly PublishedPort[]) => {
		return ports.filter(({ protocol, hostPort }) => protocol !== 'tcp' && hostPort !== 0)
	}
	return { closed: kept(closed), opened: kept(opened) }
}

/** What the kernel is asked for, so that it lists little more than what may be stale, in few passes. */
export function filtersOf({ closed, opened }: PortChange): FlowFilter[] {
	return [...groupsOf(closed).flatMap(filtersOfContainers), ...groupsOf(opened).flatMap(filtersOfPorts)]
}

interface Group {
	readonly family: Family
	readonly protocol: Protocol
	readonly containers: Set<string>
	readonly numbers: Set<number>
}

function groupsOf(ports: readonly PublishedPort[]): Group[] {
	const groups = new Map<string, Group>()
	for (const { protocol, containerIp, hostPort } of ports) {
		const { family } = parseIp(containerIp)
		const group = groups.get(`${family} ${protocol}`) ?? {
			family,
			protocol,
			containers: new Set(),
			numbers: new Set(),
		}
		groups.set(`${family} ${protocol}`, group)
		group.containers.add(containerIp)
		group.numbers.add(hostPort)
	}
	return [...groups.values()]
}

/** Also of what a container began itself: where it left by its published number, answers to that come to it. */
function filtersOfContainers({ family, protocol, containers }: Group): FlowFilter[] {
	return Array.from(containers, parseIp).flatMap((ip) => [
		{ family, protocol, from: { direction: 'reply', ip } },
		{ family, protocol, from: { direction: 'original', ip } },
	])
}

function filtersOfPorts({ family, protocol, numbers }: Group): FlowFilter[] {
	if (numbers.size > SINGLE_PORTS) return [{ family, protocol }]
	return Array.from(numbers, (toPort) => ({ family, protocol, toPort }))
}

/** Tells connections through closed ports, and those with an open port that lead elsewhere than to its container. */
export function staleness({ closed, opened }: PortChange, addresses: readonly Ip[]): (flow: Flow) => boolean {
	const local = new Set(addresses.map(formatIp))
	const [wasAt, isAt] = [byNumber(closed), byNumber(opened)]
	return ({ protocol, original, reply }) => {
		const sentTo = `${protocol} ${original.destination.port}`
		const answeredTo = `${protocol} ${reply.destination.port}`
		return (
			(wasAt.get(sentTo) ?? []).some((port) => leadsTo(port, reply.source)) ||
			(wasAt.get(answeredTo) ?? []).some((port) => leadsTo(port, original.source)) ||
			(isAt.get(sentTo) ?? []).some(
				(port) => isOn(port, original.destination.ip, local) && !leadsTo(port, reply.source),
			)
		)
	}
}

function leadsTo({ containerIp, containerPort }: PublishedPort, { ip, port }: End): boolean {
	return containerIp === formatIp(ip) && containerPort === port
}

/** Whether a port is on that address of the host. */
function isOn({ hostIp }: PublishedPort, ip: Ip, local: ReadonlySet<string>): boolean {
	const text = formatIp(ip)
	if (hostIp !== '0.0.0.0' && hostIp !== '::') return hostIp === text
	return hostIp.includes(':') === (ip.family === 6) && (local.has(text) || text.startsWith('127.'))
}

function byNumber(ports: readonly PublishedPort[]): ReadonlyMap<string, readonly PublishedPort[]> {
	const found = new Map<string, PublishedPort[]>()
	for (const port of ports) {
		const key = `${port.protocol} ${port.hostPort}`
		found.set(key, [...(found.get(key) ?? []), port])
	}
	return found
}
