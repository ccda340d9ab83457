/**
 * All keys with a prefix, as this host knows them: read, then followed by a watch. Whenever that breaks off they are read
 * again, which serves after an outage, after a compaction and for an etcd that was put back from a backup alike. What is
 * known stays known meanwhile.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster, Entry } from './cluster.ts'

/** Milliseconds from one failure to the next attempt. */
const PAUSE = 1000

export interface MirrorListener {
	/** These are different, come or gone; or all was read for the first time. */
	changed(keys: readonly string[]): void
	/** The first failure after it was well. */
	failed(error: unknown): void
}

export class Mirror {
	readonly #cluster: Cluster
	readonly #prefix: string
	readonly #listener: MirrorListener
	readonly #pause: number
	readonly #ending = new AbortController()
	#entries: ReadonlyMap<string, Entry> | undefined
	#following: Promise<void> = Promise.resolve()
	#well = true

	constructor(cluster: Cluster, prefix: string, listener: MirrorListener, pause = PAUSE) {
		this.#cluster = cluster
		this.#prefix = prefix
		this.#listener = listener
		this.#pause = pause
	}

	/** By their keys; undefined until they were read. */
	get entries(): ReadonlyMap<string, Entry> | undefined {
		return this.#entries
	}

	open(): void {
		this.#following = this.#follow()
	}

	async close(): Promise<void> {
		this.#ending.abort()
		await this.#following
	}

	async #follow(): Promise<void> {
		const { signal } = this.#ending
		while (!signal.aborted) {
			try {
				await this.#readAndWatch(signal)
			} catch (error) {
				if (signal.aborted) return
				if (this.#well) this.#listener.failed(error)
				this.#well = false
				await sleep(this.#pause, undefined, { signal }).catch(() => undefined)
			}
		}
	}

	async #readAndWatch(signal: AbortSignal): Promise<void> {
		const { revision, entries } = await this.#cluster.range(this.#prefix)
		if (signal.aborted) return
		this.#well = true
		this.#become(new Map(entries.map((entry) => [entry.key, entry])))
		for await (const changes of this.#cluster.watch(this.#prefix, revision, signal)) {
			const next = new Map(this.#entries)
			for (const entry of changes.entries) {
				if ('value' in entry) next.set(entry.key, entry)
				else next.delete(entry.key)
			}
			if (changes.entries.length > 0) this.#become(next)
		}
	}

	#become(next: ReadonlyMap<string, Entry>): void {
		const before = this.#entries
		this.#entries = next
		const keys = differences(before ?? new Map(), next)
		if (before === undefined || keys.length > 0) this.#listener.changed(keys)
	}
}

function differences(a: ReadonlyMap<string, Entry>, b: ReadonlyMap<string, Entry>): string[] {
	const gone = [...a.keys()].filter((key) => !b.has(key))
	return [
		...gone,
		...[...b.values()].filter(({ key, revision }) => a.get(key)?.revision !== revision).map(({ key }) => key),
	]
}
