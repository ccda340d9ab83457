/**
 * TypeBox's schemas, with its types and without its code: the few kinds that the protocol needs are plain JSON Schema,
 * and the 370 files of the package would take a third of the time until the daemon serves.
 */
import type {
	Static,
	TArray,
	TBoolean,
	TInteger,
	TObject,
	TOptional,
	TProperties,
	TSchema,
	TString,
	TUnsafe,
} from 'typebox/type'

/** Keywords of JSON Schema, and `description`, which failure.ts puts into the refusal. */
type Keywords = Readonly<Record<string, unknown>>

/** Go writes an absent map, list or pointer as `null`; `nullable` is Ajv's word for it and keeps its errors short. */
type Maybe<T extends TSchema> = TOptional<TUnsafe<Static<T> | null>>

/** The schemas that `maybe` has made: their fields are not required. */
const optional = new WeakSet<object>()

function schema<T extends TSchema>(keywords: Keywords): T {
	return { ...keywords } as unknown as T
}

export function string(keywords: Keywords = {}): TString {
	return schema({ type: 'string', ...keywords })
}

export function boolean(): TBoolean {
	return schema({ type: 'boolean' })
}

export function integer(keywords: Keywords = {}): TInteger {
	return schema({ type: 'integer', ...keywords })
}

export function array<T extends TSchema>(items: T): TArray<T> {
	return schema({ type: 'array', items })
}

export function object<P extends TProperties>(properties: P): TObject<P> {
	const required = Object.entries(properties).flatMap(([name, each]) => (optional.has(each) ? [] : [name]))
	return schema({ type: 'object', properties, required })
}

/** Any names, all with values of one kind; not by a pattern, which would let a name with a newline pass unchecked. */
export function record<T extends TSchema>(values: T): TUnsafe<Record<string, Static<T>>> {
	return schema({ type: 'object', additionalProperties: values })
}

/** Any names and values. */
export function anything(): TUnsafe<Record<string, unknown>> {
	return schema({ type: 'object' })
}

/** A field that may be absent or null. */
export function maybe<T extends TSchema>(present: T): Maybe<T> {
	const found = schema<Maybe<T>>({ ...(present as Keywords), nullable: true })
	optional.add(found)
	return found
}
