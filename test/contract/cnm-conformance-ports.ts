/** Published ports: ProgramExternalConnectivity, its refusals, and all the ways in which ports come free again. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { newId } from '../support/wire.ts'
import type { Subject } from './cnm-conformance.ts'
import { withNetwork } from './cnm-conformance-network.ts'
import { type Port, run, stop } from './cnm-order-endpoint.ts'

/** High enough to be free on a host that runs tests. */
const BASE = 42_310
const TCP = 6
const UDP = 17

function port(hostPort: number, hostPortEnd = hostPort, proto = TCP): Port {
	return { Proto: proto, Port: 80, HostPort: hostPort, HostPortEnd: hostPortEnd }
}

export function portTests(subject: Subject): void {
	describe('published ports', () => {
		it('a port, a range, a free choice, and both protocols on one number', async () => {
			await withNetwork(subject, '28', {}, async (network) => {
				const ports = [
					port(BASE),
					port(BASE, BASE, UDP),
					port(BASE + 1, BASE + 5),
					port(0),
					{ ...port(0), HostIP: '127.0.0.1' },
				]
				const container = await run(subject.wire, '28', network, { ports })
				await stop(subject.wire, container)
			})
		})

		it('Program again replaces, with null or without a port map as well', async () => {
			await withNetwork(subject, '28', {}, async (network) => {
				const container = await run(subject.wire, '28', network, { ports: [port(BASE)] })
				const ref = { NetworkID: network.id, EndpointID: container.id }
				const key = 'com.docker.network.portmap'
				const no_proxy = { 'com.docker.network.driver.private.no_proxy_6to4': true }
				for (const Options of [
					{ [key]: [port(BASE)], ...no_proxy },
					{ [key]: [port(BASE + 1)] },
					{ [key]: null },
					{},
					null,
				]) {
					await subject.wire.call('NetworkDriver.ProgramExternalConnectivity', { ...ref, Options })
				}
				const other = await run(subject.wire, '28', network, { ports: [port(BASE), port(BASE + 1)] })
				await stop(subject.wire, other)
				await stop(subject.wire, container)
			})
		})

		it('a taken port is an error, and the ports that were free are free again', async () => {
			await withNetwork(subject, '28', {}, async (network) => {
				const owner = await run(subject.wire, '28', network, { ports: [port(BASE)] })
				const refused = () => run(subject.wire, '28', network, { ports: [port(BASE + 7), port(BASE)] })
				await subject.refuses(refused, new RegExp(`NetworkDriver.ProgramExternalConnectivity: .*${BASE}`))
				assert.deepEqual(subject.wire.logged.splice(0), [])
				const other = await run(subject.wire, '28', network, { ports: [port(BASE + 7)] })
				await stop(subject.wire, owner)
				await stop(subject.wire, other)
			})
		})

		it('a range gives the next free port of it', async () => {
			await withNetwork(subject, '28', {}, async (network) => {
				const range = { ports: [port(BASE, BASE + 1)] }
				const one = await run(subject.wire, '28', network, range)
				const two = await run(subject.wire, '28', network, range)
				await subject.refuses(() => run(subject.wire, '28', network, range), /ProgramExternalConnectivity/)
				await stop(subject.wire, one)
				const three = await run(subject.wire, '28', network, range)
				await stop(subject.wire, two)
				await stop(subject.wire, three)
			})
		})

		it('Leave takes the ports away where Revoke never came, as after a restart of dockerd', async () => {
			await withNetwork(subject, '28', {}, async (network) => {
				for (let i = 0; i < 2; i++) {
					const container = await run(subject.wire, '28', network, { ports: [port(BASE)] })
					await stop(subject.wire, container, { revoke: false })
				}
			})
		})

		it('what is not a port that can be published is refused and named', async () => {
			await withNetwork(subject, '28', {}, async (network) => {
				const refusals: readonly (readonly [Port, RegExp])[] = [
					[port(BASE, BASE, 1), /icmp/],
					[port(BASE, BASE, 250), /250/],
					[port(BASE + 5, BASE), new RegExp(`${BASE + 5}-${BASE}`)],
					[port(70_000), /HostPort.*70000/],
					[{ ...port(BASE), HostIP: 'everywhere' }, /everywhere/],
				]
				for (const [wish, message] of refusals) {
					await subject.refuses(() => run(subject.wire, '28', network, { ports: [wish] }), message)
				}
				const fine = await run(subject.wire, '28', network, { ports: [port(BASE)] })
				await stop(subject.wire, fine)
			})
		})

		it('Program for an unknown endpoint is an error and not a 404, Revoke succeeds', async () => {
			const ref = { NetworkID: newId(), EndpointID: newId() }
			const Options = { 'com.docker.network.portmap': [port(BASE)] }
			const program = () => subject.wire.call('NetworkDriver.ProgramExternalConnectivity', { ...ref, Options })
			await subject.refuses(program, /ProgramExternalConnectivity/)
			await subject.wire.call('NetworkDriver.RevokeExternalConnectivity', ref)
		})
	})
}
