/** Which ports of this host a container's `-p` become. Pure: whether a port is free is tried by the caller. */
import { invalid, messageOf, WeftError } from '../errors.ts'
import { formatIp, parseIp, plainAddress } from '../model/address.ts'
import type { BridgeNetwork, Endpoint, PortRequest, PublishedPort } from '../model/network.ts'

const ANY4 = '0.0.0.0'
const ANY6 = '::'

/** From a port of the host to the bindings that publishing there would need. */
export type Binding = (hostPort: number) => PublishedPort[]

/**
 * On which addresses of the host a request binds, and where they lead. Without an address that is every address of each
 * family that the container has, or the network's default. A routed network binds nothing: of the request it keeps the
 * family and the container's port, as Docker does.
 * @throws WeftError `invalid` when the container has no address of the family that was asked for
 */
export function bindingOf(network: BridgeNetwork, endpoint: Endpoint, request: PortRequest): Binding {
	const { protocol, containerPort } = request
	const { gatewayModes } = network.options
	const targets = hostAddresses(network, endpoint, request).map((hostIp) => {
		const family = hostIp.includes(':') ? 6 : 4
		const containerIp = family === 6 ? endpoint.ipv6 : endpoint.ipv4
		if (containerIp === undefined) {
			throw invalid(
				`port ${containerPort}/${protocol} cannot be published on ${hostIp}: the container has no IPv${family}`,
			)
		}
		return { hostIp, containerIp: plainAddress(containerIp), routed: gatewayModes[family] === 'routed' }
	})
	return (hostPort) =>
		targets.map(({ hostIp, containerIp, routed }) =>
			routed
				? { protocol, hostIp: any(hostIp), hostPort: 0, containerIp, containerPort }
				: { protocol, hostIp, hostPort, containerIp, containerPort },
		)
}

function any(hostIp: string): string {
	return hostIp.includes(':') ? ANY6 : ANY4
}

function hostAddresses(network: BridgeNetwork, endpoint: Endpoint, request: PortRequest): string[] {
	if (request.hostIp !== '') return [formatIp(parseIp(request.hostIp))]
	const { hostBinding = ANY4 } = network.options
	// 0.0.0.0 by default stands for both families, as with Docker's driver.
	if (hostBinding !== ANY4) return [hostBinding]
	return [...(endpoint.ipv4 === undefined ? [] : [ANY4]), ...(endpoint.ipv6 === undefined ? [] : [ANY6])]
}

/**
 * The ports to try, in order: the one asked for, each of a range, or the kernel's ephemeral ones from `start` on. What
 * this request has already comes first, so that publishing again changes nothing.
 */
export function* candidates(
	request: PortRequest,
	ephemeral: readonly [number, number],
	start: number,
	before: readonly PublishedPort[],
): Generator<number> {
	const [from, to] = request.hostPort === 0 ? ephemeral : [request.hostPort, request.hostPortEnd]
	const mine = before.find(
		(port) =>
			port.protocol === request.protocol &&
			port.containerPort === request.containerPort &&
			port.hostPort >= from &&
			port.hostPort <= Math.max(from, to),
	)
	if (mine !== undefined) yield mine.hostPort
	const count = Math.max(from, to) - from + 1
	const offset = request.hostPort === 0 ? start : 0
	for (let i = 0; i < count; i++) yield from + ((offset + i) % count)
}

/** `holder` says in words who has the port, where that is known. */
export function noPortLeft(request: PortRequest, last: unknown, holder?: string): WeftError {
	const by = holder === undefined ? '' : ` by ${holder}`
	return new WeftError('in-use', `${refusalOf(request, last)}${by}`, { cause: last })
}

function refusalOf(request: PortRequest, last: unknown): string {
	const { containerPort, hostPort, hostPortEnd, protocol } = request
	if (hostPort === 0) return `no port of the ephemeral range is free for ${containerPort}/${protocol}`
	if (!wantsOne(request)) return `no port from ${hostPort} to ${hostPortEnd} is free for ${containerPort}/${protocol}`
	return last === undefined ? `port ${hostPort}/${protocol} is already allocated` : messageOf(last)
}

/** Whether no other port would do. */
export function wantsOne({ hostPort, hostPortEnd }: PortRequest): boolean {
	return hostPort !== 0 && hostPortEnd <= hostPort
}
