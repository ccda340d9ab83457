/**
 * weft in memory behind Docker's protocol, over a store, a kernel and a cluster that outlive it: it can be killed before any
 * commit, any kernel call, any change of the cluster and any answer, and starts again.
 */
import assert from 'node:assert/strict'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { buildServer } from '../../src/cnm/server.ts'
import { Ipam } from '../../src/ipam/ipam.ts'
import { parsePoolBases } from '../../src/ipam/pools.ts'
import { networkOf, parseCidr } from '../../src/model/address.ts'
import { hasParent, isOwned } from '../../src/model/network.ts'
import { modeOf } from '../../src/modes/index.ts'
import { KeyedMutex } from '../../src/mutex.ts'
import { Forgotten, type ListedEndpoints } from '../../src/network/forgotten.ts'
import { keepPassage } from '../../src/network/host.ts'
import type { ListedNetwork } from '../../src/network/listing.ts'
import { type Bench, bench, bridgeNetworks, networks, objectsOf, planned } from '../network/host.ts'
import { passTime } from '../support/clock.ts'
import { Death, MortalStore } from '../support/death.ts'
import { FakeKernel } from '../support/fake-kernel.ts'
import type { RawAnswer } from '../support/wire.ts'
import { CrashCluster, type Membership, UNDERLAY } from './cluster.ts'
import type { Sandboxes } from './docker.ts'
import { HOST_ADDRESSES, OWNER, UPLINKS } from './rows.ts'
import type { Mortal } from './wire.ts'

const PARENTS: readonly string[] = ['eth0', ...UPLINKS]

/** Milliseconds between two looks at everything. */
const ROUND = 300_000
/** A header. */
const UNSENT = 'x-unsent'

const BASES = parsePoolBases('10.210.0.0/16:24,fd77:6566:7400::/48:64')

interface Life {
	readonly death: Death
	readonly bench: Bench
	readonly membership: Membership
	readonly ipam: Ipam
	readonly forgotten: Forgotten
	readonly inFlight: Set<Promise<unknown>>
}

/** The protocol, in front of one weft after the other: it takes longer to build than a weft lives. */
export class Front {
	#life: Life | undefined
	readonly #server: FastifyInstance = buildServer({
		network: delegate(() => this.#living.bench.verbs),
		ipam: delegate(() => this.#living.ipam),
		ready: async () => undefined,
		scope: 'local',
		activated: () => undefined,
		logger: pino({ level: 'silent' }),
	}).addHook('onSend', async (_request, reply) => {
		if (!this.#living.death.passes()) reply.header(UNSENT, 'dead')
	})

	serve(life: Life): void {
		this.#life = life
	}

	/** Undefined where weft died before it had sent it. */
	async answer(method: string, body: string): Promise<RawAnswer | undefined> {
		const {
			statusCode: status,
			body: text,
			headers,
		} = await this.#server.inject({
			method: 'POST',
			url: `/${method}`,
			payload: body,
		})
		return UNSENT in headers ? undefined : { status, headers: {}, text }
	}

	get #living(): Life {
		assert.ok(this.#life)
		return this.#life
	}
}

/** What Docker tells of its networks. */
export interface Listed {
	listed(): readonly ListedNetwork[]
	members(networkId: string): ListedEndpoints
}

export class MortalWeft implements Mortal {
	readonly store = new MortalStore(new Death())
	readonly kernel = new FakeKernel()
	readonly cluster = new CrashCluster()
	deaths = 0
	/** Called after each start, before anybody is served. */
	started: () => void = () => undefined
	/** Who is asked what there is. */
	docker: Listed = { listed: () => [], members: () => ({ ids: [], addresses: [] }) }
	readonly #nextDeath: () => number
	readonly #front: Front
	readonly #looks = new KeyedMutex()
	#life: Life
	#restart: Promise<void> | undefined

	private constructor(front: Front, nextDeath: () => number) {
		this.#front = front
		this.#nextDeath = nextDeath
		for (const parent of PARENTS) {
			const addresses = parent === 'eth0' ? [...HOST_ADDRESSES, UNDERLAY] : HOST_ADDRESSES
			this.kernel.addForeignLink(parent, { state: { addresses, routesLocalnet: false } })
		}
		this.#life = this.#bear()
	}

	/** `nextDeath` tells at each start after how many steps it ends. */
	static async start(front: Front, nextDeath: () => number): Promise<MortalWeft> {
		const weft = new MortalWeft(front, nextDeath)
		await weft.#begin()
		return weft
	}

	get bench(): Bench {
		return this.#life.bench
	}

	/** Steps of the life so far. */
	get steps(): number {
		return this.#life.death.steps
	}

	async tryAnswer(method: string, body: string): Promise<RawAnswer | undefined> {
		await this.#restart
		return this.#life.death.happened ? undefined : this.#watched(this.#front.answer(method, body))
	}

	/** Docker is asked what it has, and the cluster what there is. */
	look(): Promise<void> {
		return this.#looks.run('look', async () => {
			for (let looked = false; !looked; ) {
				await this.restarted()
				const { death } = this.#life
				await this.#watched(this.#lookAround(this.#life)).catch((error: unknown) => {
					if (!death.happened) throw error
				})
				looked = !death.happened
			}
		})
	}

	async #lookAround({ bench, membership, forgotten }: Life): Promise<void> {
		await forgotten.look()
		await this.cluster.follow(this.docker.listed().map(({ id }) => id))
		membership.tell()
		const isShared = this.cluster.remains().length > 0 || this.store.list('clusterNetwork', '').length > 0
		if (isShared) await membership.tend()
		// The other host is followed beside everything else, one network after the other.
		for (const { id } of networks(bench)) {
			await bench.host.mutex.run(id, async () => undefined)
			await new Promise(setImmediate)
		}
	}

	/** Time passes in which nobody calls, and what Docker was without for so long goes. */
	async wait(): Promise<void> {
		await this.look()
		passTime(ROUND)
		await this.look()
	}

	/** So that it is over before there is another life. */
	async #watched<T>(work: Promise<T>): Promise<T> {
		const { inFlight } = this.#life
		inFlight.add(work)
		try {
			return await work
		} finally {
			inFlight.delete(work)
		}
	}

	async restarted(): Promise<void> {
		if (this.#life.death.happened) this.#restart ??= this.#rise()
		await this.#restart
	}

	/** Ends it between two calls. */
	async kill(): Promise<void> {
		this.#life.death.comeAt(0)
		await this.restarted()
	}

	async #rise(): Promise<void> {
		while (this.#life.death.happened) {
			this.deaths++
			await this.#fade()
			this.kernel.endProcess()
			this.#life = this.#bear()
			await this.#begin()
		}
		this.#restart = undefined
	}

	/** Until nothing of the dead one is on its way any more. */
	async #fade(): Promise<void> {
		const { bench, inFlight } = this.#life
		await Promise.allSettled([...inFlight, bench.peering.close()])
		const ids = networks(bench).flatMap(({ id }) => bench.store.list('endpoint', id).map((endpoint) => endpoint.id))
		await Promise.all(ids.map((id) => bench.host.mutex.run(id, async () => undefined)))
		for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
	}

	#bear(): Life {
		const death = new Death(this.#nextDeath())
		this.store.death = death
		this.kernel.before = () => death.step()
		const membership = this.cluster.join(this.store, death)
		const born = bench(this.store, this.kernel, true, membership.verbs)
		born.containers.stop(OWNER)
		const around = { ...born.host.facts, occupied: async () => [...this.#occupied(), ...this.cluster.claimed()] }
		const ipam = new Ipam(this.store, BASES, around, membership.networks)
		const view = {
			engine: async () => 'engine',
			networks: async () => this.docker.listed(),
			endpoints: async (id: string) => this.docker.members(id),
		}
		const log = { repaired: () => undefined, failed: () => undefined }
		const forgotten = new Forgotten(born.host, born.verbs, ipam, view, Promise.resolve(), log)
		return { death, bench: born, membership, ipam, forgotten, inFlight: new Set() }
	}

	async #begin(): Promise<void> {
		const { bench, death, ipam } = this.#life
		ipam.load()
		await bench.peering.refresh()
		await bench.resync()
		await keepPassage(bench.host)
		if (death.happened) return
		assert.deepEqual(bench.warnings, [])
		assertAgreed(this)
		this.started()
		this.#front.serve(this.#life)
		bench.peering.open()
	}

	/** The routes that the addresses of its own links make. */
	#occupied() {
		const addresses = ownObjects(this.kernel).filter((each) => each.startsWith('address '))
		return addresses.map((each) => networkOf(parseCidr(each.split(' ')[2] ?? '')))
	}
}

/** All but the parents and what is on them, which are none of weft's. */
function ownObjects(kernel: FakeKernel): string[] {
	return kernel.objects().filter((each) => !PARENTS.includes(each.split(' ')[1] ?? ''))
}

/** Of links that go to their containers whole, and are neither here nor there: weft cannot know, and may take them for running. */
function doubtful({ store, kernel }: Bench): string[] {
	const lans = store.list('network', '').filter(hasParent)
	const attached = lans.flatMap((network) => {
		const lost = store.list('endpoint', network.id).filter(({ link, left }) => {
			return left !== true && !kernel.hasLink(link) && !kernel.isAway(link)
		})
		return lost.flatMap((endpoint) => modeOf(network).attached(network, endpoint))
	})
	return objectsOf(attached)
}

/** State and kernel say the same; only while nobody is being served. */
export function assertAgreed({ bench, kernel }: MortalWeft): void {
	const doubts = doubtful(bench)
	assert.deepEqual(
		ownObjects(kernel).filter((each) => !doubts.includes(each)),
		objectsOf(planned(bench)),
	)
	const missing = planned(bench).filter((resource) => !kernel.has(resource))
	assert.deepEqual(missing, [])
	// The bridge of a container's network would be in its namespace.
	const settled = bridgeNetworks(bench).filter((each) => each.settled && !isOwned(each))
	assert.deepEqual(
		kernel.passage.iptables,
		settled.map(({ bridge }) => bridge),
	)
}

export function sandboxesOf({ kernel }: MortalWeft): Sandboxes {
	return {
		moveIn: async (link) => kernel.moveAway(link),
		moveOut: async (link) => kernel.moveBack(link),
	}
}

/** The methods of whoever it is by then. */
function delegate<T extends object>(current: () => T): T {
	return new Proxy({} as T, {
		get: (_target, name) => {
			const method: unknown = Reflect.get(current(), name)
			return typeof method === 'function' ? method.bind(current()) : method
		},
	})
}
