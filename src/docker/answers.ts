/** Answers of Docker's, of which nothing is believed without a look. Pure. */
import { WeftError } from '../errors.ts'

export function listOf(answer: unknown, what: string): unknown[] {
	if (Array.isArray(answer)) return answer
	throw new WeftError('system', `Docker answers without a list of ${what}`)
}

export function fieldOf(value: unknown, name: string): unknown {
	return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

/** Empty for what is none. */
export function text(value: unknown): string {
	return typeof value === 'string' ? value : ''
}
