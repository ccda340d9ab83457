/** The conversation itself: headers, bodies, errors, connections, activation. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { DockerError, decode, encode, newId, type RawAnswer, text } from '../support/wire.ts'
import type { Subject } from './cnm-conformance.ts'

const IMMEDIATE = [
	'Plugin.Activate',
	'NetworkDriver.GetCapabilities',
	'IpamDriver.GetCapabilities',
	'IpamDriver.GetDefaultAddressSpaces',
]

const [network, endpoint] = [newId(), newId()]
const unknownEndpoint = { NetworkID: network, EndpointID: endpoint }

/** Every method with arguments, with some that name nothing that exists. */
const WITH_ARGUMENTS: Readonly<Record<string, object>> = {
	'NetworkDriver.GwAllocCheck': { Options: {} },
	'NetworkDriver.AllocateNetwork': { NetworkID: network, Options: {}, IPv4Data: [], IPv6Data: null },
	'NetworkDriver.FreeNetwork': { NetworkID: network },
	'NetworkDriver.CreateNetwork': {
		NetworkID: network,
		Options: { 'com.docker.network.generic': { mode: '<no&such>' } },
	},
	'NetworkDriver.DeleteNetwork': { NetworkID: network },
	'NetworkDriver.CreateEndpoint': { ...unknownEndpoint, Interface: { Address: '10.231.0.2/24' }, Options: null },
	'NetworkDriver.DeleteEndpoint': unknownEndpoint,
	'NetworkDriver.EndpointOperInfo': unknownEndpoint,
	'NetworkDriver.Join': { ...unknownEndpoint, SandboxKey: '/var/run/docker/netns/000000000000', Options: null },
	'NetworkDriver.Leave': unknownEndpoint,
	'NetworkDriver.ProgramExternalConnectivity': { ...unknownEndpoint, Options: null },
	'NetworkDriver.RevokeExternalConnectivity': unknownEndpoint,
	'NetworkDriver.DiscoverNew': {
		DiscoveryType: 1,
		DiscoveryData: { Address: '192.0.2.1', BindAddress: '', Self: false },
	},
	'NetworkDriver.DiscoverDelete': {
		DiscoveryType: 1,
		DiscoveryData: { Address: '192.0.2.1', BindAddress: '', Self: true },
	},
	'IpamDriver.RequestPool': { AddressSpace: 'weft-local', Pool: 'no pool', SubPool: '', Options: null, V6: false },
	'IpamDriver.ReleasePool': { PoolID: `weft-local/10.231.0.0/24/${network}` },
	'IpamDriver.RequestAddress': { PoolID: `weft-local/10.231.0.0/24/${network}`, Address: '', Options: null },
	'IpamDriver.ReleaseAddress': { PoolID: `weft-local/10.231.0.0/24/${network}`, Address: '10.231.0.2' },
}

/** These must fail for what is unknown or wrong; all others must not. */
const FAILING = new Set([
	'NetworkDriver.CreateNetwork',
	'NetworkDriver.CreateEndpoint',
	'NetworkDriver.Join',
	'NetworkDriver.ProgramExternalConnectivity',
	'IpamDriver.RequestPool',
	'IpamDriver.RequestAddress',
])

function assertFailure(answer: RawAnswer, status?: number): void {
	assert.ok(status === undefined ? answer.status >= 400 : answer.status === status, `${answer.status} ${answer.text}`)
	const body: unknown = JSON.parse(answer.text)
	assert.notEqual(text(body, 'Err'), '', 'a network driver fails with Err')
	assert.equal(text(body, 'Error'), text(body, 'Err'), 'an IPAM driver fails with Error')
	assert.doesNotMatch(text(body, 'Err'), /\p{Cc}/u, 'the message is one line')
}

export function conversationTests(subject: Subject): void {
	describe('activation', () => {
		it('implements both drivers', async () => {
			const { Implements } = await subject.wire.call('Plugin.Activate')
			assert.deepEqual(Array.isArray(Implements) && Implements.toSorted(), ['IpamDriver', 'NetworkDriver'])
		})

		it('has a scope that dockerd registers', async () => {
			const answer = await subject.wire.call('NetworkDriver.GetCapabilities')
			assert.match(text(answer, 'Scope'), /^(local|global)$/)
			assert.match(text(answer, 'ConnectivityScope'), /^(local|global)?$/)
		})

		it('asks neither for MAC addresses nor for a replay', async () => {
			const answer = await subject.wire.call('IpamDriver.GetCapabilities')
			assert.deepEqual([answer.RequiresMACAddress, answer.RequiresRequestReplay], [false, false])
		})

		it('has two address spaces that differ, and says so quickly', async () => {
			const started = performance.now()
			for (let i = 0; i < 100; i++) await subject.wire.call('IpamDriver.GetDefaultAddressSpaces')
			assert.ok(performance.now() - started < 2000, 'dockerd asks before every RequestPool')
			const answer = await subject.wire.call('IpamDriver.GetDefaultAddressSpaces')
			const [local, global] = [text(answer, 'LocalDefaultAddressSpace'), text(answer, 'GlobalDefaultAddressSpace')]
			assert.ok(local !== '' && global !== '' && local !== global)
		})

		for (const method of IMMEDIATE) {
			it(`${method} takes an empty body of length 0, and null and {} as well`, async () => {
				for (const body of ['', '{}\n', 'null\n']) decode(method, await subject.wire.raw(method, body))
			})
		}
	})

	describe('messages', () => {
		// None of them names anything that is there.
		let found: object | undefined
		beforeEach(async () => {
			found = await subject.records()
		})
		afterEach(async () => assert.deepEqual(await subject.records(), found))

		for (const [method, args] of Object.entries(WITH_ARGUMENTS)) {
			it(`${method} ${FAILING.has(method) ? 'fails for' : 'succeeds with'} what is unknown`, async () => {
				const answer = await subject.wire.raw(method, encode(args))
				if (!FAILING.has(method)) return void decode(method, answer)
				assertFailure(answer)
				assert.notEqual(answer.status, 404, 'dockerd takes a 404 for "not implemented" and goes on')
				assert.throws(() => decode(method, answer), DockerError)
			})

			it(`${method} whose body a retry of dockerd lost is refused with 400`, async () => {
				assertFailure(await subject.wire.raw(method, ''), 400)
			})

			it(`${method} refuses what is not JSON, not an object, or of a wrong type`, async () => {
				for (const body of ['{"NetworkID":', 'null\n', '[]', '"text"']) {
					assertFailure(await subject.wire.raw(method, body), 400)
				}
				const [field = ''] = Object.keys(args)
				if (field === 'DiscoveryType') return
				const answer = await subject.wire.raw(method, encode({ ...args, [field]: 7 }))
				assertFailure(answer, 400)
				assert.match(answer.text, new RegExp(field), 'the message names the field')
			})

			it(`${method} ignores fields that it does not know`, async () => {
				const answer = await subject.wire.raw(method, encode({ ...args, Unknown: { nested: [1] } }))
				if (FAILING.has(method)) assertFailure(answer)
				else decode(method, answer)
			})
		}

		it('a refused value is named as it was typed, though Go escapes < > &', async () => {
			const body = encode(WITH_ARGUMENTS['NetworkDriver.CreateNetwork'])
			assert.match(body, /\\u003cno\\u0026such\\u003e/)
			const answer = await subject.wire.raw('NetworkDriver.CreateNetwork', body)
			assert.throws(() => decode('NetworkDriver.CreateNetwork', answer), /<no&such>/)
		})
	})

	describe('headers', () => {
		const body = encode(WITH_ARGUMENTS['NetworkDriver.Leave'])

		it('a body without Content-Type is read', async () => {
			decode('NetworkDriver.Leave', await subject.wire.raw('NetworkDriver.Leave', body))
		})

		for (const type of ['application/json', 'text/plain', 'application/x-www-form-urlencoded', 'nonsense', '']) {
			it(`so is one with Content-Type "${type}"`, async () => {
				decode('NetworkDriver.Leave', await subject.wire.raw('NetworkDriver.Leave', body, { 'Content-Type': type }))
			})
		}

		for (const Host of ['plugin.moby.localhost', '%2Frun%2Fdocker%2Fplugins%2Fweft.sock', 'localhost:80']) {
			it(`the host ${Host} is no concern`, async () => {
				decode(
					'NetworkDriver.Leave',
					await subject.wire.raw('NetworkDriver.Leave', body, { Host, Accept: 'text/html' }),
				)
			})
		}

		it('success is status 200 with a body, never 204 and never nothing', async () => {
			const answer = await subject.wire.raw('NetworkDriver.Leave', body)
			assert.equal(answer.status, 200)
			assert.deepEqual(JSON.parse(answer.text), {})
			assert.equal(answer.headers['content-type'], 'application/vnd.docker.plugins.v1.2+json')
		})

		it('an unknown method is a 404 with a message, and names are case-sensitive', async () => {
			assertFailure(await subject.wire.raw('NetworkDriver.NoSuchCall', body), 404)
			assertFailure(await subject.wire.raw('networkdriver.leave', body), 404)
		})
	})

	describe('connections', () => {
		it('one connection serves call after call, also after refusals', async () => {
			const wire = subject.newWire()
			for (let i = 0; i < 5; i++) {
				assertFailure(await wire.raw('NetworkDriver.Leave', '{"broken'), 400)
				assertFailure(await wire.raw('NetworkDriver.Leave', ''), 400)
				assertFailure(await wire.raw('NetworkDriver.Nope', '{}'), 404)
				const answer = await wire.raw('NetworkDriver.Leave', encode(unknownEndpoint))
				assert.equal(answer.status, 200)
				assert.notEqual(answer.headers.connection, 'close')
			}
			assert.equal(wire.connections.size, 1)
			wire.close()
		})

		it('many calls at once are answered on connections of their own', async () => {
			const calls = Array.from({ length: 20 }, () => subject.wire.call('NetworkDriver.Leave', unknownEndpoint))
			assert.deepEqual(
				await Promise.all(calls),
				calls.map(() => ({})),
			)
		})

		it('an idle connection is kept for longer than Node would by itself', { timeout: 20_000 }, async () => {
			const wire = subject.newWire()
			await wire.call('Plugin.Activate')
			await new Promise((resolve) => setTimeout(resolve, 6_500))
			await wire.call('Plugin.Activate')
			assert.equal(wire.connections.size, 1)
			wire.close()
		})
	})
}
