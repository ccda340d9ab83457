/** Small servers and clients, alike in this process and in a peer's: who answers, and which address it saw. */
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { connect, createServer, isIPv6 } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { namesIn } from '../support/frames.ts'
import { nextFrame, openPackets, sendFrame } from '../support/packet-socket.ts'

export type Protocol = 'tcp' | 'udp'

/** A call to one of the functions below, as it is sent to a peer. */
export type Call =
	| {
			readonly verb: 'listen'
			readonly protocol: Protocol
			readonly address: string
			readonly port: number
			/** What clients are told; absent: the address that they came from. */
			readonly says?: string
	  }
	/** A server of `listen`. */
	| { readonly verb: 'close'; readonly protocol: Protocol; readonly address: string; readonly port: number }
	| {
			readonly verb: 'dial'
			readonly protocol: Protocol
			readonly address: string
			readonly port: number
			readonly patience: number
			/** The client's own port, for udp; absent: the kernel's choice. */
			readonly from?: number
	  }
	/** Frames as they are, in hexadecimal. */
	| { readonly verb: 'send'; readonly link: string; readonly frames: readonly string[] }
	| { readonly verb: 'catch'; readonly link: string }
	| { readonly verb: 'caught'; readonly last: string; readonly patience: number }
	| { readonly verb: 'run'; readonly argv: readonly string[]; readonly input: string }

/** What comes back: the server's words, a program's output, or nothing where there was no answer or a failure. */
export type Answer = string | null

export function answer(call: Call): Promise<Answer> {
	if (call.verb === 'listen') return call.protocol === 'tcp' ? listenTcp(call) : listenUdp(call)
	if (call.verb === 'close') return closeServer(call)
	if (call.verb === 'dial') return call.protocol === 'tcp' ? dialTcp(call) : dialUdp(call)
	if (call.verb === 'send') return sendFrames(call.link, call.frames)
	if (call.verb === 'catch') return catchFrames(call.link)
	if (call.verb === 'caught') return caughtFrames(call.last, call.patience)
	return runHere(call.argv, call.input)
}

type Listen = Extract<Call, { verb: 'listen' }>
type Close = Extract<Call, { verb: 'close' }>
type Dial = Extract<Call, { verb: 'dial' }>

function plain(address: string | undefined): string {
	return (address ?? '').replace(/^::ffff:/, '')
}

/** How each server of this process is closed; those that are not go with the process. */
const servers = new Map<string, (closed: () => void) => void>()

function nameOf({ protocol, address, port }: Listen | Close): string {
	return `${protocol} ${address} ${port}`
}

function closeServer(call: Close): Promise<Answer> {
	return new Promise((resolve) => servers.get(nameOf(call))?.(() => resolve('closed')))
}

/** Tells each client the address that it came from. */
function listenTcp(call: Listen): Promise<Answer> {
	const { address, port, says } = call
	return new Promise((resolve, reject) => {
		const server = createServer((socket) => {
			socket.on('error', () => socket.destroy())
			socket.end(says ?? plain(socket.remoteAddress))
		})
		server.on('error', reject)
		server.listen({ port, host: address, ipv6Only: true }, () => resolve('listening'))
		server.unref()
		servers.set(nameOf(call), (closed) => server.close(closed))
	})
}

function listenUdp(call: Listen): Promise<Answer> {
	const { address, port, says } = call
	return new Promise((resolve, reject) => {
		const socket = isIPv6(address) ? createSocket({ type: 'udp6', ipv6Only: true }) : createSocket('udp4')
		socket.on('message', (_, from) => socket.send(says ?? plain(from.address), from.port, from.address))
		socket.on('error', reject)
		socket.bind(port, address, () => resolve('listening'))
		socket.unref()
		servers.set(nameOf(call), (closed) => socket.close(closed))
	})
}

function dialTcp({ address, port, patience }: Dial): Promise<Answer> {
	return new Promise((resolve) => {
		const socket = connect(port, address)
		const finish = (text: Answer) => {
			clearTimeout(timer)
			socket.destroy()
			resolve(text)
		}
		const timer = setTimeout(() => finish(null), patience)
		socket.on('data', (data) => finish(data.toString()))
		socket.on('error', () => finish(null))
		socket.on('end', () => finish(null))
	})
}

function dialUdp({ address, port, patience, from = 0 }: Dial): Promise<Answer> {
	return new Promise((resolve) => {
		const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
		const finish = (text: Answer) => {
			clearTimeout(timer)
			clearInterval(again)
			socket.close()
			resolve(text)
		}
		const timer = setTimeout(() => finish(null), patience)
		const again = setInterval(() => socket.send('hello', port, address), 100)
		socket.on('message', (data) => finish(data.toString()))
		socket.on('error', () => finish(null))
		socket.bind(from)
		socket.send('hello', port, address)
	})
}

async function sendFrames(link: string, frames: readonly string[]): Promise<Answer> {
	const socket = openPackets(link)
	for (const frame of frames) sendFrame(socket, Buffer.from(frame, 'hex'))
	return 'sent'
}

let catching = -1

/** From now on; goes with the process. */
async function catchFrames(link: string): Promise<Answer> {
	catching = openPackets(link)
	return 'catching'
}

/** The names of the frames that have come since the last call, up to the one named. */
async function caughtFrames(last: string, patience: number): Promise<Answer> {
	const names: string[] = []
	for (const end = Date.now() + patience; Date.now() < end && !names.includes(last); ) {
		const frame = nextFrame(catching)
		if (frame === undefined) await sleep(5)
		else names.push(...namesIn(frame))
	}
	return names.join('\n')
}

function runHere([file = '', ...args]: readonly string[], input: string): Promise<Answer> {
	return new Promise((resolve) => {
		const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] })
		let [output, complaint] = ['', '']
		child.stdout.on('data', (data) => {
			output += data
		})
		child.stderr.on('data', (data) => {
			complaint += data
		})
		child.on('error', () => resolve(null))
		child.on('close', (code) => {
			if (code !== 0 && complaint !== '') process.stderr.write(`${file} ${args.join(' ')}: ${complaint}`)
			resolve(code === 0 ? output : null)
		})
		child.stdin.on('error', () => undefined)
		child.stdin.end(input)
	})
}
