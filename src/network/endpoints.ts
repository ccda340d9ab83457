/** Endpoints are made, joined to a sandbox, left and deleted. The container's link exists between Join and Leave. */
import { setImmediate } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { WeftError } from '../errors.ts'
import type { LinkFacts } from '../kernel/host.ts'
import type { Resource } from '../kernel/resource.ts'
import { plainAddress } from '../model/address.ts'
import { freeName, linkName } from '../model/names.ts'
import { type Endpoint, hasBridge, hasParent, isOverlay, type LanNetwork, type Network } from '../model/network.ts'
import { modeOf, ownerModeOf } from '../modes/index.ts'
import { checkAddresses, type Designed, designEndpoint, identityOf } from './endpoint-design.ts'
import { drop, endpointKey, forgetFlows, type Host, needEndpoint, needNetwork, ownerOf, put } from './host.ts'
import type { EndpointAnswer, EndpointRequest, JoinAnswer } from './verbs.ts'

/** A record; the link, which dockerd wants at Join, is begun and not waited for. */
export function createEndpoint(host: Host, request: EndpointRequest): Promise<EndpointAnswer> {
	return host.mutex.run(request.networkId, async () => {
		const network = needNetwork(host, request.networkId)
		const existing = host.store.get('endpoint', request.networkId, request.id)
		const designed = designEndpoint(network, request)
		if (existing === undefined) {
			const beside = await besideOf(host, network)
			checkAddresses(network, designed, beside?.state.addresses ?? [])
			await clearAddresses(host, network, designed)
			prepare(host, network, await record(host, network, { ...designed, ...ownMtu(network, beside) }))
			if (request.publishes === true) tellOfPorts(host, network, designed)
		} else if (!isDeepStrictEqual(identityOf(existing), identityOf(designed))) {
			throw new WeftError('exists', `endpoint ${request.id} exists already with other settings`)
		}
		return request.mac === undefined && modeOf(network).ownMac ? { mac: designed.mac } : {}
	})
}

/** The link of somebody else's that containers share with the host; undefined where there is none, or a container has it to itself. */
async function besideOf({ facts }: Host, network: Network): Promise<LinkFacts | undefined> {
	if (hasParent(network)) return isPassthru(network) ? undefined : facts.link(network.parent)
	return hasBridge(network) && network.adopted !== undefined ? facts.link(network.bridge) : undefined
}

function isPassthru({ options }: LanNetwork): boolean {
	return options.mode === 'macvlan' && options.macvlanMode === 'passthru'
}

/** Of now: what was measured when the network was made may be another one than the bridge has. */
function ownMtu(network: Network, beside: LinkFacts | undefined): Pick<Endpoint, 'mtu'> {
	const follows = hasBridge(network) && network.options.mtu === undefined
	return !follows || isOverlay(network) || beside === undefined ? {} : { mtu: beside.mtu }
}

/** As Docker's drivers take `-p` and do nothing with it. */
function tellOfPorts(host: Host, network: Network, { ipv4, ipv6 }: Designed): void {
	if (!hasParent(network)) return
	const own = [ipv4, ipv6].flatMap((each) => (each === undefined ? [] : [plainAddress(each)])).join(' and ')
	const { mode } = network.options
	host.inform(
		`ports are not published on network ${network.id.slice(0, 12)}, of mode ${mode}: all are reached at ${own}`,
	)
}

/** With the link: a spare one, or one that Join makes. */
async function record(host: Host, network: Network, designed: Designed): Promise<Endpoint> {
	const spare = hasBridge(network) ? host.kernel.takeSpare() : undefined
	const endpoint: Endpoint = { ...designed, link: spare ?? newLinkName(host, designed.id) }
	host.links.add(endpoint.link)
	try {
		await host.store.commit([put(endpoint)])
		return endpoint
	} catch (error) {
		host.links.delete(endpoint.link)
		if (spare !== undefined) await host.kernel.remove(resourcesOf(network, endpoint)).catch(() => undefined)
		throw error
	}
}

/** While dockerd is on its way from this call to Join, which tries again and tells what fails. */
function prepare(host: Host, network: Network, endpoint: Endpoint): void {
	const work = async () => {
		// The answer goes out first.
		await setImmediate()
		// It may have been deleted by somebody who was waiting for its turn already.
		if (host.store.get('endpoint', network.id, endpoint.id)?.link !== endpoint.link) return
		await host.kernel.ensure(modeOf(network).attached(network, endpoint))
		host.prepared.add(endpoint.id)
	}
	void host.mutex.run(endpointKey(endpoint.id), work).catch(() => undefined)
}

function newLinkName(host: Host, id: string): string {
	// Also one that is only written down: its endpoint has yet to join.
	return freeName(
		(n) => linkName(id, n),
		(name) => host.kernel.hasLink(name) || host.links.has(name),
	)
}

/**
 * An address that Docker gives again is free for Docker: whoever has it here is left over from a call that got lost.
 * Only one with a live link is somebody's.
 */
async function clearAddresses(host: Host, network: Network, wanted: Designed): Promise<void> {
	for (const other of host.store.list('endpoint', network.id)) {
		const [address] = [wanted.ipv4, wanted.ipv6].filter(
			(each) => each !== undefined && [other.ipv4, other.ipv6].includes(each),
		)
		if (address === undefined) continue
		if (await isUsed(host, network, other))
			throw new WeftError('in-use', `the address ${address} is in use by endpoint ${other.id}`)
		await removeEndpoint(host, network, other.id)
	}
}

/**
 * Whether a container may have it: it has not left, and its link is in a sandbox. Where that is on this host, dockerd has moved it back from
 * one that is no more; where the host's end is gone, the sandbox took both with it. Of what has no end on the host
 * nothing speaks against it.
 */
export function isAlive(host: Host, network: Network, endpoint: Endpoint): boolean {
	if (endpoint.left === true) return false
	const link = modeOf(network).link(network, endpoint)
	if (link === undefined) return true
	const { name, hostEnd } = link
	return !host.kernel.hasLink(name) && (hostEnd === undefined || host.kernel.hasLink(hostEnd))
}

/** Whether a container has it, by what the kernel tells: of what has no end on the host, the container's own side does. */
export async function isUsed(host: Host, network: Network, endpoint: Endpoint): Promise<boolean> {
	if (isHeld(host, network, endpoint)) return true
	const lan = modeOf(network)
		.attached(network, endpoint)
		.find((each) => each.kind === 'lan')
	const addresses = [endpoint.ipv4, endpoint.ipv6].filter((each) => each !== undefined)
	return lan !== undefined && (await host.kernel.isElsewhere(lan, addresses))
}

/** Whether a container has it for certain, as the host's own end of its link tells. */
export function isHeld(host: Host, network: Network, endpoint: Endpoint): boolean {
	return modeOf(network).link(network, endpoint)?.hostEnd !== undefined && isAlive(host, network, endpoint)
}

export function deleteEndpoint(host: Host, networkId: string, endpointId: string): Promise<void> {
	return host.mutex.run(endpointKey(endpointId), async () => {
		const network = host.store.get('network', '', networkId)
		const endpoint = host.store.get('endpoint', networkId, endpointId)
		if (network !== undefined && endpoint !== undefined) await remove(host, network, endpoint)
	})
}

/** For whoever holds the network's mutex already. As it is on record by then: its ports may be on the way. */
export function removeEndpoint(host: Host, network: Network, id: string): Promise<void> {
	return host.mutex.run(endpointKey(id), async () => {
		const endpoint = host.store.get('endpoint', network.id, id)
		if (endpoint !== undefined) await remove(host, network, endpoint)
	})
}

async function remove(host: Host, network: Network, endpoint: Endpoint): Promise<void> {
	await takeAway(host, network, endpoint)
	await host.store.commit([drop(endpoint)])
	host.links.delete(endpoint.link)
}

async function takeAway(host: Host, network: Network, endpoint: Endpoint): Promise<void> {
	host.prepared.delete(endpoint.id)
	const owner = ownerOf(host, network)
	try {
		// Its link there goes with the host's end.
		if (owner !== undefined && owner !== host.kernel) await owner.remove(ownedBy(network, endpoint))
	} finally {
		await host.kernel.remove(resourcesOf(network, endpoint))
	}
	if (owner !== undefined) void forgetFlows(host, owner, { closed: endpoint.published, opened: [] })
}

/** All that an endpoint can have with its network's owner. */
export function ownedBy(network: Network, endpoint: Endpoint): Resource[] {
	const mode = ownerModeOf(network)
	return [...mode.attached(network, endpoint), ...mode.published(network, endpoint)]
}

/** All that an endpoint can have in the kernel. */
export function resourcesOf(network: Network, endpoint: Endpoint): Resource[] {
	const mode = modeOf(network)
	return [...mode.attached(network, endpoint), ...mode.published(network, endpoint)]
}

/** Writes no record: the link's name is on record since CreateEndpoint, and whether it exists the kernel knows, unless it had left. */
export function join(host: Host, networkId: string, endpointId: string): Promise<JoinAnswer> {
	return host.mutex.run(endpointKey(endpointId), async () => {
		const network = needNetwork(host, networkId)
		const { left, ...endpoint } = needEndpoint(host, networkId, endpointId)
		if (left === true) await host.store.commit([put(endpoint)])
		const mode = modeOf(network)
		if (!host.prepared.delete(endpointId)) await host.kernel.ensure(mode.attached(network, endpoint))
		const { onLink = [], routes = [], ...attachment } = mode.attachment(network, endpoint)
		const link = mode.link(network, endpoint)
		if (link === undefined) return { ...attachment, routes: [] }
		const { interfaceName } = endpoint
		const names = { prefix: link.prefix, ...(interfaceName ? { name: interfaceName } : {}) }
		const all = [...onLink.map((destination) => ({ destination })), ...routes]
		return { ...attachment, link: link.name, ...names, routes: all }
	})
}

/** Takes the link away before dockerd moves it out of the sandbox: a move costs as much again as the deletion. */
export function leave(host: Host, networkId: string, endpointId: string): Promise<void> {
	return host.mutex.run(endpointKey(endpointId), async () => {
		const network = host.store.get('network', '', networkId)
		const endpoint = host.store.get('endpoint', networkId, endpointId)
		if (network !== undefined && endpoint !== undefined) await detach(host, network, endpoint)
	})
}

/** What a container's end leaves behind is only the record, until Docker deletes it. */
export async function detach(host: Host, network: Network, endpoint: Endpoint): Promise<void> {
	await takeAway(host, network, endpoint)
	const leaves = hasParent(network) && network.shim !== undefined && endpoint.left !== true
	if (endpoint.published.length === 0 && !leaves) return
	await host.store.commit([put({ ...endpoint, published: [], ...(leaves ? { left: true } : {}) })])
}
