/**
 * Both verbs in memory, honest about what any caller may rely on: repeatable, nothing given twice, taking away the
 * unknown succeeds. No kernel, no store, no modes. For tests of what stands above the verbs.
 */
import { invalid, WeftError } from '../../src/errors.ts'
import type { IpamVerbs, PoolRequest } from '../../src/ipam/verbs.ts'
import {
	type Cidr,
	contains,
	covers,
	first,
	formatCidr,
	formatIp,
	formatMac,
	last,
	overlaps,
	parseCidr,
	parseIp,
} from '../../src/model/address.ts'
import type { PortRequest } from '../../src/model/network.ts'
import type { EndpointRequest, JoinAnswer, NetworkRequest, NetworkVerbs } from '../../src/network/verbs.ts'

interface FakeEndpoint {
	readonly request: EndpointRequest
	readonly mac: string
	joined: boolean
	ports: readonly PortRequest[]
}

interface FakeNetwork {
	readonly request: NetworkRequest
	readonly endpoints: Map<string, FakeEndpoint>
}

/** What a test may look at behind the verbs. */
export interface FakeNetworks extends NetworkVerbs {
	readonly networks: ReadonlyMap<string, FakeNetwork>
}

export function fakeNetworks(): FakeNetworks {
	const networks = new Map<string, FakeNetwork>()
	let macs = 0

	function networkOf(id: string): FakeNetwork {
		const network = networks.get(id)
		if (network === undefined) throw new WeftError('not-found', `there is no network ${id}`)
		return network
	}

	function endpointOf(networkId: string, id: string): FakeEndpoint {
		const endpoint = networkOf(networkId).endpoints.get(id)
		if (endpoint === undefined) throw new WeftError('not-found', `there is no endpoint ${id}`)
		return endpoint
	}

	function taken(port: PortRequest, hostPort: number): boolean {
		const everywhere = [...networks.values()].flatMap(({ endpoints }) => [...endpoints.values()])
		return everywhere.some(({ ports }) =>
			ports.some((other) => other.protocol === port.protocol && other.hostPort === hostPort),
		)
	}

	function bind(port: PortRequest): PortRequest {
		for (let hostPort = port.hostPort; hostPort <= port.hostPortEnd; hostPort++) {
			if (hostPort === 0 || !taken(port, hostPort)) return { ...port, hostPort, hostPortEnd: hostPort }
		}
		throw new WeftError('in-use', `port ${port.hostPort}/${port.protocol} is taken`)
	}

	return {
		networks,

		skipsGateway({ options, internal }) {
			const isolated = (family: number) =>
				options.mode === 'none' ||
				(internal && options[`com.docker.network.bridge.gateway_mode_ipv${family}`] === 'isolated')
			return { 4: isolated(4), 6: isolated(6) }
		},

		async createNetwork(request) {
			const known = networks.get(request.id)
			if (known !== undefined) {
				if (JSON.stringify(known.request) === JSON.stringify(request)) return
				throw new WeftError('exists', `network ${request.id} exists with other settings`)
			}
			const mode = request.options.mode ?? 'bridge'
			if (!['bridge', 'none'].includes(mode)) throw invalid(`option "mode" is "${mode}"; bridge and none are known`)
			networks.set(request.id, { request, endpoints: new Map() })
		},

		networkAnswered: () => undefined,

		async deleteNetwork(networkId) {
			networks.delete(networkId)
		},

		async createEndpoint(request) {
			const { endpoints, request: network } = networkOf(request.networkId)
			const known = endpoints.get(request.id)
			if (known !== undefined && JSON.stringify(known.request) !== JSON.stringify(request)) {
				throw new WeftError('exists', `endpoint ${request.id} exists with other settings`)
			}
			const mac = known?.mac ?? request.mac ?? formatMac(Uint8Array.of(2, 0, 0, 0, ++macs >> 8, macs & 0xff))
			if (known === undefined) endpoints.set(request.id, { request, mac, joined: false, ports: [] })
			return request.mac === undefined && network.options.mode !== 'none' ? { mac } : {}
		},

		async deleteEndpoint(networkId, endpointId) {
			networks.get(networkId)?.endpoints.delete(endpointId)
		},

		async join(networkId, endpointId) {
			const { request } = networkOf(networkId)
			const endpoint = endpointOf(networkId, endpointId)
			endpoint.joined = true
			const { interfaceName } = endpoint.request
			return { ...joinAnswer(request, endpointId), ...(interfaceName ? { name: interfaceName } : {}) }
		},

		async leave(networkId, endpointId) {
			const endpoint = networks.get(networkId)?.endpoints.get(endpointId)
			if (endpoint === undefined) return
			endpoint.joined = false
			endpoint.ports = []
		},

		async publish(networkId, endpointId, ports) {
			const endpoint = endpointOf(networkId, endpointId)
			const before = endpoint.ports
			endpoint.ports = []
			try {
				for (const port of ports) endpoint.ports = [...endpoint.ports, bind(port)]
			} catch (error) {
				endpoint.ports = before
				throw error
			}
		},

		async unpublish(networkId, endpointId) {
			const endpoint = networks.get(networkId)?.endpoints.get(endpointId)
			if (endpoint !== undefined) endpoint.ports = []
		},
	}
}

function joinAnswer(network: NetworkRequest, endpointId: string): JoinAnswer {
	if (network.options.mode === 'none') return { routes: [], noGatewayService: true }
	const gateway = network.internal ? undefined : plainGateway(network.ipv4[0]?.gateway)
	const gatewayIpv6 = network.internal ? undefined : plainGateway(network.ipv6[0]?.gateway)
	return {
		link: `wv${endpointId.slice(0, 11)}`,
		prefix: 'eth',
		...(gateway === undefined ? {} : { gateway }),
		...(gatewayIpv6 === undefined ? {} : { gatewayIpv6 }),
		routes: [],
		noGatewayService: network.internal,
	}
}

function plainGateway(cidr: string | undefined): string | undefined {
	return cidr === undefined ? undefined : formatIp(parseCidr(cidr))
}

interface FakePool {
	readonly pool: Cidr
	readonly range: Cidr
	readonly leases: Set<string>
	cursor: bigint
}

/** Pools that are chosen come from 10.210.0.0/16 and fd77:6566:7400::/48, as contract.md says. */
export function fakeIpam(): IpamVerbs {
	const pools = new Map<string, FakePool>()

	function choose(family: 4 | 6): Cidr {
		const base = parseCidr(family === 4 ? '10.210.0.0/16' : 'fd77:6566:7400::/48')
		const prefix = family === 4 ? 24 : 64
		const step = 1n << BigInt((family === 4 ? 32 : 128) - prefix)
		for (let value = base.value; value <= last(base).value; value += step) {
			const candidate = { family, value, prefix }
			if (![...pools.values()].some(({ pool }) => overlaps(pool, candidate))) return candidate
		}
		throw new WeftError('exhausted', `every pool of ${formatCidr(base)} is in use`)
	}

	function poolOf(request: PoolRequest): { pool: Cidr; range: Cidr } {
		if (request.pool === undefined && request.range !== undefined) throw invalid('a range needs a subnet')
		const pool = request.pool === undefined ? choose(request.family) : parseCidr(request.pool)
		const range = request.range === undefined ? pool : parseCidr(request.range)
		if (!covers(pool, range)) throw invalid(`the range ${request.range} lies outside of ${request.pool}`)
		return { pool, range }
	}

	function nextFree({ pool, range, leases, cursor }: FakePool): string {
		const low = first(range).value
		const count = last(range).value - low + 1n
		for (let tried = 0n; tried < count; tried++) {
			const value = low + ((cursor - low + 1n + tried) % count)
			const address = formatIp({ family: pool.family, value })
			const isEdge = value === first(pool).value || (pool.family === 4 && value === last(pool).value)
			if (!isEdge && !leases.has(address)) return address
		}
		throw new WeftError('exhausted', `${formatCidr(pool)} has no address left`)
	}

	return {
		async requestPool(request) {
			const { pool, range } = poolOf(request)
			const parts = [request.space, formatCidr(pool), ...(request.range === undefined ? [] : [request.range])]
			const id = parts.join('/')
			if (!pools.has(id)) pools.set(id, { pool, range, leases: new Set(), cursor: range.value })
			return { id, pool: formatCidr(pool) }
		},

		async releasePool(poolId) {
			pools.delete(poolId)
		},

		async requestAddress(request) {
			const pool = pools.get(request.poolId)
			if (pool === undefined) throw new WeftError('not-found', `there is no pool ${request.poolId}`)
			const address = request.address ?? nextFree(pool)
			const ip = parseIp(address)
			if (!contains(pool.pool, ip)) throw invalid(`${address} lies outside of ${formatCidr(pool.pool)}`)
			if (request.address !== undefined && pool.leases.has(address)) {
				throw new WeftError('in-use', `${address} is in use`)
			}
			pool.leases.add(address)
			if (request.address === undefined) pool.cursor = ip.value
			return formatCidr({ ...ip, prefix: pool.pool.prefix })
		},

		async releaseAddress(poolId, address) {
			pools.get(poolId)?.leases.delete(address)
		},
	}
}
