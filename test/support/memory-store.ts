/**
 * The store without a disk, for tests of what stands above it: same order, same all-or-nothing, same refusals. `failure`
 * makes commits fail as a full disk would, `commits` shows what was asked for.
 */
import { WeftError } from '../../src/errors.ts'
import { checkNames, nameOf } from '../../src/store/records.ts'
import type { Change, Kind, Records, Store } from '../../src/store/store.ts'

export class MemoryStore implements Store {
	/** While set, every commit is refused with it as the cause. */
	failure: Error | undefined
	readonly commits: (readonly Change[])[] = []
	readonly #values = new Map<string, Records[Kind]>()
	#closed = false

	get<K extends Kind>(kind: K, group: string, id: string): Records[K] | undefined {
		return this.#values.get(nameOf({ kind, group, id })) as Records[K] | undefined
	}

	list<K extends Kind>(kind: K, group: string): readonly Records[K][] {
		const start = nameOf({ kind, group, id: '' })
		return Array.from(this.#values).flatMap(([name, value]) => (name.startsWith(start) ? [value as Records[K]] : []))
	}

	/** Of all records: `kind!group!id`. */
	names(): string[] {
		return [...this.#values.keys()]
	}

	async commit(changes: readonly Change[]): Promise<void> {
		for (const change of changes) checkNames(change)
		const texts = changes.map((change) => (change.value === undefined ? undefined : JSON.stringify(change.value)))
		const failure = this.#closed ? new Error('the store is closed') : this.failure
		// Later, as with a disk: who reads before the answer sees the state before.
		await new Promise(setImmediate)
		if (failure !== undefined) {
			throw new WeftError('system', `cannot write the state: ${failure.message}`, { cause: failure })
		}
		this.commits.push(changes)
		changes.forEach((change, i) => {
			const text = texts[i]
			if (text === undefined) this.#values.delete(nameOf(change))
			else this.#values.set(nameOf(change), JSON.parse(text))
		})
	}

	async close(): Promise<void> {
		this.#closed = true
	}
}
