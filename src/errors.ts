/**
 * The one error class of weft. A `code` tells what kind of failure it is, the message is written for the person who
 * typed the command; each layer that passes an error on may put a noun phrase in front of it. Imports nothing.
 */

export type ErrorCode =
	/** The request itself is wrong: bad option, bad address, malformed body. */
	| 'invalid'
	/** Something named in the request does not exist. */
	| 'not-found'
	/** Something of that name or id exists already, or overlaps with what is asked for. */
	| 'exists'
	/** It exists and is in use by somebody else: a port, a bridge, an address. */
	| 'in-use'
	/** A pool or the address space has nothing left to give. */
	| 'exhausted'
	/** The kernel, a program, the disk or the cluster refused. */
	| 'system'
	/** No endpoint of the cluster answers. */
	| 'unreachable'
	/** The history that was asked for is no longer kept. */
	| 'compacted'

export interface ErrorDetails {
	readonly cause?: unknown
	/** The kernel's error by name, such as `EEXIST`, where there was one. */
	readonly errno?: string
}

export class WeftError extends Error {
	readonly code: ErrorCode
	readonly errno: string | undefined

	constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
		super(message, 'cause' in details ? { cause: details.cause } : undefined)
		this.name = 'WeftError'
		this.code = code
		this.errno = details.errno
	}
}

export function invalid(message: string): WeftError {
	return new WeftError('invalid', message)
}

/** True for an error whose kernel error is one of the given names, such as `EEXIST`. */
export function isErrno(error: unknown, ...names: string[]): error is WeftError {
	return error instanceof WeftError && error.errno !== undefined && names.includes(error.errno)
}

export function isCode(error: unknown, code: ErrorCode): error is WeftError {
	return error instanceof WeftError && error.code === code
}

/** The same error with a noun phrase in front: `create bridge weft0: File exists`. */
export function within(phrase: string, error: unknown): WeftError {
	if (error instanceof WeftError) {
		const errno = error.errno === undefined ? {} : { errno: error.errno }
		return new WeftError(error.code, `${phrase}: ${error.message}`, { cause: error, ...errno })
	}
	return new WeftError('system', `${phrase}: ${messageOf(error)}`, { cause: error })
}

/** The text of an error for a person: its message, and each message of an aggregate once. */
export function messageOf(error: unknown): string {
	if (error instanceof AggregateError) return [...new Set(error.errors.map(messageOf))].join('; ')
	return error instanceof Error ? error.message : String(error)
}
