/** One POST to one endpoint of etcd over a connection of its own, so that it is known whether anything was sent. */
import type { ClientRequest, IncomingMessage } from 'node:http'
import * as http from 'node:http'
import * as https from 'node:https'
import { messageOf } from '../errors.ts'

/** PEM. */
export interface Tls {
	readonly ca?: string
	readonly cert?: string
	readonly key?: string
}

export interface Post {
	/** As `https://host:2379`. */
	readonly endpoint: string
	readonly path: string
	readonly body: unknown
	readonly token?: string
	readonly tls: Tls
	readonly signal: AbortSignal
}

/** The endpoint gave no answer. */
export class Unanswered extends Error {
	/** Whether it may have done what it was asked for. */
	readonly sent: boolean

	constructor(error: unknown, sent: boolean) {
		super(wordsOf(error), { cause: error })
		this.sent = sent
	}
}

/** Seconds of silence after which the kernel asks whether the other side is there, and gives up 10 s later. */
const PROBE_AFTER = 5

/** The answer as it begins. @throws Unanswered */
export function post({ endpoint, path, body, token, tls, signal }: Post): Promise<IncomingMessage> {
	const payload = JSON.stringify(body)
	const headers = {
		'content-type': 'application/json',
		'content-length': Buffer.byteLength(payload),
		// etcd is to refuse where it has lost the others, and not to be silent.
		'grpc-metadata-hasleader': 'true',
		...(token === undefined ? {} : { authorization: token }),
	}
	const options = { method: 'POST', agent: false, headers, signal } as const
	const url = new URL(path, endpoint)
	return new Promise((resolve, reject) => {
		let sent = false
		const isTls = url.protocol === 'https:'
		const failed = (error: unknown) => {
			const reason = isTls && !sent && codeOf(error) === 'ECONNRESET' ? beforeTls(error) : error
			reject(new Unanswered(signal.aborted ? signal.reason : reason, sent))
		}
		const call: ClientRequest = isTls ? https.request(url, { ...options, ...tls }) : http.request(url, options)
		call.on('socket', (socket) => {
			socket.setKeepAlive(true, PROBE_AFTER * 1000)
			socket.on(isTls ? 'secureConnect' : 'connect', () => {
				sent = true
			})
		})
		call.on('response', resolve)
		call.on('error', failed)
		call.end(payload)
	})
}

/** What a server without TLS does on a busy machine: its complaint is overtaken by the end of the connection. */
function beforeTls(error: unknown): Error {
	return new Error(`it does not speak TLS, or has broken off (${messageOf(error)})`, { cause: error })
}

/** Bytes of an answer: some 100,000 keys. */
const LARGEST_ANSWER = 64 * 1024 * 1024

/** What is left of an answer. @throws Unanswered */
export async function textOfAnswer(response: IncomingMessage, signal: AbortSignal): Promise<string> {
	const chunks: Buffer[] = []
	let length = 0
	try {
		for await (const chunk of response) {
			length += chunk.length
			if (length > LARGEST_ANSWER) throw new Error(`more than ${LARGEST_ANSWER} bytes`)
			chunks.push(chunk)
		}
	} catch (error) {
		throw new Unanswered(signal.aborted ? signal.reason : error, true)
	}
	return Buffer.concat(chunks).toString()
}

/** Each line of an answer as it comes. @throws Unanswered when it ends */
export async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
	let rest = ''
	try {
		response.setEncoding('utf8')
		for await (const chunk of response) {
			const lines = `${rest}${chunk}`.split('\n')
			rest = lines.pop() ?? ''
			if (rest.length > LARGEST_ANSWER) throw new Error(`more than ${LARGEST_ANSWER} characters on a line`)
			yield* lines
		}
	} catch (error) {
		throw new Unanswered(error, true)
	}
	throw new Unanswered(new Error('it has ended the connection'), true)
}

const FOREIGN = 'its certificate is not from an authority in WEFT_CLUSTER_CA'
/** What Node and OpenSSL call what may be wrong between two machines, and what it means here. */
const WORDS: readonly (readonly [pattern: RegExp, words: string])[] = [
	[/^(SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|UNABLE_TO_|CERT_SIGNATURE_FAILURE)/, FOREIGN],
	[/^CERT_HAS_EXPIRED /, 'its certificate has expired'],
	[/^ERR_TLS_CERT_ALTNAME_INVALID /, 'its certificate is for another name'],
	[/^ERR_SSL_\S*(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA) /, 'it does not take WEFT_CLUSTER_CERT'],
	[/^(EPROTO|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG) |before secure TLS/, 'it does not speak TLS'],
	[/socket hang up$/, 'it ends the connection without an answer'],
]

function wordsOf(error: unknown): string {
	const [message = ''] = messageOf(error).trim().split('\n')
	const words = WORDS.find(([pattern]) => pattern.test(`${codeOf(error)} ${message}`))?.[1]
	return words === undefined ? message : `${words} (${message})`
}

function codeOf(error: unknown): string {
	return error instanceof Error && 'code' in error ? String(error.code) : ''
}
