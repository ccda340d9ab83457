/**
 * The endpoints of an etcd as one: asks the one that answered last, then the others; logs in, and again when the login has
 * run out. One that fails to answer is left by those who listen to it as well: it may be alive and stuck.
 */
import { messageOf, WeftError } from '../errors.ts'
import { alien, type Failure, failureOf, fieldsOf, textOf } from './etcd-codec.ts'
import { linesOf, post, type Tls, textOfAnswer, Unanswered } from './etcd-http.ts'

export interface EtcdOptions {
	/** As `https://host:2379`; at least one. */
	readonly endpoints: readonly string[]
	readonly tls?: Tls
	readonly login?: Login
	/** Milliseconds for the answer of one endpoint; by default 8 s for all of them, and 3 s at most for each. */
	readonly patience?: number
}

interface Login {
	readonly user: string
	readonly password: string
}

type Fields = Readonly<Record<string, unknown>>

/** Docker waits for 15 s. */
const PATIENCE = 8_000
const LONGEST = 3_000

/** RFC 9110, 15.6.3 to 15.6.5. */
const GATEWAY_ERRORS: readonly number[] = [502, 503, 504]

/** Of gRPC: https://grpc.io/docs/guides/status-codes/ */
const UNAVAILABLE = 14
const UNAUTHENTICATED = 16

/** An answer that says no. */
class Refused extends Error {
	readonly failure: Failure

	constructor(failure: Failure) {
		super(failure.message)
		this.failure = failure
	}
}

export class Endpoints {
	readonly #endpoints: readonly string[]
	readonly #tls: Tls
	readonly #login: Login | undefined
	readonly #patience: number
	/** What is under way, and of those that listen to which endpoint. */
	readonly #open = new Map<AbortController, string>()
	#current = 0
	#closed = false
	#token: string | undefined

	constructor({ endpoints, tls, login, patience }: EtcdOptions) {
		this.#endpoints = endpoints
		this.#tls = tls ?? {}
		this.#login = login
		this.#patience = patience ?? Math.min(LONGEST, PATIENCE / endpoints.length)
	}

	/**
	 * What one endpoint answers. Where `repeatable` is false, no other one is asked what one may have done already.
	 * @throws WeftError `unreachable`; `not-found` for what etcd calls so; `system` where it refuses
	 */
	call(path: string, body: Fields, repeatable = true): Promise<Fields> {
		return this.#asking(repeatable, (endpoint, token) => this.#ask(endpoint, path, body, token))
	}

	/** Each message of an answer that goes on, until `signal` aborts. @throws WeftError, `unreachable` where it breaks off */
	async *stream(path: string, body: Fields, signal: AbortSignal): AsyncGenerator<Fields> {
		let call = new AbortController()
		const end = () => call.abort()
		signal.addEventListener('abort', end)
		let endpoint = ''
		try {
			const response = await this.#asking(true, async (each, token) => {
				signal.throwIfAborted()
				endpoint = each
				// The one before may have been broken off, as too late.
				call = new AbortController()
				return await this.#inTime(call, () => this.#post(each, path, body, call.signal, token))
			})
			this.#open.set(call, endpoint)
			for await (const line of linesOf(response)) if (line !== '') yield resultOf(line)
		} catch (error) {
			if (!signal.aborted) throw this.#brokenOff(error, endpoint, call.signal)
		} finally {
			signal.removeEventListener('abort', end)
			this.#open.delete(call)
			end()
		}
	}

	#brokenOff(error: unknown, endpoint: string, call: AbortSignal): unknown {
		if (hasRunOut(error)) this.#token = undefined
		else if (!(error instanceof Unanswered)) return asWeftError(error, endpoint, this.#login)
		else this.#leave(endpoint)
		const why = messageOf(call.aborted ? call.reason : error)
		return new WeftError('unreachable', `etcd at ${endpoint} breaks off: ${why}`, { cause: error })
	}

	close(): void {
		this.#closed = true
		for (const call of this.#open.keys()) call.abort(new Error('weft is ending'))
	}

	async #asking<T>(repeatable: boolean, ask: (endpoint: string, token?: string) => Promise<T>): Promise<T> {
		const silent: string[] = []
		for (let n = 0; n < this.#endpoints.length && !this.#closed; n++) {
			const endpoint = this.#endpoints[this.#current] ?? ''
			try {
				return await this.#loggedIn(endpoint, ask)
			} catch (error) {
				if (!(error instanceof Unanswered)) throw asWeftError(error, endpoint, this.#login)
				this.#leave(endpoint)
				silent.push(`${endpoint}: ${error.message}`)
				if (error.sent && !repeatable) break
			}
		}
		throw new WeftError('unreachable', `etcd gives no answer: ${silent.join('; ') || 'weft is ending'}`)
	}

	async #loggedIn<T>(endpoint: string, ask: (endpoint: string, token?: string) => Promise<T>): Promise<T> {
		if (this.#login === undefined) return await ask(endpoint)
		const token = this.#token ?? (await this.#logIn(endpoint, this.#login))
		try {
			return await ask(endpoint, token)
		} catch (error) {
			if (!hasRunOut(error)) throw error
			return await ask(endpoint, await this.#logIn(endpoint, this.#login))
		}
	}

	/** Nothing to show, where etcd lets everybody in. */
	async #logIn(endpoint: string, { user, password }: Login): Promise<string | undefined> {
		try {
			const answer = await this.#ask(endpoint, '/v3/auth/authenticate', { name: user, password })
			this.#token = textOf(answer.token)
		} catch (error) {
			if (!(error instanceof Refused) || !/authentication is not enabled/.test(error.message)) throw error
			this.#token = undefined
		}
		return this.#token
	}

	async #ask(endpoint: string, path: string, body: Fields, token?: string): Promise<Fields> {
		const call = new AbortController()
		return await this.#inTime(call, async () => {
			const response = await this.#post(endpoint, path, body, call.signal, token)
			return fieldsOf(parse(await textOfAnswer(response, call.signal)))
		})
	}

	async #inTime<T>(call: AbortController, work: () => Promise<T>): Promise<T> {
		const late = () => call.abort(new Error(`no answer within ${this.#patience} ms`))
		const timer = setTimeout(late, this.#patience)
		this.#open.set(call, '')
		try {
			return await work()
		} finally {
			clearTimeout(timer)
			this.#open.delete(call)
		}
	}

	/** The answer of an endpoint that does not refuse. */
	async #post(endpoint: string, path: string, body: Fields, signal: AbortSignal, token?: string) {
		const response = await post({ endpoint, path, body, tls: this.#tls, signal, ...(token && { token }) })
		if (response.statusCode === 200) return response
		const { statusCode = 0 } = response
		const text = await textOfAnswer(response, signal)
		// Of a proxy whose etcd is away; etcd's own have a reason in JSON.
		if (GATEWAY_ERRORS.includes(statusCode) && !text.trimStart().startsWith('{')) {
			throw new Unanswered(new Error(`a proxy in front of it says ${statusCode}`), true)
		}
		throw refusalOf(failureOf(parse(text)))
	}

	#leave(endpoint: string): void {
		if (this.#endpoints[this.#current] === endpoint) this.#current = (this.#current + 1) % this.#endpoints.length
		for (const [call, of] of this.#open) {
			if (of === endpoint) call.abort(new Error('it does not answer what else it is asked'))
		}
	}
}

/** A message of a stream: etcd ends one with a reason, and leaves the connection open. */
function resultOf(line: string): Fields {
	const message = fieldsOf(parse(line))
	if (message.result === undefined) throw refusalOf(failureOf(message))
	const result = fieldsOf(message.result)
	const reason = result.cancel_reason
	if (result.canceled === true && reason !== undefined)
		throw new Refused({ code: codeIn(reason), message: textOf(reason) })
	return result
}

function codeIn(reason: unknown): number {
	return /Unauthenticated|auth token/.test(String(reason)) ? UNAUTHENTICATED : 0
}

function parse(text: string): unknown {
	try {
		return JSON.parse(text)
	} catch {
		throw alien(text)
	}
}

/** Also where an etcd answers that it cannot tell, as one without a leader does. */
function refusalOf(failure: Failure): Error {
	const error = new Refused(failure)
	return failure.code === UNAVAILABLE ? new Unanswered(error, true) : error
}

function hasRunOut(error: unknown): boolean {
	if (!(error instanceof Refused)) return false
	return error.failure.code === UNAUTHENTICATED || /revision of auth store is old/.test(error.message)
}

function asWeftError(error: unknown, endpoint: string, login: Login | undefined): unknown {
	if (error instanceof WeftError) return new WeftError(error.code, `${endpoint}: ${error.message}`, { cause: error })
	if (!(error instanceof Refused)) return error
	const said = error.message.replace(/^etcdserver: /, '')
	const user = JSON.stringify(login?.user ?? '')
	if (/not found/.test(said)) return new WeftError('not-found', `etcd: ${said}`, { cause: error })
	if (/user name is empty/.test(said)) return refused('asks for a login: WEFT_CLUSTER_USER and WEFT_CLUSTER_PASSWORD')
	if (/authentication failed/.test(said)) return refused(`refuses WEFT_CLUSTER_USER=${user} with this password`)
	if (/permission denied/.test(said)) return refused(`does not let WEFT_CLUSTER_USER=${user} do this: ${said}`)
	return refused(`refuses: ${said}`)

	function refused(words: string): WeftError {
		return new WeftError('system', `etcd at ${endpoint} ${words}`, { cause: error })
	}
}
