/** What is written in a key, which another version of weft, or another program, may have written. Pure. */
import type { Entry } from './cluster.ts'

/** None where it is not an object. */
export function fieldsIn({ value }: Pick<Entry, 'value'>): Readonly<Record<string, unknown>> {
	try {
		return Object(JSON.parse(value))
	} catch {
		return {}
	}
}
