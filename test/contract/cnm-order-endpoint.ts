/**
 * The calls that dockerd makes to run, connect, disconnect and stop a container, in its order, with what it checks in the
 * answers and how it cleans up after a failure. What dockerd only logs is in `wire.logged`.
 */
import { DockerError, isCidr, isPlain, type Json, newId, text, type Wire } from '../support/wire.ts'
import { type Era, type NetworkState, type PoolState, releaseAddress, requestAddress } from './cnm-order-network.ts'

export interface Port {
	readonly Proto: number
	readonly Port: number
	readonly HostIP?: string
	readonly HostPort: number
	readonly HostPortEnd: number
}

export interface RunFlags {
	readonly ip?: string
	readonly ip6?: string
	readonly mac?: string
	/** `--network name=…,driver-opt=KEY=VALUE` */
	readonly driverOptions?: Readonly<Record<string, string>>
	readonly ports?: readonly Port[]
	/** False where another network of the container is its gateway. */
	readonly isGateway?: boolean
	/** Endpoints that the sandbox has already: with them it is `docker network connect`. */
	readonly existing?: readonly EndpointState[]
	/** Called where dockerd moves the link into the container. */
	readonly move?: (link: string) => Promise<void>
	/** Called where dockerd moves it out again, because the container cannot start. */
	readonly moveBack?: (link: string) => Promise<void>
}

export interface EndpointState {
	readonly id: string
	readonly network: NetworkState
	readonly ipv4: string
	readonly ipv6: string
	readonly mac: string
	readonly join: Json
	readonly link: string
	readonly isProgrammed: boolean
}

/** docker run and docker start, and with `existing` endpoints docker network connect. */
export async function run(wire: Wire, era: Era, network: NetworkState, flags: RunFlags = {}): Promise<EndpointState> {
	const id = newId()
	const ref = { NetworkID: network.id, EndpointID: id }
	await operInfo(wire, flags.existing ?? [])
	const ipv4 = await endpointAddress(wire, network.ipv4[0], flags.ip)
	const ipv6 = await secondAddress(wire, network, ipv4, flags.ip6)
	const sandbox = sandboxOptions(flags)
	const moveFirst = era === '28' || flags.existing !== undefined
	const isProgrammed = flags.isGateway !== false
	let moved = ''
	try {
		const mac = await createEndpoint(wire, ref, { ipv4, ipv6, flags })
		const join = await joinSandbox(wire, ref, sandbox)
		const link = text(join.InterfaceName, 'SrcName')
		const move = async () => {
			if (link !== '') await flags.move?.(link)
			moved = link
		}
		if (moveFirst) await move()
		if (isProgrammed) await wire.call('NetworkDriver.ProgramExternalConnectivity', { ...ref, Options: sandbox })
		const endpoint = { id, network, ipv4, ipv6, mac, join, link, isProgrammed }
		await operInfo(wire, [...(flags.existing ?? []), endpoint])
		if (!moveFirst) await move()
		return endpoint
	} catch (error) {
		// Also after a failed CreateEndpoint or Join: dockerd takes down what may or may not be there.
		await wire.callLogged('NetworkDriver.Leave', ref)
		if (moved !== '') await flags.moveBack?.(moved)
		await wire.callLogged('NetworkDriver.DeleteEndpoint', ref)
		await releaseEndpoint(wire, { network, ipv4, ipv6 })
		throw error
	}
}

export const connect = run

/** dockerd tells of the endpoint's ports anew, as when the container's gateway is another network than before. */
export async function program(wire: Wire, { id, network }: EndpointState, ports: readonly Port[]): Promise<void> {
	const Options = sandboxOptions({ ports })
	await wire.call('NetworkDriver.ProgramExternalConnectivity', { NetworkID: network.id, EndpointID: id, Options })
}

function sandboxOptions(flags: Pick<RunFlags, 'ports'>): Json {
	const ports = (flags.ports ?? []).map((port) => ({ IP: '', HostIP: '', ...port }))
	return {
		'com.docker.network.endpoint.exposedports': ports.map(({ Proto, Port }) => ({ Proto, Port })),
		'com.docker.network.portmap': ports,
	}
}

async function endpointAddress(wire: Wire, pool: PoolState | undefined, wanted = ''): Promise<string> {
	return pool === undefined ? '' : await requestAddress(wire, pool.poolId, wanted, null)
}

async function secondAddress(wire: Wire, network: NetworkState, ipv4: string, wanted?: string): Promise<string> {
	try {
		return await endpointAddress(wire, network.ipv6[0], wanted)
	} catch (error) {
		await releaseEndpoint(wire, { network, ipv4, ipv6: '' })
		throw error
	}
}

/** Go's encoding of the bytes of `--mac-address`. */
export function base64Mac(mac: string): string {
	return Buffer.from(mac.replaceAll(':', ''), 'hex').toString('base64')
}

async function createEndpoint(
	wire: Wire,
	ref: Json,
	{ ipv4, ipv6, flags }: { ipv4: string; ipv6: string; flags: RunFlags },
): Promise<string> {
	const wanted = { Address: ipv4, AddressIPv6: ipv6, MacAddress: flags.mac ?? '' }
	const Options = {
		...(flags.mac === undefined ? {} : { 'com.docker.network.endpoint.macaddress': base64Mac(flags.mac) }),
		...sandboxOptions(flags),
		...flags.driverOptions,
	}
	const answer = await wire.call('NetworkDriver.CreateEndpoint', { ...ref, Interface: wanted, Options })
	for (const [name, value] of Object.entries(wanted)) {
		const given = text(answer.Interface, name)
		if (value === '' || given === '') continue
		await wire.callLogged('NetworkDriver.DeleteEndpoint', ref)
		throw new DockerError(`driver modified interface ${name}: it was ${value} and is ${given}`, 200)
	}
	return text(answer.Interface, 'MacAddress') || wanted.MacAddress
}

async function joinSandbox(wire: Wire, ref: Json, options: Json): Promise<Json> {
	const SandboxKey = `/var/run/docker/netns/${newId().slice(0, 12)}`
	const answer = await wire.call('NetworkDriver.Join', { ...ref, SandboxKey, Options: options })
	const problem = joinProblem(answer)
	if (problem === undefined) return answer
	await wire.callLogged('NetworkDriver.Leave', ref)
	throw new DockerError(problem, 200)
}

/** Why dockerd cannot use the answer to a Join. */
export function joinProblem(answer: Json): string | undefined {
	for (const name of ['Gateway', 'GatewayIPv6']) {
		const gateway = text(answer, name)
		if (gateway !== '' && !isPlain(gateway)) return `unable to parse ${name} "${gateway}"`
	}
	const link = text(answer.InterfaceName, 'SrcName')
	if (link !== '' && text(answer.InterfaceName, 'DstPrefix') === '') return 'an interface without a name prefix'
	const routes: unknown[] = Array.isArray(answer.StaticRoutes) ? answer.StaticRoutes : []
	return routes.map(routeProblem).find((problem) => problem !== undefined)
}

function routeProblem(route: unknown): string | undefined {
	const type: unknown =
		typeof route === 'object' && route !== null && 'RouteType' in route ? route.RouteType : undefined
	const [destination, nextHop] = [text(route, 'Destination'), text(route, 'NextHop')]
	if (!isCidr(destination)) return `a route to "${destination}"`
	if (type !== 0 && type !== 1) return `a route of type ${String(type)}`
	if (type === 0 ? !isPlain(nextHop) : nextHop !== '') return `a route of type ${type} with the next hop "${nextHop}"`
	return undefined
}

async function operInfo(wire: Wire, endpoints: readonly { id: string; network: NetworkState }[]): Promise<void> {
	for (const { id, network } of endpoints) {
		await wire.callLogged('NetworkDriver.EndpointOperInfo', { NetworkID: network.id, EndpointID: id })
	}
}

type Addresses = Pick<EndpointState, 'network' | 'ipv4' | 'ipv6'>

async function releaseEndpoint(wire: Wire, { network, ipv4, ipv6 }: Addresses): Promise<void> {
	const [pool4] = network.ipv4
	const [pool6] = network.ipv6
	if (pool4 !== undefined && ipv4 !== '') await releaseAddress(wire, pool4.poolId, ipv4)
	if (pool6 !== undefined && ipv6 !== '') await releaseAddress(wire, pool6.poolId, ipv6)
}

export interface StopFlags {
	readonly remaining?: readonly EndpointState[]
	readonly revoke?: boolean
	/** Called where dockerd moves the link out of the container, if it is still there. */
	readonly moveBack?: (link: string) => Promise<void>
}

/** docker stop, and with `remaining` endpoints docker network disconnect. From 29 on Revoke may be missing. */
export async function stop(
	wire: Wire,
	endpoint: EndpointState,
	{ remaining = [], revoke = true, moveBack }: StopFlags = {},
): Promise<void> {
	const ref = { NetworkID: endpoint.network.id, EndpointID: endpoint.id }
	if (revoke && endpoint.isProgrammed) await wire.callLogged('NetworkDriver.RevokeExternalConnectivity', ref)
	await wire.callLogged('NetworkDriver.Leave', ref)
	if (endpoint.link !== '') await moveBack?.(endpoint.link)
	await operInfo(wire, remaining)
	await wire.callLogged('NetworkDriver.DeleteEndpoint', ref)
	await releaseEndpoint(wire, endpoint)
}

export const disconnect = stop
