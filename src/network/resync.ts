/** What is stored is made true again: at start, with what a crash left half made taken away, and after others' changes. */
import { messageOf, within } from '../errors.ts'
import { PartlyRepaired } from '../keeper.ts'
import type { Resource } from '../kernel/resource.ts'
import type { Endpoint, Network } from '../model/network.ts'
import { modeOf } from '../modes/index.ts'
import { detach, isAlive, resourcesOf } from './endpoints.ts'
import { endpointKey, type Host, keepSpares, settledNetworks } from './host.ts'
import { undo } from './leftovers.ts'

export interface Resynced {
	readonly networks: number
	readonly endpoints: number
	/** Endpoints whose container went without a Leave: only their records are kept, until Docker deletes them. */
	readonly dead: number
}

/** Docker replays nothing: after a reboot there is no bridge, and no call that would ask for one. */
export async function resync(host: Host, observed: readonly Resource[]): Promise<Resynced> {
	const all = host.store.list('network', '')
	for (const { link } of all.flatMap(({ id }) => host.store.list('endpoint', id))) host.links.add(link)
	const networks = settledNetworks(host)
	const endpoints = networks.flatMap((network) =>
		host.store.list('endpoint', network.id).map((each) => ({ network, each })),
	)
	const states = await Promise.all(endpoints.map(({ network, each }) => isWanted(host, network, each)))
	const alive = endpoints.filter((_, i) => states[i])
	const dead = endpoints.filter((_, i) => !states[i])
	const plan = [
		...observed,
		...networks.flatMap((network) => modeOf(network).network(network)),
		...alive.flatMap(({ network, each }) => resourcesOf(network, each)),
	]
	for (const error of await host.kernel.restore(plan)) host.warn(error, `not restored: ${messageOf(error)}`)
	for (const { network, each } of dead) {
		await attempt(host, `what is left of endpoint ${each.id}`, () => detach(host, network, each))
	}
	await undo(host)
	await attempt(host, 'spare links', () => host.kernel.adoptSpares(host.links))
	void keepSpares(host)
	return { networks: networks.length, endpoints: alive.length, dead: dead.length }
}

/**
 * Also a link that dockerd, which was answered by the process before, is on its way to take; and one of which the kernel
 * does not tell, since it may be in use.
 */
async function isWanted(host: Host, network: Network, endpoint: Endpoint): Promise<boolean> {
	// Whose link may be on the host, on its way to where it ends.
	if (endpoint.left === true) return false
	try {
		return isAlive(host, network, endpoint) || (await host.kernel.isAwaited(endpoint.link))
	} catch (error) {
		host.warn(error, `the container of endpoint ${endpoint.id} is taken for running: ${messageOf(error)}`)
		return true
	}
}

/**
 * The same of one network, while weft runs: what others took away of its links and addresses, and ports that are not held, in
 * words. @throws PartlyRepaired where endpoints could not be put right
 */
export function repairNetwork(host: Host, id: string): Promise<readonly string[]> {
	return host.mutex.run(id, async () => {
		const network = host.store.get('network', '', id)
		if (network?.settled !== true) return []
		const found = [...(await host.kernel.repair(modeOf(network).network(network)))]
		const errors: unknown[] = []
		for (const endpoint of host.store.list('endpoint', id)) {
			try {
				found.push(...(await repairEndpoint(host, network, endpoint.id)))
			} catch (error) {
				errors.push(within(`endpoint ${endpoint.id.slice(0, 12)}`, error))
			}
		}
		if (errors.length > 0) throw new PartlyRepaired(found, errors)
		return found
	})
}

function repairEndpoint(host: Host, network: Network, id: string): Promise<readonly string[]> {
	return host.mutex.run(endpointKey(id), async () => {
		const endpoint = host.store.get('endpoint', network.id, id)
		if (endpoint === undefined || endpoint.left === true) return []
		const hostEnd = modeOf(network).link(network, endpoint)?.hostEnd
		const gone = hostEnd !== undefined && !host.kernel.hasLink(hostEnd)
		return gone ? [] : host.kernel.repair(resourcesOf(network, endpoint))
	})
}

async function attempt(host: Host, what: string, work: () => Promise<void>): Promise<void> {
	try {
		await work()
	} catch (error) {
		host.warn(error, `${what} cannot be taken away; it is tried again later`)
	}
}
