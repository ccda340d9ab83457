/**
 * The messages of etcd's JSON gateway (api_grpc_gateway.md, rpc.proto): base64 for bytes, text for 64-bit numbers, and
 * nothing for a zero. What arrives is checked here. Pure.
 */
import { WeftError } from '../errors.ts'
import type { Changes, Condition, Entry, Snapshot, Write } from './cluster.ts'

type Fields = Readonly<Record<string, unknown>>

export function fieldsOf(value: unknown): Fields {
	if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
	throw alien(value)
}

/** What an etcd does not say. */
export function alien(value: unknown): WeftError {
	const text = typeof value === 'string' ? value : JSON.stringify(value)
	// What etcd's embed/serve.go says, in plain text, before it looks at the login.
	if (/CommonName of client/.test(text)) {
		return new WeftError(
			'system',
			'with logins etcd takes no certificate with a CommonName: WEFT_CLUSTER_CERT has to be without',
		)
	}
	return new WeftError('system', `this is not an answer of etcd 3.4 or newer: ${String(text).slice(0, 200)}`)
}

function listOf(value: unknown): readonly unknown[] {
	if (value === undefined) return []
	if (Array.isArray(value)) return value
	throw alien(value)
}

/** Revisions stay far below 2^53. */
function numberOf(value: unknown): number {
	const number = Number(value ?? 0)
	if (Number.isSafeInteger(number)) return number
	throw alien(value)
}

/** A lease has up to 63 bits. */
export function leaseOf(value: unknown): string {
	if (typeof value === 'string' && /^\d{1,19}$/.test(value)) return value
	throw alien(value)
}

export function textOf(value: unknown): string {
	if (value === undefined) return ''
	if (typeof value === 'string') return value
	throw alien(value)
}

function encode(text: string): string {
	return Buffer.from(text).toString('base64')
}

function decode(value: unknown): string {
	return Buffer.from(textOf(value), 'base64').toString()
}

export function keyRange(key: string): Fields {
	return { key: encode(key) }
}

/** From the prefix to the first key behind all that start with it. */
export function prefixRange(prefix: string): Fields {
	const end = Buffer.from(prefix)
	// UTF-8 has no byte 255, so the last one can be counted up.
	end.writeUInt8((end.at(-1) ?? 0) + 1, end.length - 1)
	return { key: encode(prefix), range_end: end.toString('base64') }
}

export function entryOf(value: unknown): Entry {
	const { key, value: text, mod_revision, lease } = fieldsOf(value)
	const entry = { key: decode(key), value: decode(text), revision: numberOf(mod_revision) }
	return lease === undefined ? entry : { ...entry, lease: leaseOf(lease) }
}

export function revisionOf(answer: Fields): number {
	return numberOf(fieldsOf(answer.header).revision)
}

export function snapshotOf(answer: Fields): Snapshot {
	return { revision: revisionOf(answer), entries: listOf(answer.kvs).map(entryOf) }
}

export function transactionOf(conditions: readonly Condition[], writes: readonly Write[]): Fields {
	return {
		compare: conditions.map(({ key, revision }) => ({
			...keyRange(key),
			target: 'MOD',
			result: 'EQUAL',
			mod_revision: String(revision),
		})),
		success: writes.map(({ key, value, lease }) =>
			value === undefined
				? { request_delete_range: keyRange(key) }
				: { request_put: { ...keyRange(key), value: encode(value), ...(lease === undefined ? {} : { lease }) } },
		),
	}
}

/** A message of a watch. The header's revision is ahead of the events while it catches up, and counts only without any. */
export function changesOf(answer: Fields): Changes {
	const events = listOf(answer.events).map(fieldsOf)
	const entries = events.map(({ type, kv }) => (type === 'DELETE' ? { key: entryOf(kv).key } : entryOf(kv)))
	const last = events.at(-1)
	return { revision: last === undefined ? revisionOf(answer) : entryOf(last.kv).revision, entries }
}

export interface Failure {
	/** Of gRPC. */
	readonly code: number
	readonly message: string
}

/** What an answer with an HTTP status of an error says, or a message of a stream. */
export function failureOf(value: unknown): Failure {
	const fields = fieldsOf(value)
	const inner = typeof fields.error === 'object' ? fieldsOf(fields.error) : fields
	return { code: numberOf(inner.code ?? inner.grpc_code), message: textOf(inner.message ?? inner.error) }
}
