/** Networks come and go. A record is written before the kernel is touched and goes after it. */
import { isDeepStrictEqual } from 'node:util'
import { WeftError } from '../errors.ts'
import { identity, type Resource } from '../kernel/resource.ts'
import { hasParent, isOverlay, type Network } from '../model/network.ts'
import type { PerFamily } from '../model/options.ts'
import { modeOf, modes } from '../modes/index.ts'
import { designBridge } from './bridge-design.ts'
import { removeEndpoint } from './endpoints.ts'
import { CHOICE, drop, dropSighting, type Host, keepPassage, keepSpares, put, putSighting, SIGHTINGS } from './host.ts'
import { designLan } from './lan-design.ts'
import { checkFamilies, parseOptions } from './options.ts'
import { designOverlay, enterCluster } from './overlay-design.ts'
import type { NetworkRequest } from './verbs.ts'

export function skipsGateway({ options, internal }: Pick<NetworkRequest, 'options' | 'internal'>): PerFamily<boolean> {
	const parsed = parseOptions(options)
	return modes[parsed.mode].skipsGateway(parsed, internal)
}

export function createNetwork(host: Host, request: NetworkRequest): Promise<void> {
	return host.mutex.run(request.id, async () => {
		const existing = host.store.get('network', '', request.id)
		if (existing !== undefined) mustBeSame(existing, request)
		else await enter(host, request)
		await make(host, existing ?? (await intend(host, request)))
		void keepSpares(host)
		// Looks only for the first network. Up to 27 Docker takes its chain out of FORWARD for a moment when this returns.
		await keepPassage(host)
	})
}

/** Before others have to wait for this network's turn: the cluster may take long. */
async function enter(host: Host, request: NetworkRequest): Promise<void> {
	const options = parseOptions(request.options)
	if (options.mode === 'overlay') await enterCluster(host, request, options)
}

/** Decides and writes down, one network after the other: no two may choose the same bridge or subnet. */
function intend(host: Host, request: NetworkRequest): Promise<Network> {
	return host.mutex.run(CHOICE, async () => {
		const network = await design(host, request)
		const unanswered = putSighting({ networkId: network.id, pools: poolsOf(host, request) })
		await host.store.commit([put(network), unanswered])
		return network
	})
}

/** Those of weft's IPAM with its subnets. */
function poolsOf({ store }: Host, { ipv4, ipv6 }: NetworkRequest): string[] {
	const subnets = [...ipv4, ...ipv6].map(({ pool }) => pool)
	const pools = store.list('pool', '').filter(({ pool }) => subnets.includes(pool))
	return pools.map(({ id }) => id)
}

/** Somebody has had the answer to its creation. Not worth making anybody wait for. */
export async function networkAnswered(host: Host, networkId: string): Promise<void> {
	const work = async () => {
		const sighting = host.store.get('sighting', '', networkId)
		// Docker may have told of it by now, which is to be remembered.
		if (sighting !== undefined && sighting.engine === undefined) await host.store.commit([dropSighting(networkId)])
	}
	await host.mutex
		.run(SIGHTINGS, work)
		.catch((error: unknown) => host.warn(error, `network ${networkId} stays marked as one that nobody knows of`))
}

async function design(host: Host, request: NetworkRequest): Promise<Network> {
	const { id, internal, ipv4, ipv6 } = request
	const options = parseOptions(request.options)
	checkFamilies(request.options, { 4: ipv4.length > 0, 6: ipv6.length > 0 })
	const asked = { id, internal, ipv4, ipv6, settled: false }
	switch (options.mode) {
		case 'bridge':
		case 'host':
		case 'container':
			return designBridge(host, { ...asked, options })
		case 'macvlan':
		case 'ipvlan':
			return designLan(host, { ...asked, options })
		case 'overlay':
			return designOverlay(host, { ...asked, options })
		case 'none':
			return { ...asked, options }
	}
}

function mustBeSame(existing: Network, request: NetworkRequest): void {
	const { internal, ipv4, ipv6 } = request
	const options = parseOptions(request.options)
	const asked = { options, internal, ipv4, ipv6 }
	const have = { options: existing.options, internal: existing.internal, ipv4: existing.ipv4, ipv6: existing.ipv6 }
	if (isDeepStrictEqual(asked, have)) return
	throw new WeftError('exists', `network ${request.id} exists already with other settings`)
}

async function make(host: Host, network: Network): Promise<void> {
	const plan = modeOf(network).network(network)
	try {
		await host.kernel.ensure(plan)
	} catch (error) {
		// What is left in the kernel keeps its record, until it can be taken away.
		const nothingLeft = !(error instanceof AggregateError)
		if (!network.settled && nothingLeft) await host.store.commit([drop(network), dropSighting(network.id)])
		throw error
	}
	if (!network.settled) await host.store.commit([put({ ...network, settled: true })])
}

export function deleteNetwork(host: Host, networkId: string): Promise<void> {
	return host.mutex.run(networkId, async () => {
		const network = host.store.get('network', '', networkId)
		if (network !== undefined) await unmake(host, network)
		await forgetSighting(host, networkId)
		await Promise.all([keepPassage(host), keepSpares(host)])
	})
}

/** Not one with pools that were never released: what is left of it, only Docker can tell. */
async function forgetSighting(host: Host, networkId: string): Promise<void> {
	const sighting = host.store.get('sighting', '', networkId)
	if (sighting?.pools.length === 0) await host.store.commit([dropSighting(networkId)])
}

/** Also of what a failed or interrupted creation left. Docker asks only once: what fails here is tried again later. */
export async function unmake(host: Host, network: Network): Promise<void> {
	if (network.settled) await host.store.commit([put({ ...network, settled: false })])
	for (const { id } of host.store.list('endpoint', network.id)) await removeEndpoint(host, network, id)
	const forget = async () => {
		await host.kernel.remove(ownResources(host, network))
		await host.store.commit([drop(network)])
	}
	// Of two that have something together, the second to go takes it away.
	await (sharesLinks(network) ? host.mutex.run(CHOICE, forget) : forget())
}

function sharesLinks(network: Network): boolean {
	return hasParent(network) || isOverlay(network)
}

/** What it has, but for what another network has too. */
export function ownResources(host: Host, network: Network): Resource[] {
	const plan = modeOf(network).network(network)
	if (!sharesLinks(network)) return plan
	const others = host.store.list('network', '').filter(({ id }) => id !== network.id)
	const theirs = new Set(others.filter(sharesLinks).flatMap((each) => modeOf(each).network(each).map(identity)))
	return plan.filter((each) => !theirs.has(identity(each)))
}
