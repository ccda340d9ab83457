/** Whose the addresses of a network are, from all keys of the cluster: what routes are made of. Effects: none. */
import type { Entry } from '../cluster/cluster.ts'
import type { Mirror } from '../cluster/mirror.ts'
import { NODES, nodeOf } from '../cluster/nodes.ts'
import type { Neighbour, Share } from '../cluster/verbs.ts'
import { contains, covers, parseCidr, parseIp } from '../model/address.ts'
import type { Node } from '../model/node.ts'
import { ADDRESSES, BLOCKS, holderOf, ON, orNothing, POOLS, placeIn } from './shared-keys.ts'

type Entries = ReadonlyMap<string, Entry>

/** By network, then by host. */
type Shares = Map<string, Map<string, { blocks: string[]; addresses: string[] }>>

export class Neighbours {
	readonly #mirror: Pick<Mirror, 'entries'>
	/** Name of this host. */
	readonly #self: string
	/** What the answers were made of last. */
	#read: Entries | undefined
	#answers: ReadonlyMap<string, readonly Neighbour[]> = new Map()

	/** The mirror has all keys of weft. */
	constructor(mirror: Pick<Mirror, 'entries'>, self: string) {
		this.#mirror = mirror
		this.#self = self
	}

	/** As `ClusterVerbs.neighbours` says. */
	of(networkId: string): readonly Neighbour[] | undefined {
		const { entries } = this.#mirror
		if (entries === undefined) return undefined
		if (entries !== this.#read) this.#answers = neighboursIn(entries, this.#self)
		this.#read = entries
		return this.#answers.get(networkId) ?? []
	}
}

/** By network. What weft does not write is passed over: one such key must not take away the routes of all others. */
function neighboursIn(entries: Entries, self: string): ReadonlyMap<string, readonly Neighbour[]> {
	const nodes = new Map(ofKind(entries, NODES).map((entry) => [entry.key, orNothing(() => nodeOf(entry))]))
	const shares = sharesIn(entries)
	return new Map(
		Array.from(shares, ([network, hosts]) => {
			const others = Array.from(hosts).filter(([name]) => name !== self)
			return [network, others.flatMap(([name, share]) => neighbour(nodes.get(NODES + name), share)).sort(byName)]
		}),
	)

	function neighbour(node: Node | undefined, { blocks, addresses }: Share): Neighbour[] {
		return node === undefined ? [] : [{ ...node, blocks: blocks.toSorted(), addresses: addresses.toSorted() }]
	}
}

function sharesIn(entries: Entries): Shares {
	const networks = new Map(ofKind(entries, POOLS).map(({ key, value }) => [key.slice(POOLS.length), value]))
	const shares: Shares = new Map()
	const shareOf = (network: string, node: string) => {
		const hosts = shares.get(network) ?? new Map<string, { blocks: string[]; addresses: string[] }>()
		const share = hosts.get(node) ?? { blocks: [], addresses: [] }
		shares.set(network, hosts.set(node, share))
		return share
	}
	for (const { key } of ofKind(entries, ON)) {
		const [network = '', node = ''] = key.slice(ON.length).split('/')
		shareOf(network, node)
	}
	for (const entry of ofKind(entries, BLOCKS)) {
		for (const { network, node, what } of placed(networks, BLOCKS, entry)) shareOf(network, node).blocks.push(what)
	}
	for (const entry of ofKind(entries, ADDRESSES)) {
		for (const { network, node, what } of placed(networks, ADDRESSES, entry))
			shareOf(network, node).addresses.push(what)
	}
	return shares
}

/** What a key gives to whom, of which network: one or nothing. */
function placed(networks: ReadonlyMap<string, string>, prefix: string, entry: Entry) {
	const { pool, what } = placeIn(prefix, entry)
	const [network, holder] = [networks.get(pool), holderOf(entry)]
	if (network === undefined || holder === undefined) return []
	const cidr = orNothing(() => parseCidr(pool))
	const isInside = orNothing(() => {
		return cidr !== undefined && (prefix === BLOCKS ? covers(cidr, parseCidr(what)) : contains(cidr, parseIp(what)))
	})
	return isInside === true ? [{ network, node: holder.node, what }] : []
}

function ofKind(entries: Entries, prefix: string): Entry[] {
	return Array.from(entries.values()).filter(({ key }) => key.startsWith(prefix) && key !== prefix)
}

function byName(a: Node, b: Node): number {
	return a.name < b.name ? -1 : 1
}
