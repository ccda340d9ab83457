/**
 * weft in memory behind Docker's protocol, over a store and a kernel that outlive it: it can be killed before any commit,
 * any kernel call and any answer, and starts again.
 */
import assert from 'node:assert/strict'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { buildServer } from '../../src/cnm/server.ts'
import { Ipam } from '../../src/ipam/ipam.ts'
import { parsePoolBases } from '../../src/ipam/pools.ts'
import { networkOf, parseCidr } from '../../src/model/address.ts'
import { keepPassage } from '../../src/network/host.ts'
import { type Bench, bench, bridgeNetworks, networks, objectsOf, planned } from '../network/host.ts'
import { Death, MortalStore } from '../support/death.ts'
import { FakeKernel } from '../support/fake-kernel.ts'
import type { RawAnswer } from '../support/wire.ts'
import type { Sandboxes } from './docker.ts'
import type { Mortal } from './wire.ts'

const BASES = parsePoolBases('10.210.0.0/16:24,fd77:6566:7400::/48:64')

interface Life {
	readonly death: Death
	readonly bench: Bench
	readonly ipam: Ipam
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
	})

	serve(life: Life): void {
		this.#life = life
	}

	async answer(method: string, body: string): Promise<RawAnswer> {
		const { statusCode: status, body: text } = await this.#server.inject({
			method: 'POST',
			url: `/${method}`,
			payload: body,
		})
		return { status, headers: {}, text }
	}

	get #living(): Life {
		assert.ok(this.#life)
		return this.#life
	}
}

export class MortalWeft implements Mortal {
	readonly store = new MortalStore(new Death())
	readonly kernel = new FakeKernel()
	deaths = 0
	/** Called after each start, before anybody is served. */
	started: () => void = () => undefined
	readonly #nextDeath: () => number
	readonly #front: Front
	#life: Life
	#restart: Promise<void> | undefined

	private constructor(front: Front, nextDeath: () => number) {
		this.#front = front
		this.#nextDeath = nextDeath
		this.kernel.addForeignLink('eth0')
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
		const { death, inFlight } = this.#life
		const work = this.#front.answer(method, body)
		inFlight.add(work)
		const answer = await work
		inFlight.delete(work)
		return death.passes() ? answer : undefined
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
		await Promise.allSettled(inFlight)
		const ids = networks(bench).flatMap(({ id }) => bench.store.list('endpoint', id).map((endpoint) => endpoint.id))
		await Promise.all(ids.map((id) => bench.host.mutex.run(id, async () => undefined)))
		for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
	}

	#bear(): Life {
		const death = new Death(this.#nextDeath())
		this.store.death = death
		this.kernel.before = () => death.step()
		const ipam = new Ipam(this.store, BASES, async () => this.#occupied())
		return { death, bench: bench(this.store, this.kernel), ipam, inFlight: new Set() }
	}

	async #begin(): Promise<void> {
		const { bench, death, ipam } = this.#life
		ipam.load()
		await bench.resync()
		await keepPassage(bench.host)
		if (death.happened) return
		assert.deepEqual(bench.warnings, [])
		assertAgreed(this)
		this.started()
		this.#front.serve(this.#life)
	}

	/** The routes that the addresses of its links make. */
	#occupied() {
		const addresses = this.kernel.objects().filter((each) => each.startsWith('address '))
		return addresses.map((each) => networkOf(parseCidr(each.split(' ')[2] ?? '')))
	}
}

/** All but the uplink, which is nobody's of weft's. */
function ownObjects(kernel: FakeKernel): string[] {
	return kernel.objects().filter((each) => each !== 'link eth0')
}

/** State and kernel say the same; only while nobody is being served. */
export function assertAgreed({ bench, kernel }: MortalWeft): void {
	assert.deepEqual(ownObjects(kernel), objectsOf(planned(bench)))
	const missing = planned(bench).filter((resource) => !kernel.has(resource))
	assert.deepEqual(missing, [])
	const settled = bridgeNetworks(bench).filter((each) => each.settled)
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
