/** Records as the admin API shows them. Reads the store and changes nothing. */
import { WeftError } from '../errors.ts'
import { networkWith, reservedIn } from '../ipam/entered.ts'
import { shareOf, usageOf } from '../ipam/usage.ts'
import { plainAddress } from '../model/address.ts'
import {
	type Endpoint,
	hasBridge,
	hasParent,
	isOwned,
	type Network,
	type PublishedPort,
	type Subnet,
} from '../model/network.ts'
import type { Pool } from '../model/pool.ts'
import type { Difference } from '../network/diff.ts'
import { isAlive } from '../network/endpoints.ts'
import type { Host } from '../network/host.ts'
import { formatOptions } from '../network/options.ts'
import type { SharedPorts } from '../network/shared-ports.ts'
import type {
	AddressesView,
	AddressView,
	Counts,
	DifferenceView,
	EndpointView,
	NetworkDetail,
	NetworkSummary,
	PoolView,
	PortView,
} from './api.ts'
import { containerName, type Names, networkName } from './names.ts'

/** What is known of ports that are not on their owner, and of owners. */
export interface Shared extends Pick<SharedPorts, 'of'> {
	/** How the owner of a network of mode container stands, for people. */
	ownerOf(networkId: string): string
}

export function countsOf({ store }: Host): Counts {
	const networks = store.list('network', '')
	const endpoints = networks.flatMap(({ id }) => store.list('endpoint', id))
	const pools = store.list('pool', '')
	return {
		networks: networks.length,
		endpoints: endpoints.length,
		ports: endpoints.reduce((sum, { published }) => sum + published.length, 0),
		pools: pools.length,
		leases: pools.reduce((sum, { id }) => sum + store.list('lease', id).length, 0),
	}
}

export function networkList(host: Host, names: Names): NetworkSummary[] {
	return host.store.list('network', '').map((network) => summaryOf(host, names, network))
}

/** By name, id, or what only one id begins with. @throws WeftError `not-found`, or `invalid` where it could be several */
export function findNetwork({ store }: Host, names: Names, text: string): Network {
	const all = store.list('network', '')
	const exact = all.filter(({ id }) => id === text || networkName(names, id) === text)
	const found = exact.length > 0 ? exact : all.filter(({ id }) => id.startsWith(text))
	const [network, other] = found
	if (network === undefined) throw new WeftError('not-found', `weft has no network ${JSON.stringify(text)}`)
	if (other !== undefined) {
		throw new WeftError('invalid', `${JSON.stringify(text)} could be ${found.length} networks: say more of the id`)
	}
	return network
}

export function networkDetail(host: Host, names: Names, network: Network, shared: Shared): NetworkDetail {
	return {
		network: summaryOf(host, names, network),
		options: formatOptions(network.options),
		mtu: hasBridge(network) ? network.mtu : null,
		adopted: hasBridge(network) && network.adopted !== undefined,
		owner: isOwned(network) ? shared.ownerOf(network.id) : null,
		endpoints: host.store
			.list('endpoint', network.id)
			.map((endpoint) => endpointView(host, names, network, endpoint, shared)),
	}
}

export function portList({ store }: Host, names: Names, shared: Pick<Shared, 'of'>): PortView[] {
	const endpoints = store.list('network', '').flatMap(({ id }) => store.list('endpoint', id))
	return endpoints.flatMap((endpoint) => portsOf(names, endpoint, shared))
}

export function poolList(host: Host, names: Names): PoolView[] {
	const owners = new Map(host.store.list('network', '').flatMap((each) => poolsOf(each).map((pool) => [pool, each])))
	return host.store.list('pool', '').map((pool) => poolView(host, names, pool, owners.get(pool.pool)))
}

export function addressesOf(host: Host, names: Names, network: Network): AddressesView {
	const pools = host.store.list('pool', '').filter(({ pool }) => poolsOf(network).includes(pool))
	const leases = pools.flatMap(({ id }) => host.store.list('lease', id))
	const addresses = new Map<string, AddressView>()
	for (const { address, kind } of leases) {
		addresses.set(address, nobodys(address, kind === 'gateway' ? 'gateway' : 'reserved'))
	}
	for (const { gateway, reserved } of subnetsOf(network)) {
		for (const each of Object.values(reserved))
			addresses.set(plainAddress(each), nobodys(plainAddress(each), 'reserved'))
		if (gateway !== undefined) addresses.set(plainAddress(gateway), nobodys(plainAddress(gateway), 'gateway'))
	}
	for (const endpoint of host.store.list('endpoint', network.id)) {
		for (const each of [endpoint.ipv4, endpoint.ipv6]) {
			if (each === undefined) continue
			const address = plainAddress(each)
			const container = containerName(names, endpoint.id)
			addresses.set(address, { address, kind: 'endpoint', endpointId: endpoint.id, container })
		}
	}
	return {
		network: summaryOf(host, names, network),
		pools: pools.map((pool) => poolView(host, names, pool, network)),
		addresses: [...addresses.values()],
	}
}

export function differenceView(names: Names, { networkId, endpointId, what }: Difference): DifferenceView {
	return {
		networkId: networkId ?? null,
		network: networkId === undefined ? null : networkName(names, networkId),
		endpointId: endpointId ?? null,
		container: endpointId === undefined ? null : containerName(names, endpointId),
		what,
	}
}

function nobodys(address: string, kind: AddressView['kind']): AddressView {
	return { address, kind, endpointId: null, container: null }
}

function summaryOf({ store }: Host, names: Names, network: Network): NetworkSummary {
	const { id, options, internal, settled } = network
	const endpoints = store.list('endpoint', id)
	return {
		id,
		name: networkName(names, id),
		listed: names.networks?.has(id) ?? null,
		mode: options.mode,
		subnets: subnetsOf(network).map(({ pool }) => pool),
		gateways: subnetsOf(network).flatMap(({ gateway }) => (gateway === undefined ? [] : [plainAddress(gateway)])),
		internal,
		bridge: hasBridge(network) ? network.bridge : null,
		parent: hasParent(network) ? network.parent : null,
		settled,
		endpoints: endpoints.length,
		ports: endpoints.reduce((sum, { published }) => sum + published.length, 0),
	}
}

function endpointView(host: Host, names: Names, network: Network, endpoint: Endpoint, shared: Shared): EndpointView {
	const { id, mac, link, ipv4, ipv6 } = endpoint
	return {
		id,
		container: containerName(names, id),
		ipv4: ipv4 ?? null,
		ipv6: ipv6 ?? null,
		mac,
		link: hasBridge(network) ? link : null,
		attached: isAlive(host, network, endpoint),
		ports: portsOf(names, endpoint, shared),
		beyond: shared.of(id).beyond,
	}
}

/** Also those that are refused. */
function portsOf(names: Names, { id, networkId, published }: Endpoint, shared: Pick<Shared, 'of'>): PortView[] {
	const [network, container] = [networkName(names, networkId), containerName(names, id)]
	const about = { networkId, network, endpointId: id, container }
	const view = (port: PublishedPort, refused: string | null) => {
		return { ...port, ...about, found: port.found === true, refused }
	}
	return [
		...published.map((port) => view(port, null)),
		...shared.of(id).refused.map(({ port, why }) => view(port, why)),
	]
}

function poolView({ store }: Host, names: Names, pool: Pool, network: Network | undefined): PoolView {
	const shared = networkWith(store, pool.id)
	const blocks = store.list('block', pool.id).map(({ block }) => block)
	const leases = store.list('lease', pool.id)
	const lent = store.list('loan', pool.id).map(({ address }) => address)
	const { size, used, free } =
		shared === undefined
			? usageOf(pool, leases)
			: shareOf(pool, { blocks, leases, withheld: [...lent, ...reservedIn(shared)] })
	return {
		pool: pool.pool,
		range: pool.range ?? null,
		blocks: shared === undefined ? null : blocks,
		size: Number(size),
		used: Number(used),
		free: Number(free),
		networkId: network?.id ?? null,
		network: network === undefined ? null : networkName(names, network.id),
	}
}

function subnetsOf({ ipv4, ipv6 }: Network): readonly Subnet[] {
	return [...ipv4, ...ipv6]
}

function poolsOf(network: Network): string[] {
	return subnetsOf(network).map(({ pool }) => pool)
}
