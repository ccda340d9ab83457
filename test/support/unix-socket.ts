/** Whether somebody answers HTTP on a unix socket. */

import { request } from 'node:http'

export function answers(socketPath: string, method: 'GET' | 'POST', path: string): Promise<boolean> {
	return new Promise((resolve) => {
		const call = request({ socketPath, method, path, timeout: 3000 }, (response) => {
			response.resume()
			resolve(response.statusCode === 200)
		})
		call.on('timeout', () => call.destroy())
		call.on('error', () => resolve(false))
		call.end()
	})
}
