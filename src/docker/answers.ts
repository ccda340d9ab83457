/** Answers of Docker's, of which nothing is believed without a look. Pure. */
import { WeftError } from '../errors.ts'

export function listOf(answer: unknown, what: string): unknown[] {
	if (Array.isArray(answer)) return answer
	throw new WeftError('system', `Docker answers without a list of ${what}`)
}

export function fieldOf(value: unknown, name: string): unknown {
	return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

/** Its own, without those by which others know it (`--link`), which have two slashes; empty where there is none. */
export function nameOf(container: unknown): string {
	const names = fieldOf(container, 'Names')
	const own = Array.isArray(names) ? names.find((each) => text(each).lastIndexOf('/') === 0) : ''
	return text(own).replace(/^\//, '')
}

/** Empty for what is none. */
export function text(value: unknown): string {
	return typeof value === 'string' ? value : ''
}
