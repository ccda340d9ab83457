/** The few calls of the Docker Engine API that are measured, over one kept connection: no docker program in the figures. */
import { Agent, request } from 'node:http'

export interface Engine {
	/** @throws Error with the engine's own words */
	call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown>
	close(): void
}

export function engine(socketPath: string): Engine {
	const agent = new Agent({ keepAlive: true })
	return {
		call: (method, path, body) =>
			new Promise((resolve, reject) => {
				const text = body === undefined ? '' : JSON.stringify(body)
				const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }
				const call = request({ agent, socketPath, method, path, headers, timeout: 60_000 }, (response) => {
					const chunks: Buffer[] = []
					response.on('data', (chunk: Buffer) => chunks.push(chunk))
					response.on('end', () => {
						const answer = Buffer.concat(chunks).toString()
						if ((response.statusCode ?? 500) < 400) resolve(answer === '' ? {} : JSON.parse(answer))
						else reject(new Error(`${method} ${path}: ${answer.trim()}`))
					})
				})
				call.on('timeout', () => call.destroy(new Error(`${method} ${path}: no answer`)))
				call.on('error', reject)
				call.end(text)
			}),
		close: () => agent.destroy(),
	}
}
