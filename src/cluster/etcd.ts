/** The cluster on etcd 3.4 or newer, by its JSON gateway. */
import { isCode, WeftError } from '../errors.ts'
import type { Changes, Cluster, Condition, Entry, Snapshot, Write } from './cluster.ts'
import {
	changesOf,
	fieldsOf,
	keyRange,
	leaseOf,
	prefixRange,
	revisionOf,
	snapshotOf,
	transactionOf,
} from './etcd-codec.ts'
import { Endpoints, type EtcdOptions } from './etcd-endpoints.ts'

export class Etcd implements Cluster {
	readonly #endpoints: Endpoints

	/** Connects with the first call. */
	constructor(options: EtcdOptions) {
		this.#endpoints = new Endpoints(options)
	}

	async get(key: string): Promise<Entry | undefined> {
		return snapshotOf(await this.#endpoints.call('/v3/kv/range', keyRange(key))).entries[0]
	}

	async range(prefix: string): Promise<Snapshot> {
		return snapshotOf(await this.#endpoints.call('/v3/kv/range', prefixRange(prefix)))
	}

	async transaction(conditions: readonly Condition[], writes: readonly Write[]): Promise<number | undefined> {
		const answer = await this.#endpoints.call('/v3/kv/txn', transactionOf(conditions, writes), false)
		return answer.succeeded === true ? revisionOf(answer) : undefined
	}

	async *watch(prefix: string, after: number, signal: AbortSignal): AsyncGenerator<Changes> {
		const range = { ...prefixRange(prefix), start_revision: String(after + 1), progress_notify: true }
		for await (const message of this.#endpoints.stream('/v3/watch', { create_request: range }, signal)) {
			if (message.compact_revision !== undefined) {
				throw new WeftError('compacted', `etcd no longer keeps what happened after revision ${after}`)
			}
			// The first one has the revision of now, and not the one from which on it tells.
			if (message.created !== true) yield changesOf(message)
		}
	}

	async grant(seconds: number): Promise<string> {
		return leaseOf((await this.#endpoints.call('/v3/lease/grant', { TTL: String(seconds) })).ID)
	}

	async keepAlive(lease: string): Promise<boolean> {
		const { result } = await this.#endpoints.call('/v3/lease/keepalive', { ID: lease })
		// None is left of one that is over.
		return fieldsOf(result).TTL !== undefined
	}

	async revoke(lease: string): Promise<void> {
		try {
			await this.#endpoints.call('/v3/lease/revoke', { ID: lease })
		} catch (error) {
			if (!isCode(error, 'not-found')) throw error
		}
	}

	async close(): Promise<void> {
		this.#endpoints.close()
	}
}
