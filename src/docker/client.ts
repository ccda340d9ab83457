/** Asks the Docker Engine over its API. Never on behalf of a plugin call: dockerd holds locks until that is answered. */
import { type RequestOptions, request } from 'node:http'
import { messageOf, WeftError } from '../errors.ts'

/** Bytes of an answer: some 20,000 networks. */
const LARGEST_ANSWER = 32 * 1024 * 1024
/** Milliseconds of silence after which a connection by TCP is probed. */
const PROBE_AFTER = 30_000

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
	 * @throws WeftError `system` where nobody listens, the connection breaks, or the answer is none, or not there in time
	 */
	async get(path: string, patience?: number): Promise<unknown> {
		const ending = this.#ending.signal
		const signal = patience === undefined ? ending : AbortSignal.any([ending, AbortSignal.timeout(patience)])
		try {
			return JSON.parse(await this.#fetch(path, signal))
		} catch (error) {
			throw new WeftError('system', `Docker at ${this.#host} gives no answer: ${messageOf(error)}`, { cause: error })
		}
	}

	/** Whatever is being asked fails. */
	close(): void {
		this.#ending.abort()
	}

	#fetch(path: string, signal: AbortSignal): Promise<string> {
		// Docker refuses some hosts' names in the header; any is good for a socket.
		const headers = { host: 'docker' }
		const options = { ...addressOf(this.#host), path, headers, agent: false, signal }
		return new Promise((resolve, reject) => {
			const call = request(options, (response) => {
				const chunks: Buffer[] = []
				let length = 0
				response.on('data', (chunk: Buffer) => {
					length += chunk.length
					if (length > LARGEST_ANSWER) call.destroy(new Error(`more than ${LARGEST_ANSWER} bytes`))
					else chunks.push(chunk)
				})
				response.on('error', reject)
				response.on('end', () => {
					const text = Buffer.concat(chunks).toString()
					if (response.statusCode === 200) resolve(text)
					else reject(new Error(`${response.statusCode} ${text.slice(0, 200).trim()}`))
				})
			})
			call.on('socket', (socket) => socket.setKeepAlive(true, PROBE_AFTER))
			call.on('error', reject)
			call.end()
		})
	}
}

function addressOf(host: string): RequestOptions {
	if (host.startsWith('unix://')) return { socketPath: host.slice('unix://'.length) }
	const { hostname, port } = new URL(host.replace('tcp://', 'http://'))
	// An IPv6 address has brackets in a URL only; URL leaves out the port that http has by itself.
	return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 80 : port }
}
