/** Publishes on its owner what a container listens on, and takes back what it listens on no more. A port that is taken stays with its owner. */
import { messageOf } from '../errors.ts'
import type { HostPort } from '../kernel/resource.ts'
import type { OwnerKernel } from '../kernel/verbs.ts'
import { type BridgeNetwork, type Endpoint, hasBridge, type Network, type PublishedPort } from '../model/network.ts'
import { ownerModeOf } from '../modes/index.ts'
import { isAlive } from './endpoints.ts'
import { endpointKey, type Host, ownerOf, put } from './host.ts'
import { change, holderOf, hostPortOf, missing, putBack } from './publish.ts'

/** A port that a container listens on, and that is not on its owner. */
export interface RefusedPort {
	readonly port: PublishedPort
	/** For people. */
	readonly why: string
}

/** Of so many refusals at once it is found out who has the port, which may take a second for each. */
const MOST_NAMED = 8

/**
 * Those of `wanted` that are refused; those of them that were in `known` keep their reason. None where the container has
 * left meanwhile, or its owner runs no more.
 */
export async function publishFound(
	host: Host,
	{ networkId, id }: Pick<Endpoint, 'networkId' | 'id'>,
	wanted: readonly PublishedPort[],
	known: readonly RefusedPort[],
): Promise<readonly RefusedPort[]> {
	const done = await host.mutex.run(endpointKey(id), async () => {
		const network = host.store.get('network', '', networkId)
		const endpoint = host.store.get('endpoint', networkId, id)
		if (network === undefined || endpoint === undefined || !hasBridge(network)) return undefined
		const owner = ownerOf(host, network)
		if (owner === undefined || !isAlive(host, network, endpoint)) return undefined
		const asked = endpoint.published.filter((each) => each.found !== true)
		const [held, refused] = await hold(owner, network, endpoint, missing(wanted, asked, hostPortOf))
		const after = { ...endpoint, published: [...asked, ...held] }
		if (!isSame(endpoint.published, after.published)) await changeWhole(host, owner, network, endpoint, after)
		return { owner, network, endpoint, refused }
	})
	if (done === undefined) return []
	const { owner, network, endpoint, refused } = done
	// While Docker's calls for this container need not wait.
	return reasonsOf(host, owner, network, endpoint, refused, known)
}

/** Of networks whose containers are without an owner from now on, or with another one, where they are found anew. */
export async function forgetPortsOf(host: Host, networks: readonly Network[]): Promise<void> {
	for (const each of networks.flatMap(({ id }) => host.store.list('endpoint', id))) {
		if (each.published.length > 0) await host.mutex.run(endpointKey(each.id), () => forgetPorts(host, each))
	}
}

/** For whoever holds the endpoint's mutex. */
export async function forgetPorts(host: Host, { networkId, id }: Pick<Endpoint, 'networkId' | 'id'>): Promise<void> {
	const endpoint = host.store.get('endpoint', networkId, id)
	if (endpoint === undefined || endpoint.published.length === 0) return
	await host.store.commit([put({ ...endpoint, published: [] })])
}

function isSame(before: readonly PublishedPort[], after: readonly PublishedPort[]): boolean {
	const [gone, fresh] = [missing(before, after, JSON.stringify), missing(after, before, JSON.stringify)]
	return gone.length + fresh.length === 0
}

async function changeWhole(
	host: Host,
	owner: OwnerKernel,
	network: BridgeNetwork,
	before: Endpoint,
	after: Endpoint,
): Promise<void> {
	try {
		await change(host, owner, network, before, after)
	} catch (error) {
		await putBack(host, owner, network, after, before)
		throw error
	}
}

/** Those that could be held, and what was said of the others, for whatever reason: one port does not keep others away. */
async function hold(
	owner: OwnerKernel,
	network: BridgeNetwork,
	endpoint: Endpoint,
	wanted: readonly PublishedPort[],
): Promise<[held: PublishedPort[], refused: RefusedPort[]]> {
	const held: PublishedPort[] = []
	const refused: RefusedPort[] = []
	for (const port of wanted) {
		try {
			await owner.ensure(hostPorts(network, endpoint, port))
			held.push(port)
		} catch (error) {
			refused.push({ port, why: messageOf(error) })
		}
	}
	return [held, refused]
}

async function reasonsOf(
	host: Host,
	owner: OwnerKernel,
	network: BridgeNetwork,
	endpoint: Endpoint,
	refused: readonly RefusedPort[],
	known: readonly RefusedPort[],
): Promise<RefusedPort[]> {
	const before = new Map(known.map((each) => [hostPortOf(each.port), each]))
	let named = 0
	const reasons: RefusedPort[] = []
	for (const { port, why } of refused) {
		const same = before.get(hostPortOf(port))
		if (same !== undefined) reasons.push(same)
		else if (named++ >= MOST_NAMED) reasons.push({ port, why })
		else {
			const holder = await holderOf(host, owner, endpoint, hostPorts(network, endpoint, port))
			reasons.push({ port, why: holder === undefined ? why : `${why} by ${holder}` })
		}
	}
	return reasons
}

function hostPorts(network: BridgeNetwork, endpoint: Endpoint, port: PublishedPort): HostPort[] {
	const plan = ownerModeOf(network).published(network, { ...endpoint, published: [port] })
	return plan.filter((each) => each.kind === 'port')
}
