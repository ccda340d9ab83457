/** Ports that are held: nobody else gets them, neither another container nor another program, until they are let go. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { connect, createServer } from 'node:net'
import { after, before, beforeEach, describe, it } from 'node:test'
import { isCode } from '../../src/errors.ts'
import { closeFd } from '../../src/kernel/ffi.ts'
import { bindHostPort } from '../../src/kernel/port-socket.ts'
import { HostPorts } from '../../src/kernel/ports.ts'
import type { HostPort } from '../../src/kernel/resource.ts'
import type { Protocol } from '../../src/model/network.ts'
import { run } from '../support/command.ts'
import { enterOwnNamespace, noBed } from './networks-bed.ts'

function port(protocol: Protocol, address: string, number = 8080, owner = 'one'): HostPort {
	return { kind: 'port', protocol, address, port: number, owner }
}

/** Whether a program of this host can listen there. */
function isFree(protocol: 'tcp' | 'udp', address: string, number = 8080): Promise<boolean> {
	return new Promise((resolve) => {
		if (protocol === 'tcp') {
			const server = createServer()
			server.on('error', () => resolve(false))
			server.listen({ port: number, host: address, ipv6Only: true }, () => server.close(() => resolve(true)))
			return
		}
		const socket = address.includes(':') ? createSocket({ type: 'udp6', ipv6Only: true }) : createSocket('udp4')
		socket.on('error', () => resolve(false))
		socket.bind(number, address, () => socket.close(() => resolve(true)))
	})
}

/** A connection that the server's side is the first to end. */
async function serveOnce(address: string): Promise<void> {
	const server = createServer((socket) => socket.end('done'))
	await new Promise<void>((done) => server.listen(8080, address, done))
	await new Promise<void>((done) =>
		connect(8080, address)
			.resume()
			.on('close', () => done()),
	)
	await new Promise((done) => server.close(done))
}

function sctpIsThere(): boolean {
	try {
		closeFd(bindHostPort('sctp', { family: 4, value: 0n }, 8080))
		return true
	} catch {
		return false
	}
}

const inUse = (error: unknown) => isCode(error, 'in-use')

describe('ports', { skip: noBed() }, () => {
	const ports = new HostPorts()
	const held: HostPort[] = []
	/** Let go before the next test. */
	function hold(wanted: HostPort): void {
		held.push(wanted)
		ports.hold(wanted)
	}
	function releaseAll(): void {
		for (const each of held.splice(0)) ports.release(each)
	}
	before(async () => {
		const host = await enterOwnNamespace()
		await host.ip('addr add 192.0.2.1/24 dev lo', 'addr add 2001:db8::1/64 dev lo nodad')
	})
	beforeEach(releaseAll)
	after(releaseAll)

	for (const protocol of ['tcp', 'udp'] as const) {
		for (const address of ['0.0.0.0', '::', '127.0.0.1', '::1', '192.0.2.1', '2001:db8::1']) {
			it(`of ${protocol} on ${address} are nobody else's until they are let go`, async () => {
				const mine = port(protocol, address)
				assert.ok(await isFree(protocol, address))
				hold(mine)
				hold(mine)
				assert.ok(ports.has(mine))
				assert.ok(!(await isFree(protocol, address)))
				ports.release(mine)
				assert.ok(!ports.has(mine))
				assert.ok(await isFree(protocol, address))
			})
		}

		it(`of ${protocol} on every address exclude the same on one, family by family`, async () => {
			hold(port(protocol, '0.0.0.0'))
			assert.throws(() => hold(port(protocol, '192.0.2.1', 8080, 'two')), inUse)
			hold(port(protocol, '::1', 8080, 'two'))
			assert.throws(() => hold(port(protocol, '::', 8080, 'three')), inUse)
			hold(port(protocol, '192.0.2.1', 8081, 'two'))
		})

		it(`of ${protocol} on every address of both families are held side by side`, () => {
			hold(port(protocol, '::'))
			hold(port(protocol, '0.0.0.0'))
			assert.ok(ports.has(port(protocol, '::')) && ports.has(port(protocol, '0.0.0.0')))
		})

		it(`of ${protocol} are refused in words where a program has them`, async () => {
			const taken = createServer()
			const other = createSocket('udp4')
			if (protocol === 'tcp') await new Promise<void>((done) => taken.listen(8080, '127.0.0.1', done))
			else await new Promise<void>((done) => other.bind(8080, '127.0.0.1', done))
			try {
				assert.throws(
					() => hold(port(protocol, '0.0.0.0')),
					(error: unknown) => {
						return inUse(error) && (error as Error).message === `port 0.0.0.0:8080/${protocol} is already allocated`
					},
				)
				assert.ok(!ports.has(port(protocol, '0.0.0.0')))
				hold(port(protocol, '0.0.0.0', 8081))
			} finally {
				taken.close()
				other.close()
			}
		})
	}

	it('of tcp and of udp are not the same', () => {
		hold(port('tcp', '0.0.0.0'))
		hold(port('udp', '0.0.0.0', 8080, 'two'))
	})

	it('of another owner are neither given nor let go', () => {
		hold(port('tcp', '0.0.0.0'))
		const theirs = port('tcp', '0.0.0.0', 8080, 'two')
		assert.throws(() => hold(theirs), inUse)
		ports.release(theirs)
		assert.ok(ports.has(port('tcp', '0.0.0.0')) && !ports.has(theirs))
		assert.throws(() => hold(theirs), inUse)
	})

	it('on an address that this host has not, or has on one link alone, are refused in words', () => {
		for (const [address, shown, what] of [
			['198.51.100.1', '198.51.100.1:8080/tcp', 'not an address of this host'],
			['2001:db8:9::1', '[2001:db8:9::1]:8080/tcp', 'not an address of this host'],
			['fe80::1', '[fe80::1]:8080/tcp', 'an address of one link alone'],
		] as const) {
			assert.throws(
				() => hold(port('tcp', address)),
				(error: unknown) => {
					const { message } = error as Error
					return isCode(error, 'invalid') && message === `port ${shown}: ${address} is ${what}`
				},
			)
		}
	})

	for (const address of ['0.0.0.0', '127.0.0.1', '::']) {
		it(`of tcp on ${address} are given after a service has ended, whose connections the kernel still waits for`, async () => {
			const client = address === '::' ? '::1' : '127.0.0.1'
			await serveOnce(client)
			assert.ok(await run(['ss', '-Htan', 'state', 'time-wait', 'src', `[${client}]:8080`]), 'nothing waits')
			hold(port('tcp', address))
			assert.ok(!(await isFree('tcp', address)))
			assert.ok(!(await isFree('tcp', client)))
		})
	}

	it('refuse a connection at once', async () => {
		hold(port('tcp', '127.0.0.1'))
		const code = await new Promise((done) => {
			connect(8080, '127.0.0.1').on('error', (error: NodeJS.ErrnoException) => done(error.code))
		})
		assert.equal(code, 'ECONNREFUSED')
	})

	it(`of sctp exclude each other, ${sctpIsThere() ? 'by sockets' : 'without sockets, since this kernel has no SCTP'}`, () => {
		hold(port('sctp', '0.0.0.0'))
		hold(port('sctp', '0.0.0.0'))
		assert.throws(() => hold(port('sctp', '127.0.0.1', 8080, 'two')), inUse)
		assert.throws(() => hold(port('sctp', '0.0.0.0', 8080, 'two')), inUse)
		hold(port('sctp', '::', 8080, 'two'))
		hold(port('sctp', '0.0.0.0', 8081, 'two'))
		ports.release(port('sctp', '0.0.0.0'))
		hold(port('sctp', '0.0.0.0', 8080, 'two'))
	})
})
