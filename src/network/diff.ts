/** What is on record held against the kernel, here and with containers that own networks: what is missing there, and what is too much. Changes nothing. */
import { messageOf } from '../errors.ts'
import type { Resource } from '../kernel/resource.ts'
import { isOwnName } from '../model/names.ts'
import { type Endpoint, hasBridge, hasParent, isOverlay, isOwned, type Network, ownerName } from '../model/network.ts'
import { modeOf, ownerModeOf } from '../modes/index.ts'
import { linkAcross } from '../modes/overlay.ts'
import { isAlive, ownedBy, resourcesOf } from './endpoints.ts'
import { bridgesOf, endpointKey, type Host, settledNetworks } from './host.ts'

export interface Difference {
	/** Id of the network that it belongs to; absent where that is not known. */
	readonly networkId?: string
	/** Id of the endpoint that it belongs to. */
	readonly endpointId?: string
	/** For people. */
	readonly what: string
}

/** What cannot be compared is a difference too. Takes no lock before it has seen something. */
export async function diff(host: Host): Promise<Difference[]> {
	const found: Difference[] = []
	for (const { id } of host.store.list('network', '')) {
		const seen = await networkDiff(host, id, (_id, work) => work())
		// Again when nobody is at it: what it saw may have been a call of Docker's half way through.
		if (seen.length > 0) found.push(...(await host.mutex.run(id, () => networkDiff(host, id, locked(host)))))
	}
	const stray = (await strays(host)).map((name) => `link ${name} is of no network`)
	found.push(...(await ownersTables(host)))
	const tables = await host.kernel.compareTables().catch((error: unknown) => [messageOf(error)])
	const others = [...tables, ...(await gates(host)), ...stray]
	return [...found, ...others.map((what) => ({ what }))]
}

type Guard = <T>(id: string, work: () => Promise<T>) => Promise<T>

function locked(host: Host): Guard {
	return (id, work) => host.mutex.run(endpointKey(id), work)
}

async function networkDiff(host: Host, id: string, guard: Guard): Promise<Difference[]> {
	const network = host.store.get('network', '', id)
	if (network === undefined) return []
	if (!network.settled) return [{ networkId: id, what: 'network was left half made, or half taken away' }]
	const own = await host.kernel.differences(modeOf(network).network(network))
	const owners = await ownersDifferences(host, network, () => ownerModeOf(network).network(network))
	const found: Difference[] = [...own, ...owners].map((what) => ({ networkId: id, what }))
	for (const { id: endpointId } of host.store.list('endpoint', id)) {
		found.push(...(await guard(endpointId, () => endpointDiff(host, network, endpointId))))
	}
	return found
}

async function endpointDiff(host: Host, network: Network, id: string): Promise<Difference[]> {
	const endpoint = host.store.get('endpoint', network.id, id)
	if (endpoint === undefined || endpoint.left === true) return []
	const own = await host.kernel.differences(wantedOf(host, network, endpoint))
	const isThere = isAlive(host, network, endpoint)
	const owners = await ownersDifferences(host, network, () => (isThere ? ownedBy(network, endpoint) : []))
	return [...own, ...owners].map((what) => ({ networkId: network.id, endpointId: id, what }))
}

/** Of what is with the container that owns a network, while it runs. */
async function ownersDifferences(
	{ owners }: Host,
	network: Network,
	wanted: () => readonly Resource[],
): Promise<string[]> {
	if (!isOwned(network)) return []
	const owner = owners.get(network.id)
	if (owner === undefined) return []
	const found = await owner.differences(wanted()).catch((error: unknown) => {
		// It ended meanwhile.
		return owners.get(network.id) === owner ? [messageOf(error)] : []
	})
	return found.map((what) => `with ${ownerName(network)}, ${what}`)
}

/** One owner may have several networks; what is amiss with its tables is said of one of them. */
async function ownersTables(host: Host): Promise<Difference[]> {
	const networks = settledNetworks(host).filter(isOwned)
	const owned = new Map(
		networks.flatMap((each) => {
			const owner = host.owners.get(each.id)
			return owner === undefined ? [] : [[owner, each] as const]
		}),
	)
	const found: Difference[] = []
	for (const [owner, network] of owned) {
		const tables = await owner.compareTables().catch((error: unknown) => {
			return host.owners.get(network.id) === owner ? [messageOf(error)] : []
		})
		found.push(...tables.map((what) => ({ networkId: network.id, what: `with ${ownerName(network)}, ${what}` })))
	}
	return found
}

/** Of an endpoint whose link is gone nothing else is wanted: all of it goes with the link. */
function wantedOf(host: Host, network: Network, endpoint: Endpoint): readonly Resource[] {
	const wanted = resourcesOf(network, endpoint)
	const link = wanted.find((each) => each.kind === 'veth')
	return link === undefined || host.kernel.hasLink(link.name) ? wanted : [link]
}

/** The links that a network's containers hang on, sit on, or are reached by, also from other hosts. */
function linksOf(network: Network): string[] {
	if (hasBridge(network)) return [network.bridge, ...(isOverlay(network) ? [linkAcross(network)] : [])]
	return hasParent(network) ? [network.parent, ...(network.shim === undefined ? [] : [network.shim.name])] : []
}

/** The rule that lets weft's packets pass through iptables. */
async function gates(host: Host): Promise<string[]> {
	const places = await host.kernel.acceptPlaces(() => bridgesOf(host))
	return places.flatMap(({ program, chain, right }) => {
		if (right) return []
		return `the rule for weft's packets in ${program} was ${chain === undefined ? 'gone' : `in ${chain}, out of its place`}`
	})
}

/** Links with names of weft's that no record has. The record of a link is there before it and goes after it. */
export async function strays(host: Host): Promise<string[]> {
	const links = (await host.kernel.links()).filter(isOwnName)
	const networks = host.store.list('network', '')
	const known = new Set([
		...networks.flatMap((network) => linksOf(network)),
		...networks.flatMap(({ id }) => host.store.list('endpoint', id).map(({ link }) => link)),
	])
	return links.filter((name) => !known.has(name) && host.kernel.hasLink(name))
}
