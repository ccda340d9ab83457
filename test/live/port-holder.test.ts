/** The process that has a port is found by its socket, whatever address it is on. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { after, afterEach, before, describe, it } from 'node:test'
import { processAt } from '../../src/kernel/port-holder.ts'
import type { HostPort } from '../../src/kernel/resource.ts'
import { enterOwnNamespace, noBed } from './networks-bed.ts'

type Protocol = 'tcp' | 'udp'

function port(protocol: Protocol, address: string, number = 8080): HostPort {
	return { kind: 'port', protocol, address, port: number, owner: 'one' }
}

const SELF = { pid: process.pid, name: readFileSync('/proc/self/comm', 'utf8').trimEnd() }

describe('the process that has a port', { skip: noBed() }, () => {
	const closing: (() => void)[] = []
	const closeAll = () => {
		for (const close of closing.splice(0)) close()
	}
	before(async () => {
		const host = await enterOwnNamespace()
		await host.ip('addr add 192.0.2.1/24 dev lo')
	})
	afterEach(closeAll)
	after(closeAll)

	async function listen(protocol: Protocol, address: string, ipv6Only = true): Promise<void> {
		if (protocol === 'tcp') {
			const server = createServer()
			closing.push(() => server.close())
			await new Promise<void>((done) => server.listen({ port: 8080, host: address, ipv6Only }, done))
			return
		}
		const socket = address.includes(':') ? createSocket({ type: 'udp6', ipv6Only }) : createSocket('udp4')
		closing.push(() => socket.close())
		await new Promise<void>((done) => socket.bind(8080, address, done))
	}

	for (const protocol of ['tcp', 'udp'] as const) {
		it(`is found where it is in the way, and only there, ${protocol}`, async () => {
			await listen(protocol, '127.0.0.1')
			for (const address of ['127.0.0.1', '0.0.0.0']) assert.deepEqual(await processAt(port(protocol, address)), SELF)
			for (const other of [port(protocol, '192.0.2.1'), port(protocol, '::1'), port(protocol, '127.0.0.1', 8081)]) {
				assert.equal(await processAt(other), undefined)
			}
		})

		it(`is found on every address where it listens on all, ${protocol}`, async () => {
			await listen(protocol, '::', false)
			for (const address of ['127.0.0.1', '0.0.0.0', '::', '::1']) {
				assert.deepEqual(await processAt(port(protocol, address)), SELF)
			}
		})
	}

	it('is found where it has the port for a connection of its own', async () => {
		await listen('tcp', '127.0.0.1')
		const socket = connect({ port: 8080, host: '127.0.0.1', localPort: 8081 })
		closing.push(() => socket.destroy())
		await new Promise<void>((done) => socket.on('connect', () => done()))
		assert.deepEqual(await processAt(port('tcp', '0.0.0.0', 8081)), SELF)
	})

	it('is found among others, and gone when it has ended', async () => {
		const script = `require('net').createServer().listen(8080, '127.0.0.1', () => console.log('listening'))`
		const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
		const ended = once(child, 'exit')
		closing.push(() => child.kill())
		await once(child.stdout, 'data')
		assert.deepEqual(await processAt(port('tcp', '127.0.0.1')), { ...SELF, pid: child.pid })
		child.kill()
		await ended
		assert.equal(await processAt(port('tcp', '127.0.0.1')), undefined)
	})
})
