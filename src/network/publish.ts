/** Publishes ports and takes them back. Publishing replaces: dockerd sends the whole list again when a gateway moves. */
import { invalid, isCode } from '../errors.ts'
import { type HostPort, identity } from '../kernel/resource.ts'
import type { OwnerKernel } from '../kernel/verbs.ts'
import {
	type BridgeNetwork,
	type Endpoint,
	hasBridge,
	isOwned,
	type PortRequest,
	type PublishedPort,
} from '../model/network.ts'
import { modeOf, ownerModeOf } from '../modes/index.ts'
import { endpointKey, forgetFlows, type Host, needEndpoint, needNetwork, put } from './host.ts'
import { bindingOf, candidates, noPortLeft, wantsOne } from './ports.ts'

/** Where the search for an ephemeral port goes on, so that a port that was just given back is not given at once. */
let nextEphemeral = Math.floor(Math.random() * 0xffff)

export function publish(
	host: Host,
	networkId: string,
	endpointId: string,
	ports: readonly PortRequest[],
): Promise<void> {
	return host.mutex.run(endpointKey(endpointId), async () => {
		const network = needNetwork(host, networkId)
		const endpoint = needEndpoint(host, networkId, endpointId)
		if (isOwned(network)) mustBeNone(network.options.container, ports)
		else if (hasBridge(network)) await replace(host, network, endpoint, ports)
	})
}

/** As with Docker's own `--net container:NAME`. */
function mustBeNone(owner: string, [port]: readonly PortRequest[]): void {
	if (port === undefined) return
	const what = `port ${port.containerPort}/${port.protocol} cannot be published by a container of mode container`
	throw invalid(`${what}: what it listens on is at the addresses of container ${owner}, which can publish it`)
}

export function unpublish(host: Host, networkId: string, endpointId: string): Promise<void> {
	return host.mutex.run(endpointKey(endpointId), async () => {
		const network = host.store.get('network', '', networkId)
		const endpoint = host.store.get('endpoint', networkId, endpointId)
		if (network === undefined || endpoint === undefined || !hasBridge(network) || isOwned(network)) return
		await replace(host, network, endpoint, [])
	})
}

/**
 * The ports themselves are taken before the record is written, because only taking them tells whether they are free;
 * they go with the process, so a crash in between leaves nothing.
 */
async function replace(
	host: Host,
	network: BridgeNetwork,
	before: Endpoint,
	ports: readonly PortRequest[],
): Promise<void> {
	if (ports.length === 0 && before.published.length === 0) return
	let after: Endpoint = { ...before, published: [] }
	try {
		for (const request of ports) {
			const chosen = await choose(host, network, before, after, request)
			after = { ...after, published: [...after.published, ...chosen] }
		}
		// What is asked for goes before what was found.
		const found = before.published.filter((each) => each.found === true)
		after = { ...after, published: [...after.published, ...missing(found, after.published, hostPortOf)] }
		await change(host, host.kernel, network, before, after)
	} catch (error) {
		await putBack(host, host.kernel, network, after, before)
		throw error
	}
}

/** From one record of an endpoint to another with other ports, which the owner holds already. */
export async function change(
	host: Host,
	owner: OwnerKernel,
	network: BridgeNetwork,
	before: Endpoint,
	after: Endpoint,
): Promise<void> {
	const { published: plan } = ownerModeOf(network)
	await host.store.commit([put(after)])
	await owner.remove(missing(plan(network, before), plan(network, after), identity))
	await owner.ensure(plan(network, after))
	const closed = missing(before.published, after.published, JSON.stringify)
	// Also what was open before: a crash may have come between the record and this.
	void forgetFlows(host, owner, { closed, opened: after.published })
}

/** Goes on to the end: the error that led here is the one to tell, and what cannot be put back now is logged. */
export async function putBack(
	host: Host,
	owner: OwnerKernel,
	network: BridgeNetwork,
	after: Endpoint,
	before: Endpoint,
): Promise<void> {
	const { published: plan } = ownerModeOf(network)
	const warn = (error: unknown) => host.warn(error, `the ports of endpoint ${before.id} are not as they were`)
	await owner.remove(missing(plan(network, after), plan(network, before), identity)).catch(warn)
	await owner.ensure(plan(network, before)).catch(warn)
	await host.store.commit([put(before)]).catch(warn)
}

/** Those of `from` that `to` does not have. */
export function missing<T>(from: readonly T[], to: readonly T[], key: (each: T) => string): T[] {
	const kept = new Set(to.map(key))
	return from.filter((each) => !kept.has(key(each)))
}

/** What two endpoints, or two ports of one, cannot have both. */
export function hostPortOf({ protocol, hostIp, hostPort }: PublishedPort): string {
	return `${protocol} ${hostIp} ${hostPort}`
}

async function choose(
	host: Host,
	network: BridgeNetwork,
	before: Endpoint,
	after: Endpoint,
	request: PortRequest,
): Promise<PublishedPort[]> {
	const binding = bindingOf(network, before, request)
	const plan = (published: readonly PublishedPort[]) =>
		modeOf(network)
			.published(network, { ...after, published })
			.filter((each) => each.kind === 'port')
	const taken = new Set(plan(after.published).map(identity))
	const [first, last] = host.facts.ephemeralPorts()
	const start = nextEphemeral++ % (last - first + 1)
	let refusal: unknown
	for (const port of candidates(request, [first, last], start, before.published)) {
		const wanted = plan(binding(port))
		if (wanted.some((each) => taken.has(identity(each)))) continue
		try {
			await host.kernel.ensure(wanted)
			return binding(port)
		} catch (error) {
			if (!isCode(error, 'in-use')) throw error
			refusal = error
		}
	}
	const holder = wantsOne(request)
		? await holderOf(host, host.kernel, before, plan(binding(request.hostPort)))
		: undefined
	throw noPortLeft(request, refusal, holder)
}

/** In words, who has one of these ports that `endpoint` wants; undefined where nobody can be seen. */
export async function holderOf(
	host: Host,
	owner: OwnerKernel,
	endpoint: Endpoint,
	ports: readonly HostPort[],
): Promise<string | undefined> {
	for (const port of ports) {
		const holder = await owner.holderOf(port)
		if (holder === undefined) continue
		if (!('owner' in holder)) return `${holder.name} (pid ${holder.pid})`
		return holder.owner === endpoint.id ? 'the same container' : nameOf(host, holder.owner)
	}
	return undefined
}

function nameOf(host: Host, endpointId: string): string {
	const networks = host.store.list('network', '')
	const network = networks.find(({ id }) => host.store.get('endpoint', id, endpointId) !== undefined)
	const endpoint = `endpoint ${endpointId.slice(0, 12)}`
	return network === undefined ? endpoint : `${endpoint} of network ${network.id.slice(0, 12)}`
}
