/** The store on LevelDB. Commits that arrive while the disk is busy go together in one synced batch. */
import { join } from 'node:path'
import { Level } from 'level'
import { messageOf, WeftError } from '../errors.ts'
import { ADVICE, damage, markCreated, prepare, type Refusal, refusalOf } from './directory.ts'
import { checkNames, nameOf, RecordTable } from './records.ts'
import type { Change, Kind, Records, Store } from './store.ts'

/** Raised when a record's shape changes. A state of another one is refused: see README. */
const SCHEMA = '4'
const SCHEMA_NAME = 'meta!!schema'
const FINGERPRINT_NAME = 'meta!!fingerprint'

interface Waiting {
	readonly changes: readonly Change[]
	/** Each change's value as it is written; undefined where the record is taken away. */
	readonly texts: readonly (string | undefined)[]
	readonly done: () => void
	readonly failed: (error: unknown) => void
}

export class LevelStore implements Store {
	readonly #db: Level<string, string>
	readonly #records: RecordTable
	#waiting: Waiting[] = []
	#writing: Promise<void> | undefined
	/** What batches that failed were to change: some of them may be on the disk all the same. */
	readonly #doubtful = new Map<string, Change>()

	private constructor(db: Level<string, string>, records: RecordTable) {
		this.#db = db
		this.#records = records
	}

	/** @throws WeftError `in-use` when another daemon has it, `system` when it is damaged or not writable. */
	static async open(stateDirectory: string): Promise<LevelStore> {
		const directory = join(stateDirectory, 'db')
		const created = await prepare(directory)
		const db = new Level<string, string>(directory, { valueEncoding: 'utf8', createIfMissing: !created })
		try {
			await db.open()
		} catch (error) {
			throw openError(directory, error)
		}
		try {
			const records = await load(db, created, refusalOf(directory))
			if (!created) await markCreated(directory)
			return new LevelStore(db, records)
		} catch (error) {
			await db.close()
			throw error
		}
	}

	get<K extends Kind>(kind: K, group: string, id: string): Records[K] | undefined {
		return this.#records.get(kind, group, id)
	}

	list<K extends Kind>(kind: K, group: string): readonly Records[K][] {
		return this.#records.list(kind, group)
	}

	commit(changes: readonly Change[]): Promise<void> {
		if (changes.length === 0) return Promise.resolve()
		return new Promise((done, failed) => {
			changes.forEach(checkNames)
			const texts = changes.map((change) => (change.value === undefined ? undefined : JSON.stringify(change.value)))
			this.#waiting.push({ changes, texts, done, failed })
			this.#writing ??= this.#writeAll()
		})
	}

	async close(): Promise<void> {
		await this.#writing
		await this.#db.close()
	}

	async #writeAll(): Promise<void> {
		while (this.#waiting.length > 0) {
			const group = this.#waiting
			this.#waiting = []
			await this.#write(group)
		}
		this.#writing = undefined
	}

	async #write(group: readonly Waiting[]): Promise<void> {
		const changes = group.flatMap((each) => each.changes)
		const texts = group.flatMap((each) => each.texts)
		const operations = changes.map((change, i) => operation(change, texts[i]))
		const fingerprint = this.#records.fingerprintAfter(changes, texts)
		try {
			if (this.#doubtful.size > 0) await this.#openAnew()
			const undone = Array.from(this.#doubtful.values(), (change) => this.#asItIs(change))
			const mark = { type: 'put' as const, key: FINGERPRINT_NAME, value: fingerprint }
			await this.#db.batch([...undone, ...operations, mark], { sync: true })
			this.#doubtful.clear()
		} catch (error) {
			for (const change of changes) this.#doubtful.set(nameOf(change), change)
			const failure = new WeftError('system', `cannot write the state: ${reasonOf(error)}`, { cause: error })
			for (const each of group) each.failed(failure)
			return
		}
		changes.forEach((change, i) => {
			this.#records.apply(change, texts[i])
		})
		for (const each of group) each.done()
	}

	/** A write that fails can leave half a record in the log, behind which nothing would be read again: begins another. */
	async #openAnew(): Promise<void> {
		await this.#db.close()
		await this.#db.open()
	}

	/** What puts the record on the disk as it is in memory. */
	#asItIs({ kind, group, id }: Change): Operation {
		const value = this.#records.get(kind, group, id)
		return operation({ kind, group, id }, value === undefined ? undefined : JSON.stringify(value))
	}
}

type Operation = { type: 'del'; key: string } | { type: 'put'; key: string; value: string }

function operation(record: Pick<Change, 'kind' | 'group' | 'id'>, text: string | undefined): Operation {
	const key = nameOf(record)
	return text === undefined ? { type: 'del', key } : { type: 'put', key, value: text }
}

/** Level's own error of a database that does not open says just that. */
function reasonOf(error: unknown): string {
	return messageOf(error instanceof Error && error.cause instanceof Error ? error.cause : error)
}

function openError(directory: string, error: unknown): WeftError {
	const cause = error instanceof Error ? error.cause : undefined
	if (cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_LOCKED') {
		return new WeftError('in-use', `the state in ${directory} is in use by another weftd`, { cause: error })
	}
	const why = reasonOf(error)
	// The first file that LevelDB writes.
	const advice = why.includes('/LOCK: ') ? `; ${ADVICE}` : ''
	return new WeftError('system', `the state in ${directory} cannot be opened: ${why}${advice}`, { cause: error })
}

async function load(db: Level<string, string>, created: boolean, refuse: Refusal): Promise<RecordTable> {
	const records = new RecordTable()
	const entries = await readAll(db, refuse)
	const meta = new Map(entries.filter(([name]) => name.startsWith('meta!')))
	if (entries.length === 0 && !created) {
		await db.batch([{ type: 'put', key: SCHEMA_NAME, value: SCHEMA }], { sync: true })
		return records
	}
	const schema = meta.get(SCHEMA_NAME)
	if (schema === undefined) throw damage(refuse, 'the schema is missing')
	if (schema !== SCHEMA) throw refuse(`has schema ${schema}; this weftd reads schema ${SCHEMA}`)
	for (const [name, text] of entries) {
		if (!name.startsWith('meta!')) records.apply(parse(name, text, refuse), text)
	}
	if (records.fingerprint !== (meta.get(FINGERPRINT_NAME) ?? new RecordTable().fingerprint)) {
		throw damage(refuse, 'records are missing or altered')
	}
	return records
}

async function readAll(db: Level<string, string>, refuse: Refusal): Promise<[string, string][]> {
	try {
		return await db.iterator().all()
	} catch (error) {
		throw damage(refuse, messageOf(error), error)
	}
}

function parse(name: string, text: string, refuse: Refusal): Change {
	const [kind, group, id] = name.split('!')
	try {
		return { kind, group, id, value: JSON.parse(text) } as Change
	} catch (error) {
		throw damage(refuse, `the record ${JSON.stringify(name)} cannot be read`, error)
	}
}
