/** Whose the addresses of a network are, from all keys of the cluster: what routes are made of. Effects: none. */
import type { Entry } from '../cluster/cluster.ts'
import type { Mirror } from '../cluster/mirror.ts'
import { NODES, nodeOf } from '../cluster/nodes.ts'
import { fieldsIn } from '../cluster/values.ts'
import type { Neighbour, Share } from '../cluster/verbs.ts'
import { type Cidr, contains, covers, formatCidr, formatIp, networkOf, parseCidr, parseIp } from '../model/address.ts'
import type { Node } from '../model/node.ts'
import { ADDRESSES, BLOCKS, holderOf, NETWORKS, ON, orNothing, POOLS, placeIn } from './shared-keys.ts'

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
	const pools = new Map(ofKind(entries, POOLS).map((entry) => [entry.key.slice(POOLS.length), poolOf(entries, entry)]))
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
		for (const { network, node, what } of placed(pools, BLOCKS, entry)) shareOf(network, node).blocks.push(what)
	}
	for (const entry of ofKind(entries, ADDRESSES)) {
		for (const { network, node, what } of placed(pools, ADDRESSES, entry)) shareOf(network, node).addresses.push(what)
	}
	return shares
}

interface PoolOfNetwork {
	/** Its id. */
	readonly network: string
	/** Undefined for what weft does not write. */
	readonly cidr: Cidr | undefined
	/** Mask length of its blocks; undefined as well. */
	readonly length: unknown
}

function poolOf(entries: Entries, { key, value: network }: Entry): PoolOfNetwork {
	const cidr = orNothing(() => parseCidr(key.slice(POOLS.length)))
	const { blocks } = fieldsIn(entries.get(NETWORKS + network) ?? { value: '' })
	return { network, cidr, length: cidr && Object(blocks)[cidr.family] }
}

/** What a key gives to whom, of which network: one or nothing. */
function placed(pools: ReadonlyMap<string, PoolOfNetwork>, prefix: string, entry: Entry) {
	const { pool, what } = placeIn(prefix, entry)
	const [found, holder] = [pools.get(pool), holderOf(entry)]
	if (found === undefined || holder === undefined) return []
	const isIn = prefix === BLOCKS ? isBlockIn : isAddressIn
	return orNothing(() => isIn(found, what)) === true ? [{ network: found.network, node: holder.node, what }] : []
}

/** In the one spelling that weft writes, without host bits: the kernel takes no other for a route. */
function isBlockIn({ cidr, length }: PoolOfNetwork, what: string): boolean {
	const block = parseCidr(what)
	const isWhole = block.prefix === length && formatCidr(networkOf(block)) === what
	return cidr !== undefined && isWhole && covers(cidr, block)
}

function isAddressIn({ cidr }: PoolOfNetwork, what: string): boolean {
	const ip = parseIp(what)
	return cidr !== undefined && formatIp(ip) === what && contains(cidr, ip)
}

function ofKind(entries: Entries, prefix: string): Entry[] {
	return Array.from(entries.values()).filter(({ key }) => key.startsWith(prefix) && key !== prefix)
}

function byName(a: Node, b: Node): number {
	return a.name < b.name ? -1 : 1
}
