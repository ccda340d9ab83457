/**
 * What happens to every call before and after its route: read the body, wait for weft, answer errors, log one line. What
 * need not wait calls `done`: an async hook is a few turns more of each call.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { invalid, messageOf, WeftError } from '../errors.ts'
import type { Call } from '../metrics.ts'
import { failureBody, oneLine, statusOf } from './failure.ts'

export const CONTENT_TYPE = 'application/vnd.docker.plugins.v1.2+json'

/** Every answer has Docker's type to the letter: fastify by itself would add a charset. */
export function answerAsPlugin(server: FastifyInstance): void {
	server.addHook('onRequest', (_request, reply, done) => {
		reply.type(CONTENT_TYPE).serializer(JSON.stringify)
		done()
	})
}

/**
 * dockerd sends JSON without a Content-Type. A body that is not JSON is refused only after fastify's parser is through,
 * because fastify closes the connection on which a parser failed.
 */
export function acceptBodies(server: FastifyInstance): void {
	server.removeAllContentTypeParsers()
	server.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) => done(null, text))
	server.addHook('onRequest', (request, _reply, done) => {
		delete request.raw.headers['content-type']
		done()
	})
	server.addHook('preValidation', (request, _reply, done) => {
		const { schema } = request.routeOptions
		if (schema?.body !== undefined) request.body = parseBody(methodOf(request), request.body)
		done()
	})
}

function parseBody(method: string, text: unknown): unknown {
	if (typeof text !== 'string' || text.trim() === '') {
		throw invalid(
			`${method} came without its arguments: Docker's retry after a broken connection lost the body; repeat the command`,
		)
	}
	try {
		return JSON.parse(text)
	} catch (error) {
		throw invalid(`the body of ${method} is not JSON: ${messageOf(error)}`)
	}
}

/** Calls that touch networks wait until they are restored, but not so long that dockerd, which waits for ever, hangs. */
export function holdUntilReady(server: FastifyInstance, ready: () => Promise<void>, timeout: number): void {
	let restored = false
	server.addHook('preHandler', (request, _reply, done) => {
		const { kind } = request.routeOptions.config
		if (restored || kind === undefined || kind === 'immediate') return done()
		within(ready(), timeout).then(() => {
			restored = true
			done()
		}, done)
	})
}

async function within(ready: Promise<void>, timeout: number): Promise<void> {
	let timer: NodeJS.Timeout | undefined
	const late = new Promise<never>((_resolve, reject) => {
		const error = new WeftError('system', 'weft is still restoring its networks; try again in a moment')
		timer = setTimeout(() => reject(error), timeout)
	})
	try {
		await Promise.race([ready, late])
	} finally {
		clearTimeout(timer)
	}
}

interface Failure {
	readonly text: string
	/** Of the error; `broken` for one that is a defect of weft's, `unknown` where there is no such call. */
	readonly code: string
}

const failures = new WeakMap<FastifyRequest, Failure>()

function codeOf(error: unknown): string {
	if (error instanceof WeftError) return error.code
	return statusOf(error) === 500 ? 'broken' : 'invalid'
}

export function answerErrors(server: FastifyInstance): void {
	server.setErrorHandler((error, request, reply) => {
		const status = statusOf(error)
		const body = failureBody(messageOf(error))
		failures.set(request, { text: body.Err, code: codeOf(error) })
		if (!(error instanceof WeftError) && status === 500) request.log.error({ err: error }, `${methodOf(request)} broke`)
		return reply.code(status).type(CONTENT_TYPE).send(body)
	})
	server.setNotFoundHandler((request, reply) => {
		const body = failureBody(`${request.method} ${request.url} is not a call of Docker's plugin protocol`)
		failures.set(request, { text: body.Err, code: 'unknown' })
		return reply.code(404).send(body)
	})
}

export function logCalls(server: FastifyInstance): void {
	server.addHook('onResponse', (request, reply, done) => {
		const line = {
			method: methodOf(request),
			...idsOf(request.body),
			ms: Math.round(reply.elapsedTime * 10) / 10,
			outcome: failures.get(request)?.text ?? 'ok',
		}
		if (request.routeOptions.config.kind === 'changing') request.log.info(line, 'call')
		else request.log.debug(line, 'call')
		done()
	})
}

export function observeCalls(server: FastifyInstance, observe: (call: Call) => void): void {
	server.addHook('onResponse', (request, reply, done) => {
		// Not the url of an unknown call: whoever makes them up would fill the memory.
		const method = request.routeOptions.url?.slice(1) ?? 'unknown'
		observe({ method, outcome: failures.get(request)?.code ?? 'ok', seconds: reply.elapsedTime / 1000 })
		done()
	})
}

function idsOf(body: unknown): { network?: string; endpoint?: string } {
	if (typeof body !== 'object' || body === null) return {}
	const network = 'NetworkID' in body && typeof body.NetworkID === 'string' ? { network: oneLine(body.NetworkID) } : {}
	const endpoint =
		'EndpointID' in body && typeof body.EndpointID === 'string' ? { endpoint: oneLine(body.EndpointID) } : {}
	return { ...network, ...endpoint }
}

function methodOf(request: FastifyRequest): string {
	return oneLine(request.routeOptions.url?.slice(1) ?? request.url)
}

/** A call in flight at the end is answered, and its connection ends with it: dockerd would hold it open for ever. */
export function endConnectionsOnClose(server: FastifyInstance): void {
	let closing = false
	server.addHook('preClose', async () => {
		closing = true
	})
	server.addHook('onSend', (_request, reply, _payload, done) => {
		if (closing) reply.header('connection', 'close')
		done()
	})
}
