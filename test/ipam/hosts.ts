/**
 * Hosts that share a pool, with everything that may happen to them: their weftd dies in the middle of something, they lose
 * their power, the cluster or its answers, are forgotten, and come back. Time is virtual, and each host's runs a little
 * differently; the wall clock jumps, and nobody may care.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Boot, Member } from '../../src/cluster/member.ts'
import { forget } from '../../src/cluster/nodes.ts'
import { isCode, WeftError } from '../../src/errors.ts'
import { BlockPool } from '../../src/ipam/block-pool.ts'
import { LocalBlocks } from '../../src/ipam/local-blocks.ts'
import { keysOf } from '../../src/ipam/shared-keys.ts'
import { formatIp, type Ip, parseCidr, parseIp } from '../../src/model/address.ts'
import { Death, MortalStore } from '../support/death.ts'
import { type Fault, MemoryCluster, MemoryServer } from '../support/memory-cluster.ts'

/** Seconds after which a host counts as gone for good. */
export const RETIREMENT = 1000
export const POOL = '10.0.0.0/28'
export const LENGTH = 30
const GATEWAY = '10.0.0.1'
const PATIENCE = { looks: 40, pause: 1 }

/** What all of them have in common. */
export class World {
	/** Seconds. */
	#time = 0
	readonly server = new MemoryServer(() => this.#time * 1000)
	readonly hosts: readonly TestHost[]

	constructor(rates: readonly number[]) {
		this.hosts = rates.map((rate, n) => new TestHost(this, `h${n}`, rate))
	}

	get time(): number {
		return this.#time
	}

	wait(seconds: number): void {
		this.#time += seconds
	}
}

interface Weftd {
	readonly cluster: MemoryCluster
	readonly member: Member
	readonly local: LocalBlocks
	readonly pool: BlockPool
	readonly death: Death
}

export class TestHost {
	readonly name: string
	/** Addresses of containers that are alive, as they were told. */
	readonly containers = new Set<string>()
	readonly store = new MortalStore(new Death())
	/** Why the last call was refused. */
	refusal = ''
	readonly #world: World
	/** Seconds of its clock for one of the cluster's. */
	readonly #rate: number
	#boots = 0
	#booted = 0
	#fault: Fault | undefined
	#weftd: Weftd | undefined

	constructor(world: World, name: string, rate: number) {
		this.#world = world
		this.#rate = rate
		this.name = name
		this.powerOn()
	}

	get isOn(): boolean {
		return this.#weftd !== undefined
	}

	set fault(fault: Fault | undefined) {
		this.#fault = fault
		if (this.#weftd !== undefined) this.#weftd.cluster.fault = fault
	}

	powerOn(): void {
		if (this.isOn) return
		this.#boots++
		this.#booted = this.#world.time
		this.#start()
	}

	powerOff(): void {
		this.#weftd = undefined
		this.containers.clear()
	}

	restart(): void {
		if (this.isOn) this.#start()
	}

	#start(): void {
		const cluster = new MemoryCluster(this.#world.server)
		cluster.fault = this.#fault
		const boot: Boot = { id: String(this.#boots), uptime: () => (this.#world.time - this.#booted) * this.#rate }
		const death = new Death()
		this.store.death = death
		const member = new Member(cluster, this.store, boot, { name: this.name, address: '192.0.2.1' }, RETIREMENT)
		const local = new LocalBlocks(this.store, POOL, parseCidr(POOL), [parseIp(GATEWAY)])
		const admit = async () => undefined
		const pool = new BlockPool({ cluster, member, local, keys: keysOf(POOL), length: LENGTH, admit }, PATIENCE)
		this.#weftd = { cluster, member, local, pool, death }
	}

	/** From this commit on nothing that it still tries takes place. */
	dieAt(step: number): void {
		if (this.#weftd?.death.happened === false) this.#weftd.death.comeAt(step)
	}

	/** When everything under way has come to its end. */
	startIfDead(): void {
		if (this.#weftd?.death.happened === true) this.#start()
	}

	async beat(): Promise<void> {
		await this.#try(({ member }) => member.heartbeat())
	}

	async tend(): Promise<void> {
		const lost = await this.#try(({ pool }) => pool.tend())
		for (const address of lost ?? []) this.containers.delete(address)
	}

	/** The address, or undefined where it was refused. */
	async request(address?: string): Promise<string | undefined> {
		const given = await this.#try(async ({ pool, death }) => {
			const answer = await pool.requestAddress(address)
			death.step()
			return answer
		})
		if (given !== undefined && this.isOn) this.containers.add(given)
		return given
	}

	async release(n: number): Promise<void> {
		const address = [...this.containers][n % Math.max(1, this.containers.size)]
		if (address === undefined) return
		this.containers.delete(address)
		const released = await this.#try(async ({ pool }) => {
			await pool.releaseAddress(address)
			return true
		})
		// Docker keeps what it could not give back, and weft must not give it to others meanwhile.
		if (released !== true && this.isOn) this.containers.add(address)
	}

	/** Somebody says that it is gone for good, which is true. */
	async beForgotten(): Promise<void> {
		if (this.isOn) return
		await forget(new MemoryCluster(this.#world.server), this.name).catch(expected)
	}

	/** What its pool asks the cluster through. */
	get cluster(): MemoryCluster | undefined {
		return this.#weftd?.cluster
	}

	/** Addresses that its containers use, or that weft thinks they do. */
	held(): string[] {
		if (this.#weftd === undefined) return []
		const { local, member } = this.#weftd
		const given = this.store.list('lease', POOL).map(({ address }) => address)
		return [...new Set([...given, ...this.containers])].filter((each) => local.holds(parseIp(each), member.membership))
	}

	/** Of what it lends, borrows and is about to give back. */
	openEnds(): number {
		const leaving = this.store.list('block', POOL).filter(({ leaving }) => leaving)
		return leaving.length + this.store.list('loan', POOL).length + this.store.list('borrowed', POOL).length
	}

	async #try<T>(work: (weftd: Weftd) => Promise<T>): Promise<T | undefined> {
		const weftd = this.#weftd
		if (weftd === undefined) return undefined
		try {
			return await work(weftd)
		} catch (error) {
			// Whoever dies does not speak to the cluster either.
			if (weftd.death.happened) weftd.cluster.fault = 'cut'
			else this.refusal = expected(error)
			return undefined
		}
	}
}

/** What may be said no to. */
function expected(error: unknown): string {
	const codes = ['unreachable', 'in-use', 'exhausted', 'not-found'] as const
	if (!(error instanceof WeftError) || !codes.some((code) => isCode(error, code))) throw error
	return error.message
}

export function setFault(host: TestHost, fault: Fault | undefined): void {
	host.fault = fault
}

export function addressAt(offset: number): string {
	const ip: Ip = { family: 4, value: parseIp('10.0.0.0').value + BigInt(offset) }
	return formatIp(ip)
}

/** Asks while the others look after their blocks, as they do all the time. */
export async function requestFrom(world: World, host: TestHost, address: string): Promise<void> {
	let over = false
	const asking = host.request(address).finally(() => {
		over = true
	})
	await together([asking, answering()])

	async function answering(): Promise<void> {
		while (!over) {
			await together(world.hosts.filter((each) => each !== host).map((each) => each.tend()))
			await sleep(0)
		}
	}
}

/** Nothing of it goes on when something fails. */
export async function together(work: readonly unknown[]): Promise<void> {
	const failed = (await Promise.allSettled(work)).find((each) => each.status === 'rejected')
	if (failed !== undefined) throw failed.reason
}
