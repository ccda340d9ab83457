/** Turns whatever was thrown into the answer that dockerd shows to the person who typed the command. */
import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { invalid, WeftError } from '../errors.ts'

/** dockerd reads `Err` from a network driver and `Error` from an IPAM driver; the wrong one alone passes for success. */
export interface FailureBody {
	readonly Err: string
	readonly Error: string
}

const LONGEST = 2000

/** Parts of a message come from the request: what could break a log line or drive a terminal becomes a space. */
export function oneLine(text: string): string {
	const line = text.replace(/[\s\p{Cc}\p{Cf}\p{Cs}]+/gu, ' ').trim()
	return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line
}

export function failureBody(message: string): FailureBody {
	const line = oneLine(message) || 'unknown error'
	return { Err: line, Error: line }
}

/** The request's fault or weft's. Never 404, which dockerd takes for "not implemented" and lets pass. */
export function statusOf(error: unknown): number {
	if (error instanceof WeftError) return error.code === 'invalid' ? 400 : 500
	const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500
	return status === 413 || status === 400 ? status : 500
}

/** For what is not even HTTP, or did not arrive in time; 408 is the answer after which Go's client forgets a connection. */
export function refuseBrokenHttp(error: Error & { code?: string }, socket: Socket): void {
	if (error.code === 'ECONNRESET' || !socket.writable) {
		socket.destroy()
		return
	}
	const status = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400
	const body = JSON.stringify(failureBody(error.message))
	const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close`
	socket.end(`${head}\r\n\r\n${body}`)
}

/** A path that cannot be decoded never reaches a route nor a hook. */
export function refuseBadUrl(error: Error, _request: unknown, reply: { readonly raw: ServerResponse }): void {
	reply.raw.writeHead(400).end(JSON.stringify(failureBody(error.message)))
}

/** What Ajv says of one field. */
export interface FieldError {
	readonly keyword: string
	readonly instancePath: string
	readonly params: Readonly<Record<string, unknown>>
	readonly message?: string
	/** The last two come with Ajv's `verbose`. */
	readonly data?: unknown
	readonly parentSchema?: { readonly description?: string }
}

/** One sentence that names the field, for the first thing that is wrong with the arguments. */
export function fieldError(errors: readonly FieldError[]): WeftError {
	const [error] = errors
	if (error === undefined) return invalid('the arguments have a wrong type')
	const field = fieldName(error.instancePath)
	if (error.keyword === 'required') return invalid(`${join(field, String(error.params.missingProperty))} is missing`)
	return invalid(`${field || 'the body'} ${complaint(error)}`)
}

function complaint(error: FieldError): string {
	const given = JSON.stringify(error.data) ?? 'nothing'
	const value = given.length > 100 ? `${given.slice(0, 100)}…` : given
	if (error.keyword === 'type') {
		const types = [error.params.type].flat().filter((type) => type !== 'null')
		return `must be of type ${types.join(' or ')}, not ${value}`
	}
	const accepted = error.parentSchema?.description
	return `${accepted === undefined ? error.message : `must be ${accepted}`}, not ${value}`
}

function fieldName(pointer: string): string {
	const parts = pointer.split('/').slice(1)
	return parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')).reduce(join, '')
}

function join(path: string, part: string): string {
	if (path === '') return part
	return /^\d+$/.test(part) ? `${path}[${part}]` : `${path}.${part}`
}
