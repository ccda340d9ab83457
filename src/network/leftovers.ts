/**
 * What is left in the kernel of calls that broke off, and of containers that went without a word, is taken away, and links of
 * weft's that no record has.
 */
import { mayBeLinkName, peerName } from '../model/names.ts'
import type { Endpoint, Network } from '../model/network.ts'
import { modeOf } from '../modes/index.ts'
import { strays } from './diff.ts'
import { detach, isAlive, resourcesOf } from './endpoints.ts'
import { endpointKey, type Host, settledNetworks } from './host.ts'
import { unmake } from './networks.ts'

/** Milliseconds that dockerd may take from the answer to Join until it fetches the link: far more than it ever does. */
const FETCH = 240_000

export class Leftovers {
	readonly #host: Host
	/** Since when a link has been seen on the host that belongs into a container, or to nobody, by its name. */
	#seen = new Map<string, number>()

	constructor(host: Host) {
		this.#host = host
	}

	/** What was taken away, for people. The records of endpoints stay, until Docker deletes them. */
	async clear(): Promise<readonly string[]> {
		const done = [...(await undo(this.#host))]
		const seen = new Map<string, number>()
		for (const network of settledNetworks(this.#host)) {
			for (const endpoint of this.#host.store.list('endpoint', network.id)) {
				const since = this.#onHostSince(network, endpoint)
				if (since !== undefined && performance.now() - since < FETCH) seen.set(endpoint.link, since)
				else if (await this.#clearDead(network, endpoint.id)) {
					done.push(`took away what endpoint ${endpoint.id.slice(0, 12)} had, which is in no container`)
				}
			}
		}
		done.push(...(await this.#clearStrays(seen)))
		this.#seen = seen
		return done
	}

	/** Of a pair with one end in a container, and of other kinds of link, nobody knows who has it. */
	async #clearStrays(seen: Map<string, number>): Promise<readonly string[]> {
		const { kernel } = this.#host
		const done: string[] = []
		for (const name of await strays(this.#host)) {
			const peer = peerName(name)
			if (!mayBeLinkName(name) || !kernel.hasLink(peer)) continue
			const since = this.#seen.get(name) ?? performance.now()
			if (performance.now() - since < FETCH) {
				seen.set(name, since)
				continue
			}
			await kernel.remove([{ kind: 'veth', name, peer, peerMac: '', master: '', mtu: 0 }])
			done.push(`took away link ${name}, which was of no network and in no container`)
		}
		return done
	}

	/** Since when the container's end of the link has been here, as far as was seen; undefined while it is not. */
	#onHostSince(network: Network, endpoint: Endpoint): number | undefined {
		const link = modeOf(network).link(network, endpoint)
		if (link === undefined || !this.#host.kernel.hasLink(link.name)) return undefined
		return this.#seen.get(endpoint.link) ?? performance.now()
	}

	/** True where there was something. */
	#clearDead(network: Network, id: string): Promise<boolean> {
		return this.#host.mutex.run(endpointKey(id), async () => {
			const endpoint = this.#host.store.get('endpoint', network.id, id)
			if (endpoint === undefined || isAlive(this.#host, network, endpoint)) return false
			// Made since it was looked at.
			const isNew = this.#onHostSince(network, endpoint) !== undefined && !this.#seen.has(endpoint.link)
			const left = resourcesOf(network, endpoint).filter(({ kind }) => kind !== 'sysctl')
			if (isNew || !left.some((resource) => this.#host.kernel.has(resource))) return false
			await detach(this.#host, network, endpoint)
			return true
		})
	}
}

/** Takes away what is left of networks whose creation or removal broke off; of those that are gone, in words. */
export async function undo(host: Host): Promise<readonly string[]> {
	const done: string[] = []
	for (const { id, settled } of host.store.list('network', '')) {
		if (settled) continue
		const work = async () => {
			// One that a call was still at is settled by now, or gone.
			const network = host.store.get('network', '', id)
			if (network === undefined || network.settled) return
			await unmake(host, network)
			done.push(`took away what was left of network ${id.slice(0, 12)}`)
		}
		await host.mutex.run(id, work).catch((error: unknown) => {
			host.warn(error, `network ${id} cannot be taken away; it is tried again later`)
		})
	}
	return done
}
