/** The cluster as network/ sees it, in memory: what networks were entered, and neighbours as a test sets them. */
import type { Appearance, ClusterVerbs, Neighbour, Share } from '../../src/cluster/verbs.ts'
import type { ClusterNetwork, OfferedNetwork } from '../../src/model/network.ts'
import type { Node } from '../../src/model/node.ts'

export class FakeClusterVerbs implements ClusterVerbs {
	node: Node
	readonly vxlanPort = 4789
	readonly wireguardPort = 51820
	/** By their ids. */
	readonly entered = new Map<string, ClusterNetwork>()
	/** Those that all hosts are to have. */
	readonly offered = new Map<string, OfferedNetwork>()
	/** While set, every `enter` is refused with it. */
	refusal: Error | undefined
	readonly #neighbours = new Map<string, readonly Neighbour[]>()
	readonly #shares = new Map<string, Share>()
	readonly #watchers: (() => void)[] = []
	#isRead = true

	constructor(node: Node) {
		this.node = node
	}

	async enter(network: ClusterNetwork): Promise<void> {
		if (this.refusal !== undefined) throw this.refusal
		this.entered.set(network.id, network)
	}

	neighbours(networkId: string): readonly Neighbour[] | undefined {
		return this.#isRead ? (this.#neighbours.get(networkId) ?? []) : undefined
	}

	own(networkId: string): Share {
		return this.#shares.get(networkId) ?? { blocks: [], addresses: [] }
	}

	offers(): readonly OfferedNetwork[] | undefined {
		return this.#isRead ? [...this.offered.values()] : undefined
	}

	async offer(networkId: string, as: Appearance): Promise<void> {
		const network = this.entered.get(networkId)
		if (network === undefined) throw new Error(`the network ${networkId} was not entered`)
		this.offered.set(networkId, { ...network, ...as })
	}

	watch(changed: () => void): void {
		this.#watchers.push(changed)
	}

	/** Nothing is known, as after a start while the cluster does not answer. */
	forget(): void {
		this.#isRead = false
	}

	/** What there is from now on, which is told. */
	become(networkId: string, neighbours: readonly Neighbour[], own: Share = { blocks: [], addresses: [] }): void {
		this.#isRead = true
		this.#neighbours.set(networkId, neighbours)
		this.#shares.set(networkId, own)
		for (const each of this.#watchers) each()
	}
}
