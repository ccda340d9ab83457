/**
 * dockerd as a plugin sees it: the bytes it sends, the rules by which it reads an answer, and the order in which it calls
 * for each command. Written from the protocol, not from src/cnm, so that it can judge it.
 */
import { randomBytes } from 'node:crypto'
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { isIP, type Socket } from 'node:net'

export type Json = Record<string, unknown>

export interface RawAnswer {
	readonly status: number
	readonly headers: IncomingHttpHeaders
	readonly text: string
}

/** What the user of dockerd would see; `status` is that of the plugin's answer. */
export class DockerError extends Error {
	readonly status: number

	constructor(message: string, status: number) {
		super(message)
		this.status = status
	}
}

/** Go's encoder: HTML-safe escapes and a newline at the end. */
export function encode(value: unknown): string {
	const escaped = JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (c) => {
		return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`
	})
	return `${escaped}\n`
}

/** One plugin client of dockerd: keep-alive over a unix socket, no Content-Type, an empty body without arguments. */
export class Wire {
	/** Every method called so far, in order. */
	readonly calls: string[] = []
	/** Errors that dockerd only writes to its log. */
	readonly logged: string[] = []
	readonly connections = new Set<Socket>()
	readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 2 })
	readonly #socketPath: string

	constructor(socketPath: string) {
		this.#socketPath = socketPath
	}

	/** Sends these bytes as the body of a call; `headers` with `undefined` leave a header out. */
	raw(method: string, body = '', headers: Record<string, string> = {}): Promise<RawAnswer> {
		return new Promise((resolve, reject) => {
			const request = httpRequest({
				agent: this.#agent,
				socketPath: this.#socketPath,
				method: 'POST',
				path: `/${method}`,
				headers: {
					Host: 'plugin.moby.localhost',
					'User-Agent': 'Go-http-client/1.1',
					'Content-Length': Buffer.byteLength(body),
					Accept: 'application/vnd.docker.plugins.v1.2+json',
					...headers,
				},
			})
			// HTTP/1.1 keeps alive by itself and Go does not say so.
			request.removeHeader('Connection')
			request.on('error', reject)
			request.on('socket', (socket) => this.connections.add(socket))
			request.on('response', (response) => {
				const chunks: Buffer[] = []
				response.on('data', (chunk: Buffer) => chunks.push(chunk))
				response.on('error', reject)
				response.on('end', () => {
					const text = Buffer.concat(chunks).toString()
					resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
				})
			})
			request.end(body)
		})
	}

	/** @throws DockerError with the text that dockerd would show. */
	async call(method: string, args?: Json): Promise<Json> {
		this.calls.push(method)
		const answer = await this.raw(method, args === undefined ? '' : encode(args))
		return decode(method, answer)
	}

	/** For calls whose failure dockerd only logs. */
	async callLogged(method: string, args: Json): Promise<void> {
		try {
			await this.call(method, args)
		} catch (error) {
			this.logged.push(String(error))
		}
	}

	close(): void {
		this.#agent.destroy()
	}
}

const NOT_IMPLEMENTED_IS_FINE = /^NetworkDriver\.(Program|Revoke)ExternalConnectivity$/

/** Section by section what dockerd does with an answer: status, then JSON, then the error field of the interface. */
export function decode(method: string, answer: RawAnswer): Json {
	if (answer.status === 404 && NOT_IMPLEMENTED_IS_FINE.test(method)) return {}
	if (answer.status !== 200) throw new DockerError(`${method}: ${errorText(answer.text)}`, answer.status)
	if (answer.text.trim() === '') throw new DockerError(`${method}: EOF`, 200)
	const value: unknown = JSON.parse(answer.text)
	if (value !== null && (typeof value !== 'object' || Array.isArray(value))) {
		throw new DockerError(`${method}: json: cannot unmarshal ${answer.text}`, 200)
	}
	const fields: Json = { ...value }
	checkTypes(method, fields)
	const error = method.startsWith('IpamDriver.') ? fields.Error : fields.Err
	if (error !== undefined && error !== '') throw new DockerError(`remote: ${String(error)}`, 200)
	return fields
}

function errorText(text: string): string {
	try {
		const value: unknown = JSON.parse(text)
		if (typeof value === 'object' && value !== null && 'Err' in value && typeof value.Err === 'string' && value.Err) {
			return value.Err
		}
	} catch {
		// Not JSON: dockerd shows the text as it is.
	}
	return text
}

type Kind = 'string' | 'boolean' | 'object' | 'array'
const KINDS: Readonly<Record<string, Kind>> = {
	...{ Err: 'string', Error: 'string', Scope: 'string', ConnectivityScope: 'string', GwAllocChecker: 'boolean' },
	...{ SkipIPv4: 'boolean', SkipIPv6: 'boolean', Options: 'object', Interface: 'object', Value: 'object' },
	...{ InterfaceName: 'object', Gateway: 'string', GatewayIPv6: 'string', StaticRoutes: 'array' },
	...{ DisableGatewayService: 'boolean', RequiresMACAddress: 'boolean', RequiresRequestReplay: 'boolean' },
	...{ LocalDefaultAddressSpace: 'string', GlobalDefaultAddressSpace: 'string', PoolID: 'string', Pool: 'string' },
	...{ Data: 'object', Address: 'string', AddressIPv6: 'string', MacAddress: 'string', Implements: 'array' },
	...{ SrcName: 'string', DstPrefix: 'string', DstName: 'string', Destination: 'string', NextHop: 'string' },
}

/** Go refuses the whole answer when one field that it knows has another type; `null` stands for absent. */
function checkTypes(method: string, fields: Json): void {
	for (const [name, value] of Object.entries(fields)) {
		const kind = KINDS[name]
		if (kind === undefined || value === null) continue
		const found = Array.isArray(value) ? 'array' : typeof value
		if (found !== kind) throw new DockerError(`${method}: json: cannot unmarshal ${found} into field ${name}`, 200)
		if (found === 'object' && name !== 'Options' && name !== 'Data' && name !== 'Value')
			checkTypes(method, { ...value })
		if (name === 'Data' || name === 'Options') requireStrings(method, name, { ...value })
	}
}

function requireStrings(method: string, name: string, map: Json): void {
	for (const value of Object.values(map)) {
		if (typeof value !== 'string') throw new DockerError(`${method}: json: cannot unmarshal a value of ${name}`, 200)
	}
}

/** The string field of an answer, empty where absent, as Go has it. */
export function text(answer: unknown, name: string): string {
	const value =
		typeof answer === 'object' && answer !== null ? Object.entries(answer).find(([key]) => key === name) : []
	return typeof value?.[1] === 'string' ? value[1] : ''
}

export function isPlain(address: string): boolean {
	return isIP(address) !== 0
}

export function isCidr(address: string): boolean {
	const [ip = '', length = '', ...rest] = address.split('/')
	return rest.length === 0 && isPlain(ip) && /^\d+$/.test(length) && Number(length) <= (isIP(ip) === 4 ? 32 : 128)
}

/** The 64 hex digits that Docker gives to networks and endpoints. */
export function newId(): string {
	return randomBytes(32).toString('hex')
}
