/** Asks weftd over the admin socket. */
import { request } from 'node:http'
import type { Refusal } from '../admin/api.ts'
import { WeftError } from '../errors.ts'

/** Milliseconds: weftd itself waits for Docker's answer for a moment, and for what is under way on a network. */
const PATIENCE = 30_000

interface Answer {
	readonly status: number
	readonly text: string
}

export class AdminClient {
	readonly #socket: string

	constructor(socket: string) {
		this.#socket = socket
	}

	/** @throws WeftError in words for the person at the terminal, where weftd does not run or refuses. */
	async get<T>(path: string): Promise<T> {
		return this.#read(await this.text(path)) as T
	}

	/** Has something taken away. @throws WeftError as `get` */
	async delete(path: string): Promise<void> {
		await this.#accepted('DELETE', path)
	}

	/** Has something done. @throws WeftError as `get` */
	async post(path: string): Promise<void> {
		await this.#accepted('POST', path)
	}

	/** The answer as it is. @throws WeftError as `get` */
	async text(path: string): Promise<string> {
		return await this.#accepted('GET', path)
	}

	async #accepted(method: string, path: string): Promise<string> {
		const { status, text } = await this.#ask(method, path)
		if (status === 200) return text
		throw new WeftError(status === 404 ? 'not-found' : 'system', (this.#read(text) as Refusal).error)
	}

	#read(text: string): unknown {
		try {
			return JSON.parse(text)
		} catch {
			throw new WeftError('system', `whoever answers on ${this.#socket} is not weftd`)
		}
	}

	#ask(method: string, path: string): Promise<Answer> {
		return new Promise((resolve, reject) => {
			const call = request({ method, socketPath: this.#socket, path, agent: false, timeout: PATIENCE }, (response) => {
				const chunks: Buffer[] = []
				response.on('data', (chunk: Buffer) => chunks.push(chunk))
				response.on('error', (error) => reject(this.#failure(error)))
				response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
			})
			call.on('timeout', () => call.destroy(new Error(`no answer within ${PATIENCE / 1000} s`)))
			call.on('error', (error) => reject(this.#failure(error)))
			call.end()
		})
	}

	#failure(error: Error & { readonly code?: string }): WeftError {
		return new WeftError('system', `${this.#reason(error)} (WEFT_ADMIN_SOCKET=${this.#socket})`, { cause: error })
	}

	#reason({ code, message }: Error & { readonly code?: string }): string {
		if (code === 'ENOENT' || code === 'ECONNREFUSED') return 'weftd does not run: nobody answers on its admin socket'
		if (code === 'EACCES' || code === 'EPERM') return "weftd's admin socket is for root: try again with sudo"
		return `weftd gives no answer: ${message}`
	}
}
