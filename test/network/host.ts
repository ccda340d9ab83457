/** A host in memory for the verbs: its store, its kernel, and requests as Docker makes them. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { ClusterVerbs } from '../../src/cluster/verbs.ts'
import { messageOf } from '../../src/errors.ts'
import { isDockerName } from '../../src/kernel/docker-bridges.ts'
import { identity, type Resource } from '../../src/kernel/resource.ts'
import {
	type BridgeNetwork,
	type Endpoint,
	hasBridge,
	type Network,
	type PortRequest,
} from '../../src/model/network.ts'
import { modeOf } from '../../src/modes/index.ts'
import { KeyedMutex } from '../../src/mutex.ts'
import { networkDriver } from '../../src/network/driver.ts'
import type { Host } from '../../src/network/host.ts'
import { Owners } from '../../src/network/owners.ts'
import { Peering } from '../../src/network/peering.ts'
import { type Resynced, resync } from '../../src/network/resync.ts'
import { SharedPorts } from '../../src/network/shared-ports.ts'
import type { EndpointRequest, NetworkRequest, NetworkVerbs } from '../../src/network/verbs.ts'
import { ContainerList } from '../support/container-list.ts'
import { FakeContainerKernel, FakeKernel } from '../support/fake-kernel.ts'
import { MemoryStore } from '../support/memory-store.ts'

/** Small enough to be used up. */
export const EPHEMERAL = [40000, 40003] as const

export interface Bench {
	readonly host: Host
	readonly store: MemoryStore
	readonly kernel: FakeKernel
	readonly verbs: NetworkVerbs
	readonly sharedPorts: SharedPorts
	readonly owners: Owners
	/** Those that may own networks. */
	readonly containers: ContainerList
	/** Their kernels, by the number of the process. */
	readonly ownerKernels: Map<number, FakeContainerKernel>
	readonly peering: Peering
	readonly warnings: string[]
	/** What people are informed of. */
	readonly told: string[]
	/** What was put right with owners, in words. */
	readonly repaired: string[]
	resync(): Promise<Resynced>
}

/** A daemon over what there is of a store and a kernel. */
export function bench(
	store = new MemoryStore(),
	kernel = new FakeKernel(),
	filtersBridges = true,
	cluster?: ClusterVerbs,
): Bench {
	const warnings: string[] = []
	const told: string[] = []
	const host: Host = {
		store,
		kernel,
		facts: {
			occupied: async () => [],
			waysOut: async () => [],
			defaultMtu: async () => 1450,
			link: async (name) => kernel.link(name),
			linkWith: async (address) => kernel.linkWith(address),
			wayTo: async (address) => kernel.wayTo(address),
			isDockers: isDockerName,
			ephemeralPorts: () => EPHEMERAL,
			hasWireguard: async () => kernel.hasWireguard,
			filtersBridges,
		},
		mutex: new KeyedMutex(),
		links: new Set(),
		prepared: new Set(),
		owners: new Map(),
		warn: (_, message) => warnings.push(message),
		inform: (message) => told.push(message),
		...(cluster === undefined ? {} : { cluster }),
	}
	const sharedPorts = new SharedPorts(host)
	const peering = new Peering(host)
	const ownerKernels = new Map<number, FakeContainerKernel>()
	const containers = new ContainerList((pid) => {
		const opened = ownerKernels.get(pid) ?? new FakeContainerKernel(kernel)
		ownerKernels.set(pid, opened)
		return opened
	})
	const repaired: string[] = []
	const owners = new Owners(host, containers, sharedPorts, Promise.resolve(), {
		repaired: ({ cause, done }) => repaired.push(`${cause}: ${done.join(', ')}`),
		failed: (error) => warnings.push(messageOf(error)),
	})
	return {
		host,
		store,
		kernel,
		sharedPorts,
		owners,
		containers,
		ownerKernels,
		peering,
		verbs: networkDriver(host, async () => undefined, sharedPorts, peering, owners),
		warnings,
		told,
		repaired,
		resync: () => resync(host, []),
	}
}

export function idOf(name: string): string {
	return createHash('sha256').update(name).digest('hex')
}

/** A dual-stack network; its number is in its addresses. */
export function networkRequest(number = 1, more: Partial<NetworkRequest> = {}): NetworkRequest {
	return {
		id: idOf(`network ${number}`),
		options: {},
		internal: false,
		ipv4: [{ pool: `10.210.${number}.0/24`, gateway: `10.210.${number}.1/24`, reserved: {} }],
		ipv6: [{ pool: `fd00:${number}::/64`, gateway: `fd00:${number}::1/64`, reserved: {} }],
		...more,
	}
}

/** The endpoint with the last part `last` in its addresses. */
export function endpointRequest(last = 2, number = 1, more: Partial<EndpointRequest> = {}): EndpointRequest {
	return {
		networkId: idOf(`network ${number}`),
		id: idOf(`endpoint ${number} ${last}`),
		ipv4: `10.210.${number}.${last}/24`,
		ipv6: `fd00:${number}::${last}/64`,
		...more,
	}
}

export const NETWORK = idOf('network 1')
export const ENDPOINT = endpointRequest().id

export async function withNetwork(): Promise<Bench> {
	const host = bench()
	await host.verbs.createNetwork(networkRequest())
	return host
}

export function portRequest(hostPort: number, containerPort = 80, more: Partial<PortRequest> = {}): PortRequest {
	return { protocol: 'tcp', containerPort, hostIp: '', hostPort, hostPortEnd: hostPort, ...more }
}

/** Creates, joins and lets dockerd move the link: what a container start comes down to. */
export async function attach({ verbs, kernel }: Bench, request: EndpointRequest): Promise<void> {
	await verbs.createEndpoint(request)
	const { link } = await verbs.join(request.networkId, request.id)
	kernel.moveAway(link ?? '')
}

export function networks({ store }: Bench): readonly Network[] {
	return store.list('network', '')
}

export function bridgeNetworks(bench: Bench): readonly BridgeNetwork[] {
	return networks(bench).filter(hasBridge)
}

export function endpoints({ store }: Bench, number = 1): readonly Endpoint[] {
	return store.list('endpoint', idOf(`network ${number}`))
}

/** What the records of the settled networks ask for, and of the endpoints that have not left and whose link is there, or in a container whole. */
export function planned(bench: Bench): Resource[] {
	return networks(bench)
		.filter(({ settled }) => settled)
		.flatMap((network) => {
			const mode = modeOf(network)
			const attached = bench.store
				.list('endpoint', network.id)
				.filter(({ link, left }) => left !== true && (bench.kernel.hasLink(link) || bench.kernel.isAway(link)))
				.flatMap((endpoint) => [...mode.attached(network, endpoint), ...mode.published(network, endpoint)])
			const there = attached.filter((each) => each.kind !== 'lan' || !bench.kernel.isAway(each.name))
			return [...mode.network(network), ...there]
		})
}

/** By identity, in the form of FakeKernel.objects. */
export function objectsOf(resources: readonly Resource[]): string[] {
	const listed = resources.filter(({ kind }) => !['sysctl', 'hairpin', 'up'].includes(kind))
	return [...new Set(listed.map(identity))].sort()
}

/** Every network is whole: the kernel has all that the records ask for, and nothing else. */
export function assertTrue(host: Bench): void {
	const wanted = planned(host)
	assert.deepEqual(host.kernel.objects(), objectsOf(wanted))
	assert.ok(wanted.every((resource) => host.kernel.has(resource)))
	assert.ok(networks(host).every(({ settled }) => settled))
}
