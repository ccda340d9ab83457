/**
 * A program, run inside some network namespace: one end of a conversation.
 *   peer.js serve tcp|udp|sctp PORT [ADDRESS]   tells each client the address it came from, then echoes
 *   peer.js serve dns PORT ADDRESS              a nameserver for whom every name below `example` is ADDRESS
 *   peer.js dial tcp|udp|sctp ADDRESS PORT [FROM]   prints what the server told; exit 1 with the reason when nothing
 *                                          answers; FROM is the client's own port, for udp
 *   peer.js hold ADDRESS PORT              one TCP connection: lines from standard input out, what comes back printed
 * `serve` and `hold` end with their standard input.
 */

import { createSocket } from 'node:dgram'
import { connect, createServer, isIPv6 } from 'node:net'
import { serveDns } from './dns.ts'
import { dialSctp, serveSctp } from './sctp.ts'

const PATIENCE = 1500

function plain(address: string | undefined): string {
	return (address ?? '').replace(/^::ffff:/, '')
}

function serveTcp(port: number, address: string): void {
	const server = createServer((socket) => {
		socket.on('error', () => socket.destroy())
		socket.write(`${plain(socket.remoteAddress)}\n`)
		socket.pipe(socket)
	})
	server.listen(port, address, () => console.log('listening'))
}

function serveUdp(port: number, address: string): void {
	const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
	socket.on('message', (_, from) => socket.send(`${plain(from.address)}\n`, from.port, from.address))
	socket.bind(port, address, () => console.log('listening'))
}

function fail(reason: string): never {
	console.error(reason)
	process.exit(1)
}

function dialTcp(address: string, port: number): void {
	const socket = connect(port, address)
	setTimeout(() => fail('no answer'), PATIENCE)
	socket.on('error', (error) => fail(error.message))
	socket.on('end', () => fail('closed without a word'))
	socket.on('data', (data) => {
		process.stdout.write(data)
		process.exit(0)
	})
}

function dialUdp(address: string, port: number, from: number): void {
	const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
	setTimeout(() => fail('no answer'), PATIENCE)
	// A connected socket learns of ICMP's "port unreachable".
	socket.on('error', (error) => fail(error.message))
	socket.on('message', (data) => {
		process.stdout.write(data)
		process.exit(0)
	})
	socket.bind(from)
	socket.connect(port, address, () => {
		socket.send('hello')
		setInterval(() => socket.send('hello'), 400)
	})
}

function hold(address: string, port: number): void {
	const socket = connect(port, address)
	socket.on('error', (error) => fail(error.message))
	socket.on('close', () => fail('closed'))
	process.stdin.pipe(socket)
	socket.pipe(process.stdout)
}

function endWithInput(): void {
	process.stdin.resume()
	process.stdin.on('end', () => process.exit(0))
}

const SERVE: Readonly<Record<string, (port: number, address: string) => unknown>> = {
	tcp: serveTcp,
	udp: serveUdp,
	sctp: serveSctp,
	dns: (port, address) => serveDns(port, address, () => console.log('listening')),
}

const DIAL: Readonly<Record<string, (address: string, port: number, from: number) => unknown>> = {
	tcp: dialTcp,
	udp: dialUdp,
	sctp: async (address, port) => {
		setTimeout(() => fail('no answer'), PATIENCE)
		console.log(await dialSctp(address, port))
		process.exit(0)
	},
}

const [verb = '', ...words] = process.argv.slice(2)
if (verb === 'serve') {
	const [protocol = '', port, address = '0.0.0.0'] = words
	endWithInput()
	SERVE[protocol]?.(Number(port), address)
} else if (verb === 'dial') {
	const [protocol = '', address = '', port, from = '0'] = words
	DIAL[protocol]?.(address, Number(port), Number(from))
} else if (verb === 'hold') {
	endWithInput()
	hold(words[0] ?? '', Number(words[1]))
} else {
	fail(`peer: what is "${verb}"?`)
}
