/**
 * The cluster of overlay networks, in memory: it outlives each weft as the store does, and what weft changes there is a step at
 * which it can die. One more host is in it, which has each network that Docker has here, with a container of its own.
 */
import assert from 'node:assert/strict'
import { Member } from '../../src/cluster/member.ts'
import { NODES, PRESENT } from '../../src/cluster/nodes.ts'
import type { ClusterVerbs } from '../../src/cluster/verbs.ts'
import { poolIn } from '../../src/ipam/cluster-networks.ts'
import { Ipam } from '../../src/ipam/ipam.ts'
import { Neighbours } from '../../src/ipam/neighbours.ts'
import { ADDRESSES, BLOCKS, holderOf, NETWORKS, POOLS, placeIn } from '../../src/ipam/shared-keys.ts'
import { SharedNetworks } from '../../src/ipam/shared-networks.ts'
import { type Cidr, contains, parseCidr, parseIp, plainAddress } from '../../src/model/address.ts'
import type { ClusterNetwork } from '../../src/model/network.ts'
import type { Node } from '../../src/model/node.ts'
import { LOCAL_SPACE } from '../../src/model/pool.ts'
import type { Store } from '../../src/store/store.ts'
import { Death } from '../support/death.ts'
import { MemoryCluster, MemoryServer } from '../support/memory-cluster.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { surroundings } from '../support/surroundings.ts'

/** Of WireGuard. */
const keyOf = (byte: number) => ({ publicKey: Buffer.alloc(32, byte).toString('base64') })
const SELF: Node = { name: 'a', address: '192.0.2.1', ...keyOf(1) }
const OTHER: Node = { name: 'b', address: '192.0.2.2', ...keyOf(2) }
/** What the host has in the underlay. */
export const UNDERLAY = `${SELF.address}/24`
/** Seconds, of a clock that stands. */
const RETIREMENT = 1000

/** What is asked changes nothing, and is no step. */
class MortalCluster extends MemoryCluster {
	readonly #death: Death

	constructor(server: MemoryServer, death: Death) {
		super(server)
		this.#death = death
	}

	override async transaction(...args: Parameters<MemoryCluster['transaction']>): Promise<number | undefined> {
		this.#death.step()
		return await super.transaction(...args)
	}

	override async grant(seconds: number): Promise<string> {
		this.#death.step()
		return await super.grant(seconds)
	}

	override async revoke(lease: string): Promise<void> {
		this.#death.step()
		await super.revoke(lease)
	}
}

/** A host in the cluster, as one weft has it. */
export interface Membership {
	readonly verbs: ClusterVerbs
	readonly networks: SharedNetworks
	/** Others have changed something. */
	tell(): void
	/** Makes the record and the cluster agree, as weft does every few seconds. */
	tend(): Promise<void>
}

function join(server: MemoryServer, store: Store, node: Node, death = new Death()): Membership {
	const cluster = new MortalCluster(server, death)
	const member = new Member(cluster, store, { id: 'boot', uptime: () => 0 }, node, RETIREMENT)
	const watchers: (() => void)[] = []
	const tell = () => {
		for (const each of watchers) each()
	}
	const networks = new SharedNetworks(cluster, member, store, {
		due: () => undefined,
		lost: (what) => assert.fail(`another host has ${what}`),
		changed: tell,
	})
	const mirror = {
		get entries() {
			return new Map(server.entries('weft/').map((entry) => [entry.key, entry]))
		},
	}
	const neighbours = new Neighbours(mirror, node.name)
	return {
		verbs: {
			node,
			vxlanPort: 4789,
			wireguardPort: 51820,
			enter: (network) => networks.enter(network),
			neighbours: (id) => neighbours.of(id),
			own: (id) => networks.own(id),
			offers: () => undefined,
			offer: async () => undefined,
			watch: (changed) => void watchers.push(changed),
		},
		networks,
		tell,
		tend: async () => {
			await member.heartbeat()
			networks.lookAround()
			await networks.tend()
		},
	}
}

export class CrashCluster {
	readonly #server = new MemoryServer(() => 0)
	readonly #store = new MemoryStore()
	readonly #other = join(this.#server, this.#store, OTHER)
	readonly #ipam = new Ipam(this.#store, [], surroundings(), this.#other.networks)

	/** This host, until the death of its weft. */
	join(store: Store, death: Death): Membership {
		return join(this.#server, store, SELF, death)
	}

	/** Subnets that its networks have. */
	claimed(): readonly Cidr[] {
		return this.#server.entries(POOLS).flatMap((entry) => poolIn(entry) ?? [])
	}

	/** Keys of all but the hosts. */
	remains(): string[] {
		const keys = this.#server.entries('weft/').map(({ key }) => key)
		return keys.filter((key) => key !== POOLS && ![NODES, PRESENT].some((prefix) => key.startsWith(prefix)))
	}

	/** Whether it lets this host give the address: in a block of it, or by itself. */
	gives(address: string): boolean {
		return [BLOCKS, ADDRESSES].some((prefix) =>
			this.#server.entries(prefix).some((entry) => {
				const { what } = placeIn(prefix, entry)
				if (holderOf(entry)?.node !== SELF.name) return false
				return prefix === ADDRESSES ? what === address : contains(parseCidr(what), parseIp(address))
			}),
		)
	}

	/** The other host has these networks, as far as they are of the cluster, and no others. */
	async follow(ids: readonly string[]): Promise<void> {
		for (const { id, pools } of this.#store.list('clusterNetwork', '')) {
			if (!ids.includes(id)) for (const pool of pools) await this.#ipam.releasePool(pool)
		}
		for (const id of ids) {
			const [entry] = this.#server.entries(NETWORKS + id)
			const isNew = this.#store.get('clusterNetwork', '', id) === undefined
			if (entry !== undefined && isNew) await this.#enter(JSON.parse(entry.value))
		}
	}

	async #enter(network: ClusterNetwork): Promise<void> {
		const pools: string[] = []
		for (const { pool, gateway } of network.subnets) {
			const { id } = await this.#ipam.requestPool({ space: LOCAL_SPACE, family: parseCidr(pool).family, pool })
			pools.push(id)
			if (gateway === undefined) continue
			await this.#ipam.requestAddress({ poolId: id, address: plainAddress(gateway), kind: 'gateway' })
		}
		await this.#other.networks.enter(network)
		for (const poolId of pools) await this.#ipam.requestAddress({ poolId, kind: 'endpoint' })
	}
}
