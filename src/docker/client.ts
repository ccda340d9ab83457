/**
 * Asks the Docker Engine over its API. Not on behalf of a plugin call, since dockerd holds locks until that is answered; but for the
 * few of mode container that wait for an answer with a patience (network/README.md).
 */
import { type RequestOptions, request } from 'node:http'
import { messageOf, WeftError } from '../errors.ts'

/** Bytes of an answer: some 20,000 networks. */
const LARGEST_ANSWER = 32 * 1024 * 1024
/** Milliseconds of silence after which a connection by TCP is probed. */
const PROBE_AFTER = 30_000

/** An answer that says no. */
class Refused extends Error {
	readonly status: number

	constructor(status: number, message: string) {
		super(message)
		this.status = status
	}
}

function hasStatus(error: unknown, status: number): boolean {
	return error instanceof Refused && error.status === status
}

export class DockerClient {
	readonly #host: string
	readonly #ending = new AbortController()

	/** `unix:///PATH` or `tcp://HOST:PORT`, as config.ts has checked it. */
	constructor(host: string) {
		this.#host = host
	}

	/**
	 * What GET answers, as JSON. Takes as long as dockerd does, which listens long before it serves, and may hang, or as
	 * `patience` allows, in milliseconds.
	 * @throws WeftError `not-found` for 404, `system` where nobody listens, the connection breaks, or the answer is none, or not
	 * there in time
	 */
	async get(path: string, patience?: number): Promise<unknown> {
		const ending = this.#ending.signal
		const signal = patience === undefined ? ending : AbortSignal.any([ending, AbortSignal.timeout(patience)])
		try {
			return JSON.parse(await this.#fetch(path, signal))
		} catch (error) {
			const code = hasStatus(error, 404) ? 'not-found' : 'system'
			throw new WeftError(code, `Docker at ${this.#host} gives no answer: ${messageOf(error)}`, { cause: error })
		}
	}

	/**
	 * Has something made, in `patience` milliseconds.
	 * @throws WeftError `exists` for 409, `system` for any other refusal, with what Docker says, and where it does not answer
	 */
	async post(path: string, body: unknown, patience: number): Promise<void> {
		const signal = AbortSignal.any([this.#ending.signal, AbortSignal.timeout(patience)])
		try {
			await this.#fetch(path, signal, JSON.stringify(body))
		} catch (error) {
			const code = hasStatus(error, 409) ? 'exists' : 'system'
			const why = error instanceof Refused ? 'refuses' : 'gives no answer'
			throw new WeftError(code, `Docker at ${this.#host} ${why}: ${messageOf(error)}`, { cause: error })
		}
	}

	/**
	 * Calls `heard` when the answer to GET begins, and with each part of it, which may come for as long as dockerd lives. Returns
	 * when it is over. @throws WeftError `system` where nobody listens, or Docker refuses
	 */
	async follow(path: string, heard: () => void, ending: AbortSignal): Promise<void> {
		const signal = AbortSignal.any([this.#ending.signal, ending])
		try {
			await this.#fetch(path, signal, undefined, heard)
		} catch (error) {
			if (ending.aborted) return
			throw new WeftError('system', `Docker at ${this.#host} tells no more: ${messageOf(error)}`, { cause: error })
		}
	}

	/** Whatever is being asked fails. */
	close(): void {
		this.#ending.abort()
	}

	/** With `heard` the answer is not kept. */
	#fetch(path: string, signal: AbortSignal, body?: string, heard?: () => void): Promise<string> {
		// Docker refuses some hosts' names in the header; any is good for a socket.
		const typed = body === undefined ? {} : { 'content-type': 'application/json' }
		const headers = { host: 'docker', ...typed }
		const method = body === undefined ? 'GET' : 'POST'
		const options = { ...addressOf(this.#host), method, path, headers, agent: false, signal }
		return new Promise((resolve, reject) => {
			const call = request(options, (response) => {
				const chunks: Buffer[] = []
				let length = 0
				if (response.statusCode === 200) heard?.()
				response.on('data', (chunk: Buffer) => {
					if (heard !== undefined && response.statusCode === 200) return heard()
					length += chunk.length
					if (length > LARGEST_ANSWER) call.destroy(new Error(`more than ${LARGEST_ANSWER} bytes`))
					else chunks.push(chunk)
				})
				response.on('error', reject)
				response.on('end', () => {
					const text = Buffer.concat(chunks).toString()
					const status = response.statusCode ?? 0
					if (status === 200 || status === 201) resolve(text)
					else reject(new Refused(status, `${status} ${text.slice(0, 200).trim()}`))
				})
			})
			call.on('socket', (socket) => socket.setKeepAlive(true, PROBE_AFTER))
			call.on('error', reject)
			call.end(body)
		})
	}
}

function addressOf(host: string): RequestOptions {
	if (host.startsWith('unix://')) return { socketPath: host.slice('unix://'.length) }
	const { hostname, port } = new URL(host.replace('tcp://', 'http://'))
	// An IPv6 address has brackets in a URL only; URL leaves out the port that http has by itself.
	return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 80 : port }
}
