/**
 * What this host has of a pool that many share, on its own record: blocks, addresses it has given, lent and borrowed. An
 * address is taken in memory at once and answered when that is durable; nothing here asks the cluster.
 */
import { WeftError } from '../errors.ts'
import { type Cidr, contains, covers, formatIp, type Ip, parseCidr, parseIp, type Span } from '../model/address.ts'
import type { Block, Borrowed, Loan } from '../model/pool.ts'
import type { Change, Store } from '../store/store.ts'
import { type BlockUse, nextInBlocks, spanOf } from './blocks.ts'

export class LocalBlocks {
	readonly id: string
	readonly pool: Cidr
	readonly #store: Store
	readonly #reserved: ReadonlySet<bigint>
	/** Given by this host, or about to be. */
	readonly #own = new Set<bigint>()
	readonly #lent = new Set<bigint>()
	/** All three. */
	readonly #used: Set<bigint>
	/** Blocks that are being given back, before that is on record. */
	readonly #leaving = new Set<string>()
	readonly #releasing = new Map<bigint, Promise<void>>()
	#cursor = 0n
	#closed = false

	/** `reserved` is for nobody on any host: the gateway and what else is set aside. */
	constructor(store: Store, id: string, pool: Cidr, reserved: readonly Ip[]) {
		this.#store = store
		this.id = id
		this.pool = pool
		this.#reserved = new Set(reserved.map(({ value }) => value))
		this.#used = new Set(this.#reserved)
		for (const { address } of store.list('lease', id)) this.#add(this.#own, parseIp(address).value)
		for (const { address } of store.list('loan', id)) this.#add(this.#lent, parseIp(address).value)
	}

	get used(): ReadonlySet<bigint> {
		return this.#used
	}

	blocks(): readonly Block[] {
		return this.#store.list('block', this.id)
	}

	loans(): readonly Loan[] {
		return this.#store.list('loan', this.id)
	}

	borrowed(): readonly Borrowed[] {
		return this.#store.list('borrowed', this.id)
	}

	isOwn(value: bigint): boolean {
		return this.#own.has(value)
	}

	/** Whether the address is in a block from which this host gives. */
	covers(ip: Ip, membership: string | undefined): boolean {
		return this.#usable(membership).some((block) => contains(block, ip))
	}

	/** Whether a container of this host may have it: it was given, and is this host's as far as that knows. */
	holds(ip: Ip, membership: string | undefined): boolean {
		const borrowed = this.#store.get('borrowed', this.id, formatIp(ip))
		const isBorrowed = borrowed !== undefined && borrowed.membership === membership
		return membership !== undefined && this.#own.has(ip.value) && (isBorrowed || this.covers(ip, membership))
	}

	/** The next one to be given. */
	next(membership: string): Ip | undefined {
		const value = nextInBlocks(this.#spans(membership), this.#used, this.#cursor)
		return value === undefined ? undefined : { family: this.pool.family, value }
	}

	use(membership: string): BlockUse[] {
		return this.#usable(membership).map((block) => {
			const { from, to } = spanOf(this.pool, block)
			const count = (set: ReadonlySet<bigint>) => BigInt([...set].filter((each) => each >= from && each <= to).length)
			const size = to < from ? 0n : to - from + 1n
			return { block, size, used: count(this.#used), own: count(this.#own) }
		})
	}

	/** Given to a container. */
	async give(ip: Ip): Promise<void> {
		this.take(ip)
		this.#cursor = ip.value
		try {
			await this.commit([this.lease(ip)])
		} catch (error) {
			this.drop(ip)
			throw error
		}
	}

	/** From now on, before it is on record. */
	take({ value }: Ip): void {
		this.#add(this.#own, value)
	}

	drop({ value }: Ip): void {
		this.#remove(this.#own, value)
	}

	/** Used until that is durable; whoever releases it again meanwhile waits for the same answer. */
	release(ip: Ip): Promise<void> {
		if (!this.#own.has(ip.value)) return Promise.resolve()
		const running = this.#releasing.get(ip.value) ?? this.#release(ip)
		this.#releasing.set(ip.value, running)
		return running
	}

	async #release(ip: Ip): Promise<void> {
		const address = formatIp(ip)
		try {
			// Of one that was borrowed the cluster is told when it is seen there without a record here.
			await this.commit([this.#without('lease', address), this.#without('borrowed', address)])
			this.drop(ip)
		} finally {
			this.#releasing.delete(ip.value)
		}
	}

	/** A block is this host's, with what others have in it: what this host gave of that meanwhile is lost, and told. */
	async record(block: string, membership: string, loans: readonly Loan[]): Promise<readonly string[]> {
		const lost = loans.filter(({ address }) => this.isOwn(parseIp(address).value)).map(({ address }) => address)
		const value = { poolId: this.id, block, membership, leaving: false }
		const lent = loans.map((loan): Change => ({ kind: 'loan', group: this.id, id: loan.address, value: loan }))
		const taken = loans.map(({ address }) => parseIp(address))
		for (const ip of taken) this.#add(this.#lent, ip.value)
		await this.commit([{ kind: 'block', group: this.id, id: block, value }, ...lent, ...this.#lose(lost)])
		for (const address of lost) this.#remove(this.#own, parseIp(address).value)
		this.#leaving.delete(block)
		return lost
	}

	/** Nothing is given from it any more, from now on. */
	async leave(block: Block): Promise<void> {
		this.#leaving.add(block.block)
		try {
			await this.commit([{ kind: 'block', group: this.id, id: block.block, value: { ...block, leaving: true } }])
		} catch (error) {
			this.#leaving.delete(block.block)
			throw error
		}
	}

	/** It is not this host's any more, and neither is what was given from it, which is told. */
	async forget(block: Block): Promise<readonly string[]> {
		const cidr = parseCidr(block.block)
		const inside = ({ address }: { readonly address: string }) => contains(cidr, parseIp(address))
		const loans = this.loans().filter(inside)
		const isBorrowed = new Set(this.borrowed().map(({ address }) => address))
		const leases = this.#store.list('lease', this.id).filter(inside)
		const lost = leases.map(({ address }) => address).filter((address) => !isBorrowed.has(address))
		const records = [this.#without('block', block.block), ...loans.map(({ address }) => this.#without('loan', address))]
		await this.commit([...records, ...this.#lose(lost)])
		for (const { address } of loans) this.#remove(this.#lent, parseIp(address).value)
		for (const address of lost) this.#remove(this.#own, parseIp(address).value)
		this.#leaving.delete(block.block)
		return lost
	}

	/** Another host has it from now on, before that is on record. */
	async lend(ip: Ip, node: string): Promise<void> {
		const address = formatIp(ip)
		this.#add(this.#lent, ip.value)
		await this.commit([{ kind: 'loan', group: this.id, id: address, value: { poolId: this.id, address, node } }])
	}

	async endLoan(address: string): Promise<void> {
		await this.commit([this.#without('loan', address)])
		this.#remove(this.#lent, parseIp(address).value)
	}

	isLent(value: bigint): boolean {
		return this.#lent.has(value)
	}

	/** What is borrowed is not any more, nor is the container's address. */
	async lose({ address }: Borrowed): Promise<void> {
		await this.commit([...this.#lose([address]), this.#without('borrowed', address)])
		this.#remove(this.#own, parseIp(address).value)
	}

	/** The address is an ordinary one of this host's, or nobody's. */
	async endBorrowing({ address }: Borrowed): Promise<void> {
		await this.commit([this.#without('borrowed', address)])
	}

	borrow(value: Borrowed): Change {
		return { kind: 'borrowed', group: this.id, id: value.address, value }
	}

	lease(ip: Ip): Change {
		const address = formatIp(ip)
		const value = { poolId: this.id, address, kind: 'endpoint' } as const
		return { kind: 'lease', group: this.id, id: address, value }
	}

	/** The pool is gone: what is still under way is not to be on record any more. */
	close(): void {
		this.#closed = true
	}

	async commit(changes: readonly Change[]): Promise<void> {
		if (this.#closed) throw new WeftError('not-found', `there is no address pool "${this.id}" any more`)
		await this.#store.commit(changes)
	}

	#lose(addresses: readonly string[]): Change[] {
		return addresses.map((address) => this.#without('lease', address))
	}

	#without(kind: 'lease' | 'block' | 'loan' | 'borrowed', id: string): Change {
		return { kind, group: this.id, id }
	}

	#usable(membership: string | undefined): Cidr[] {
		const usable = this.blocks().filter(
			(each) => each.membership === membership && !each.leaving && !this.#leaving.has(each.block),
		)
		return usable.map(({ block }) => parseCidr(block)).filter((block) => covers(this.pool, block))
	}

	#spans(membership: string): Span[] {
		return this.#usable(membership).map((block) => spanOf(this.pool, block))
	}

	#add(set: Set<bigint>, value: bigint): void {
		set.add(value)
		this.#used.add(value)
	}

	#remove(set: Set<bigint>, value: bigint): void {
		set.delete(value)
		if (!this.#own.has(value) && !this.#lent.has(value) && !this.#reserved.has(value)) this.#used.delete(value)
	}
}
