/** The state as a whole, in memory: what reads are answered from, and what its fingerprint is. */
import { createHash } from 'node:crypto'
import { invalid } from '../errors.ts'
import type { Change, Kind, Records } from './store.ts'

type Name = Pick<Change, 'kind' | 'group' | 'id'>

/** `kind!group!id`, the name of a record on disk. */
export function nameOf(record: Name): string {
	return `${record.kind}!${record.group}!${record.id}`
}

/** @throws WeftError `invalid` for a name that would be read back as another one: the next start would call it damage. */
export function checkNames(record: Name): void {
	for (const part of [record.group, record.id]) {
		if (/[!\p{Cc}\p{Cs}]/u.test(part)) throw invalid(`${JSON.stringify(part)} cannot name a record of the state`)
	}
}

/** 64 bits of a record; the fingerprint of the state is all of them combined by XOR, so that order does not matter. */
function digestOf(name: string, text: string): bigint {
	return createHash('sha1').update(name).update('\0').update(text).digest().readBigUInt64BE(0)
}

interface Entry {
	readonly value: Records[Kind]
	readonly digest: bigint
}

export class RecordTable {
	readonly #groups = new Map<string, Map<string, Entry>>()
	#fingerprint = 0n

	get fingerprint(): string {
		return this.#fingerprint.toString(16).padStart(16, '0')
	}

	get<K extends Kind>(kind: K, group: string, id: string): Records[K] | undefined {
		return this.#groups.get(`${kind}!${group}`)?.get(id)?.value as Records[K] | undefined
	}

	list<K extends Kind>(kind: K, group: string): Records[K][] {
		return Array.from(this.#groups.get(`${kind}!${group}`)?.values() ?? [], (entry) => entry.value as Records[K])
	}

	/** The fingerprint that the state would have after these changes, the last one of a record winning. */
	fingerprintAfter(changes: readonly Change[], texts: readonly (string | undefined)[]): string {
		const digests = new Map<string, bigint>()
		let fingerprint = this.#fingerprint
		changes.forEach((change, i) => {
			const name = nameOf(change)
			const text = texts[i]
			const before = digests.get(name) ?? this.#entry(change)?.digest ?? 0n
			const after = text === undefined ? 0n : digestOf(name, text)
			digests.set(name, after)
			fingerprint ^= before ^ after
		})
		return fingerprint.toString(16).padStart(16, '0')
	}

	apply(change: Change, text: string | undefined): void {
		const key = `${change.kind}!${change.group}`
		const group = this.#groups.get(key) ?? new Map<string, Entry>()
		this.#fingerprint ^= group.get(change.id)?.digest ?? 0n
		if (change.value === undefined || text === undefined) {
			group.delete(change.id)
		} else {
			const digest = digestOf(nameOf(change), text)
			this.#fingerprint ^= digest
			group.set(change.id, { value: change.value, digest })
		}
		if (group.size === 0) this.#groups.delete(key)
		else this.#groups.set(key, group)
	}

	#entry(change: Change): Entry | undefined {
		return this.#groups.get(`${change.kind}!${change.group}`)?.get(change.id)
	}
}
