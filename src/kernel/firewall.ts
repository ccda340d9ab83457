/**
 * Keeps the elements of weft's tables as the planners want them. What is wanted is held here whole; a change is sent as
 * the difference, and where the kernel does not know what we think it knows (somebody flushed it) the tables are made
 * anew. Changes that arrive while one is being applied go together in the next transaction.
 */

import { messageOf, within } from '../errors.ts'
import { type Element, identity } from './resource.ts'
import { type Listing, readListing, renderElement, renderElements, renderTables, SETS, TABLES } from './ruleset.ts'

/** Milliseconds after which tables that were made are looked at: when the start is over, of which they are a part. */
const FIRST_LOOK = 1000

/** Runs nft commands as one transaction; what they print. */
export type NftRunner = (commands: string) => Promise<string>

interface Waiting {
	readonly done: () => void
	readonly failed: (error: unknown) => void
}

export class Firewall {
	readonly #run: NftRunner
	readonly #tables: typeof TABLES
	/** What should be in the kernel and what has been put there, by identity; `dirty` names where they may differ. */
	#wanted = new Map<string, Element>()
	#present = new Map<string, Element>()
	#dirty = new Set<string>()
	/** The table has to be made anew, whatever is thought to be present. */
	#anew = true
	/** The tables' chains as the kernel lists them, as far as that has been seen since they were made. */
	#chains = new Map<string, string>()
	#firstLook: NodeJS.Timeout | undefined
	#waiting: Waiting[] = []
	#applying: Promise<void> | undefined

	/** `tables` are those that this kernel can have. */
	constructor(run: NftRunner, tables = TABLES) {
		this.#run = run
		this.#tables = tables
	}

	has(element: Element): boolean {
		return same(this.#wanted.get(identity(element)), element)
	}

	/** Looks at nothing any more by itself. */
	close(): void {
		clearTimeout(this.#firstLook)
	}

	/** Makes the tables hold these elements and no others, whatever is there now. */
	replace(elements: readonly Element[]): Promise<void> {
		this.#wanted = new Map(elements.map((element) => [identity(element), element]))
		return this.renew()
	}

	/** Makes the whole table anew, whatever is there now. */
	renew(): Promise<void> {
		this.#anew = true
		return this.#settle()
	}

	/**
	 * Where the tables in the kernel are not what was put there, for people. Their chains are held against what they were soon
	 * after they were made. @throws WeftError where the kernel does not tell
	 */
	async drift(): Promise<readonly string[]> {
		while (this.#applying !== undefined) await this.#applying
		const look = this.#look()
		// Changes wait meanwhile, as for each other.
		this.#applying = look.then(
			() => this.#applyAll(),
			() => this.#applyAll(),
		)
		return look
	}

	async #look(): Promise<readonly string[]> {
		if (this.#anew) return ['a change had been refused']
		const found: string[] = []
		for (const { name } of this.#tables) {
			const text = await this.#run(`list table ${name}\n`).catch((error: unknown) => {
				if (!isMissing(error)) throw within(`table ${name} cannot be looked at`, error)
				return undefined
			})
			if (text === undefined) found.push(`table ${name} was gone`)
			else found.push(...this.#compare(name, readListing(text)))
		}
		return found
	}

	#compare(table: string, { chains, elements }: Listing): string[] {
		const wanted = [...this.#present.values()].filter(({ set }) => SETS[set]?.table === table)
		const names = new Set(wanted.map((each) => `${each.set} ${renderElement(each)}`))
		const chainsWere = this.#chains.get(table) ?? chains
		this.#chains.set(table, chainsWere)
		return [
			...[...names].filter((name) => !elements.has(name)).map((name) => `element ${name} was gone`),
			...[...elements].filter((name) => !names.has(name)).map((name) => `element ${name} was added`),
			...(chains === chainsWere ? [] : [`chains of ${table} were changed`]),
		]
	}

	add(elements: readonly Element[]): Promise<void> {
		if (elements.length === 0) return Promise.resolve()
		for (const element of elements) {
			this.#wanted.set(identity(element), element)
			this.#dirty.add(identity(element))
		}
		return this.#settle()
	}

	/** Takes away what is there of these; what is not there does not matter. */
	remove(elements: readonly Element[]): Promise<void> {
		if (elements.length === 0) return Promise.resolve()
		for (const element of elements) {
			this.#wanted.delete(identity(element))
			this.#dirty.add(identity(element))
		}
		return this.#settle()
	}

	/** Returns when a transaction with all that is wanted by now has been applied. */
	#settle(): Promise<void> {
		return new Promise((done, failed) => {
			this.#waiting.push({ done, failed })
			this.#applying ??= this.#applyAll()
		})
	}

	async #applyAll(): Promise<void> {
		// Let the other calls of this turn join.
		await Promise.resolve()
		while (this.#waiting.length > 0) {
			const group = this.#waiting
			this.#waiting = []
			try {
				await this.#apply()
				for (const each of group) each.done()
			} catch (error) {
				for (const each of group) each.failed(error)
			}
		}
		this.#applying = undefined
	}

	async #apply(): Promise<void> {
		const dirty = this.#dirty
		this.#dirty = new Set()
		const anew = this.#anew
		this.#anew = false
		try {
			if (anew || !(await this.#applyDifference(dirty))) await this.#applyWhole()
		} catch (error) {
			this.#anew = true
			throw error
		}
	}

	async #applyWhole(): Promise<void> {
		const wanted = new Map(this.#wanted)
		await this.#run(renderTables([...wanted.values()], this.#tables))
		this.#present = wanted
		this.#chains.clear()
		clearTimeout(this.#firstLook)
		// What it finds amiss is found again by whoever asks.
		this.#firstLook = setTimeout(() => void this.drift().catch(() => undefined), FIRST_LOOK).unref()
	}

	/** False where the kernel refuses: its tables are then not what we left there, and have to be made anew. */
	async #applyDifference(dirty: ReadonlySet<string>): Promise<boolean> {
		const present = this.#present
		const gone: Element[] = []
		const fresh: Element[] = []
		for (const id of dirty) {
			const before = present.get(id)
			const after = this.#wanted.get(id)
			// A map's key that leads elsewhere now is taken away and added again, in one transaction.
			if (before !== undefined && !same(after, before)) gone.push(before)
			if (after !== undefined && !same(before, after)) fresh.push(after)
		}
		if (gone.length + fresh.length === 0) return true
		try {
			await this.#run(renderElements('delete', gone) + renderElements('add', fresh))
		} catch {
			return false
		}
		for (const element of gone) present.delete(identity(element))
		for (const element of fresh) present.set(identity(element), element)
		return true
	}
}

/** In the words of strerror(3): nft tells of no number. */
function isMissing(error: unknown): boolean {
	return messageOf(error).includes('No such file or directory')
}

function same(a: Element | undefined, b: Element): boolean {
	return a !== undefined && (a.value ?? []).join(' ') === (b.value ?? []).join(' ')
}
