/**
 * A cluster without etcd, for tests of what stands above it: the same answers, and faults on demand. A `MemoryServer` is what
 * all hosts share, with a clock of its own; a `MemoryCluster` is one host's connection to it.
 */
import type { Changes, Cluster, Condition, Entry, Snapshot, Write } from '../../src/cluster/cluster.ts'
import { WeftError } from '../../src/errors.ts'

interface Lease {
	readonly seconds: number
	/** Milliseconds of the clock. */
	until: number
}

export class MemoryServer {
	readonly #now: () => number
	readonly #real: boolean
	readonly #entries = new Map<string, Entry>()
	readonly #leases = new Map<string, Lease>()
	readonly #waiting = new Set<() => void>()
	#history: Changes[] = []
	#revision = 1
	#compacted = 0
	#granted = 0

	/** Milliseconds, of no particular day. Without it leases end by the real clock. */
	constructor(now?: () => number) {
		this.#now = now ?? Date.now
		this.#real = now === undefined
	}

	get revision(): number {
		return this.#revision
	}

	entries(prefix: string): Entry[] {
		this.#expire()
		const found = Array.from(this.#entries.values()).filter(({ key }) => key.startsWith(prefix))
		return found.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
	}

	transact(conditions: readonly Condition[], writes: readonly Write[]): number | undefined {
		this.#expire()
		if (conditions.some(({ key, revision }) => (this.#entries.get(key)?.revision ?? 0) !== revision)) return undefined
		const over = writes.find(({ lease }) => lease !== undefined && !this.#leases.has(lease))
		if (over !== undefined) throw new WeftError('not-found', 'etcd: requested lease not found')
		return this.#write(writes)
	}

	grant(seconds: number): string {
		const lease = String(++this.#granted)
		this.#leases.set(lease, { seconds, until: Number.POSITIVE_INFINITY })
		this.keepAlive(lease)
		return lease
	}

	keepAlive(lease: string): boolean {
		this.#expire()
		const found = this.#leases.get(lease)
		if (found === undefined) return false
		found.until = this.#now() + found.seconds * 1000
		// For those who watch.
		if (this.#real) setTimeout(() => this.#expire(), found.seconds * 1000 + 1).unref()
		return true
	}

	revoke(lease: string): void {
		if (!this.#leases.delete(lease)) return
		const gone = Array.from(this.#entries.values()).filter((entry) => entry.lease === lease)
		if (gone.length > 0) this.#write(gone.map(({ key }) => ({ key })))
	}

	/** Forgets what was before this revision. */
	compact(revision = this.#revision): void {
		this.#compacted = revision
		this.#history = this.#history.filter((each) => each.revision >= revision)
	}

	/** What happened after a revision, as a watch would tell it. */
	since(after: number): readonly Changes[] {
		this.#expire()
		if (after + 1 < this.#compacted) {
			throw new WeftError('compacted', `etcd no longer keeps what happened after revision ${after}`)
		}
		return this.#history.filter(({ revision }) => revision > after)
	}

	/** Resolves with the next change, or when `wake` is called. */
	changed(): Promise<void> {
		return new Promise((resolve) => {
			this.#waiting.add(resolve)
		})
	}

	wake(): void {
		for (const each of this.#waiting) each()
		this.#waiting.clear()
	}

	#write(writes: readonly Write[]): number {
		const revision = this.#revision + 1
		const entries = writes.flatMap(({ key, value, lease }): (Entry | { key: string })[] => {
			if (value === undefined) return this.#entries.delete(key) ? [{ key }] : []
			const entry = { key, value, revision, ...(lease === undefined ? {} : { lease }) }
			this.#entries.set(key, entry)
			return [entry]
		})
		if (entries.length === 0) return this.#revision
		this.#revision = revision
		this.#history.push({ revision, entries })
		this.wake()
		return revision
	}

	#expire(): void {
		for (const [lease, { until }] of this.#leases) if (until <= this.#now()) this.revoke(lease)
	}
}

/** `cut`: nothing arrives. `deaf`: what is asked for is done, and the answer gets lost. */
export type Fault = 'cut' | 'deaf'

export class MemoryCluster implements Cluster {
	readonly #server: MemoryServer
	#fault: Fault | undefined
	#closed = false

	constructor(server = new MemoryServer()) {
		this.#server = server
	}

	set fault(fault: Fault | undefined) {
		this.#fault = fault
		this.#server.wake()
	}

	async get(key: string): Promise<Entry | undefined> {
		return await this.#call((server) => server.entries(key).find((entry) => entry.key === key))
	}

	async range(prefix: string): Promise<Snapshot> {
		return await this.#call((server) => {
			const entries = server.entries(prefix)
			return { revision: server.revision, entries }
		})
	}

	async transaction(conditions: readonly Condition[], writes: readonly Write[]): Promise<number | undefined> {
		return await this.#call((server) => server.transact(conditions, writes))
	}

	async *watch(prefix: string, after: number, signal: AbortSignal): AsyncGenerator<Changes> {
		let told = after
		const wake = () => this.#server.wake()
		signal.addEventListener('abort', wake)
		try {
			while (!signal.aborted) {
				const changed = this.#server.changed()
				const news = await this.#call((server) => server.since(told))
				for (const { revision, entries } of news) {
					told = revision
					const matching = entries.filter(({ key }) => key.startsWith(prefix))
					if (matching.length > 0) yield { revision, entries: matching }
				}
				if (news.length === 0 && !signal.aborted) await changed
			}
		} finally {
			signal.removeEventListener('abort', wake)
		}
	}

	async grant(seconds: number): Promise<string> {
		return await this.#call((server) => server.grant(seconds))
	}

	async keepAlive(lease: string): Promise<boolean> {
		return await this.#call((server) => server.keepAlive(lease))
	}

	async revoke(lease: string): Promise<void> {
		await this.#call((server) => server.revoke(lease))
	}

	async close(): Promise<void> {
		this.#closed = true
		this.#server.wake()
	}

	async #call<T>(work: (server: MemoryServer) => T): Promise<T> {
		await new Promise(setImmediate)
		this.#check('cut')
		const answer = work(this.#server)
		await new Promise(setImmediate)
		this.#check('deaf')
		return answer
	}

	#check(fault: Fault): void {
		if (!this.#closed && this.#fault !== 'cut' && this.#fault !== fault) return
		throw new WeftError('unreachable', 'etcd gives no answer: it is cut off by the test')
	}
}
