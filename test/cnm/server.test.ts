/** What the server adds to the routes: errors, readiness, the log, and that no body whatever brings it down. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { buildServer, type ServerParts } from '../../src/cnm/server.ts'
import { WeftError } from '../../src/errors.ts'
import type { Call } from '../../src/metrics.ts'
import { anyBody, anyMethod } from '../support/any-call.ts'
import { eventually } from '../support/eventually.ts'
import { fakeIpam, fakeNetworks } from '../support/fake-verbs.ts'

interface Line {
	readonly level: number
	readonly method?: string
	readonly outcome?: string
	readonly err?: { readonly stack?: string }
}

function build(parts: Partial<ServerParts> = {}): { server: FastifyInstance; lines: Line[] } {
	const lines: Line[] = []
	const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
	const defaults = {
		network: fakeNetworks(),
		ipam: fakeIpam(),
		ready: async () => undefined,
		scope: 'local' as const,
		logger,
		activated: () => undefined,
	}
	return { server: buildServer({ ...defaults, ...parts }), lines }
}

/** A server whose DeleteNetwork throws this. */
function throwing(error: unknown): { server: FastifyInstance; lines: Line[] } {
	const deleteNetwork = (): Promise<void> => Promise.reject(error)
	return build({ network: { ...fakeNetworks(), deleteNetwork } })
}

async function post(server: FastifyInstance, method: string, payload: string | object = '') {
	const text = typeof payload === 'string' ? payload : JSON.stringify(payload)
	const answer = await server.inject({ method: 'POST', url: `/${method}`, payload: text })
	return { status: answer.statusCode, text: answer.body, body: answer.body === '' ? undefined : answer.json() }
}

const deleteNetwork = (server: FastifyInstance) => post(server, 'NetworkDriver.DeleteNetwork', { NetworkID: 'n1' })

describe('errors', () => {
	for (const [error, status, message] of [
		[new WeftError('invalid', 'a bad value'), 400, 'a bad value'],
		[new WeftError('not-found', 'no such thing'), 500, 'no such thing'],
		[new WeftError('in-use', 'taken'), 500, 'taken'],
		[new TypeError('x is not a function'), 500, 'x is not a function'],
		[new AggregateError([new Error('one'), new Error('two')]), 500, 'one; two'],
		['a string', 500, 'a string'],
		[undefined, 500, 'undefined'],
		[new Error(''), 500, 'unknown error'],
		[Object.assign(new Error('foreign'), { statusCode: 404 }), 500, 'foreign'],
	] as const) {
		it(`${String(error)} is ${status} with "${message}"`, async () => {
			const { status: given, body } = await deleteNetwork(throwing(error).server)
			assert.deepEqual([given, body], [status, { Err: message, Error: message }])
		})
	}

	it('without an error the same call is {}', async () => {
		const { status, text } = await deleteNetwork(build().server)
		assert.deepEqual([status, text], [200, '{}'])
	})

	it('a message is one line without control characters, and JSON whatever it contains', async () => {
		const hostile = 'bad\r\n"quote" \\ \u001b[31mred\u0000\u2028next\u202Eevil \ud800 <b>&'
		const { body } = await deleteNetwork(throwing(new WeftError('invalid', hostile)).server)
		assert.equal(body.Err, 'bad "quote" \\ [31mred next evil <b>&')
	})

	it('a message has an end', async () => {
		const { body } = await deleteNetwork(throwing(new WeftError('invalid', 'x'.repeat(100_000))).server)
		assert.ok(body.Err.length < 2100)
	})

	it('hostile names and ids in a request come back escaped', async () => {
		const { server } = build()
		for (const NetworkID of ['a\nb', '"', '../x', 'x'.repeat(65), '', '\u0000', 'ä']) {
			const { status, body } = await post(server, 'NetworkDriver.DeleteNetwork', { NetworkID })
			assert.equal(status, 400)
			assert.match(body.Err, /^NetworkID must be 1 to 64 letters and digits, not /)
			assert.doesNotMatch(body.Err, /\p{Cc}/u)
		}
		assert.equal((await post(server, 'NetworkDriver.DeleteNetwork', { NetworkID: 'x'.repeat(64) })).status, 200)
	})

	it('a value of a wrong type is named with its path', async () => {
		const { server } = build()
		for (const [args, message] of [
			[{ IPv4Data: [{ Pool: 7 }] }, 'IPv4Data[0].Pool must be of type string, not 7'],
			[{ IPv4Data: {} }, 'IPv4Data must be of type array, not {}'],
			[{ IPv4Data: [{}] }, 'IPv4Data[0].Pool is missing'],
			[
				{ Options: { 'com.docker.network.generic': { 'a\nb': 1 } } },
				'Options.com.docker.network.generic.a b must be of type string, not 1',
			],
			[
				{ Options: { 'com.docker.network.internal': 'true' } },
				'Options.com.docker.network.internal must be of type boolean, not "true"',
			],
		] as const) {
			const { status, body } = await post(server, 'NetworkDriver.CreateNetwork', { NetworkID: 'n1', ...args })
			assert.deepEqual([status, body.Err], [400, message])
		}
		assert.equal((await post(server, 'NetworkDriver.CreateNetwork', { NetworkID: 'n1' })).status, 200)
	})

	it('a body above 4 MiB is refused, one below is read', async () => {
		const { server } = build()
		const padded = (size: number) => ({ NetworkID: 'n1', Padding: 'x'.repeat(size) })
		const { status, body } = await post(server, 'NetworkDriver.Leave', padded(4 * 1024 * 1024))
		assert.deepEqual([status, body.Err], [413, body.Error])
		assert.equal((await post(server, 'NetworkDriver.DeleteNetwork', padded(4_000_000))).status, 200)
	})

	it('a path that cannot be decoded is an error like any other', async () => {
		const { status, body } = await post(build().server, '%zz', '{}')
		assert.equal(status, 400)
		assert.equal(body.Err, body.Error)
	})
})

describe('readiness', () => {
	it('an activation is answered at once, other calls when weft is ready', async () => {
		let finish = (): void => undefined
		const restored = new Promise<void>((resolve) => (finish = resolve))
		const { server } = build({ ready: () => restored })
		let isAnswered = false
		const waiting = deleteNetwork(server).then(({ status }) => {
			isAnswered = true
			return status
		})
		for (const method of [
			'Plugin.Activate',
			'NetworkDriver.GetCapabilities',
			'IpamDriver.GetCapabilities',
			'IpamDriver.GetDefaultAddressSpaces',
		]) {
			assert.equal((await post(server, method)).status, 200)
		}
		assert.equal((await post(server, 'NetworkDriver.DeleteNetwork', '{')).status, 400, 'nonsense need not wait')
		assert.equal(isAnswered, false)
		finish()
		assert.equal(await waiting, 200)
	})

	it('an activation tells that dockerd is there', async () => {
		let told = 0
		const { server } = build({ activated: () => told++ })
		await post(server, 'Plugin.Activate')
		await post(server, 'NetworkDriver.GetCapabilities')
		assert.equal(told, 1)
	})

	it('a call does not wait for ever, because dockerd would', async () => {
		const { server } = build({ ready: () => new Promise(() => undefined), readyTimeout: 20 })
		const { status, body } = await deleteNetwork(server)
		assert.equal(status, 500)
		assert.match(body.Err, /still restoring/)
	})

	it('a restoration that failed is told to who calls, until one has succeeded', async () => {
		let ready = () => Promise.reject<void>(new WeftError('system', 'no netlink'))
		const { server } = build({ ready: () => ready() })
		assert.deepEqual((await deleteNetwork(server)).body.Err, 'no netlink')
		ready = () => Promise.resolve()
		assert.equal((await deleteNetwork(server)).status, 200)
	})
})

describe('the creation of a network', () => {
	/** Those of which it was told that somebody has had the answer. */
	async function answeredOf(breaks: boolean): Promise<string[]> {
		const answered: string[] = []
		let finish = (): void => undefined
		const made = new Promise<void>((resolve) => (finish = resolve))
		const networkAnswered = (id: string): void => void answered.push(id)
		const { server, lines } = build({ network: { ...fakeNetworks(), createNetwork: () => made, networkAnswered } })
		const port = Number(new URL(await server.listen({ port: 0, host: '127.0.0.1' })).port)
		const body = '{"NetworkID":"n1"}'
		const socket = connect(port, '127.0.0.1')
		const ended = new Promise((resolve) => socket.on('close', resolve))
		socket.write(
			`POST /NetworkDriver.CreateNetwork HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
		)
		await eventually(async () => (await connectionsOf(server)) === 1, { what: 'it is connected' })
		if (breaks) {
			socket.destroy()
			await eventually(async () => (await connectionsOf(server)) === 0, { what: 'the connection is gone' })
		}
		finish()
		// Where nobody hears the answer nothing tells of its end: what is done with it is done in these turns.
		if (breaks) for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
		else await eventually(() => lines.length > 0, { what: 'it is answered' })
		socket.destroy()
		await Promise.all([ended, server.close()])
		return answered
	}

	it('is answered when somebody has had the answer, and not where the connection broke before', async () => {
		assert.deepEqual(await answeredOf(false), ['n1'])
		assert.deepEqual(await answeredOf(true), [])
	})
})

function connectionsOf({ server }: FastifyInstance): Promise<number> {
	return new Promise((resolve, reject) => {
		server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))
	})
}

describe('the log', () => {
	it('has one line for each call: info where something changes, debug elsewhere', async () => {
		const { server, lines } = build()
		await deleteNetwork(server)
		await post(server, 'NetworkDriver.EndpointOperInfo', { NetworkID: 'n1', EndpointID: 'e1' })
		await post(server, 'NetworkDriver.Join', { NetworkID: 'n1', EndpointID: 'e1' })
		assert.deepEqual(
			lines.map(({ level, method, outcome }) => [level, method, outcome]),
			[
				[30, 'NetworkDriver.DeleteNetwork', 'ok'],
				[20, 'NetworkDriver.EndpointOperInfo', 'ok'],
				[30, 'NetworkDriver.Join', 'there is no network n1'],
			],
		)
	})

	it('has the stack of what nobody foresaw, and only of that', async () => {
		const broken = throwing(new TypeError('oops'))
		await deleteNetwork(broken.server)
		assert.match(broken.lines.find(({ level }) => level === 50)?.err?.stack ?? '', /TypeError: oops\n\s+at /)
		const foreseen = throwing(new WeftError('system', 'refused'))
		await deleteNetwork(foreseen.server)
		assert.equal(foreseen.lines.length, 1)
	})
})

describe('who counts calls', () => {
	it('is told of each, with its outcome and its time, and never of a name that somebody made up', async () => {
		const calls: Call[] = []
		const refusing = { ...fakeNetworks(), deleteNetwork: () => Promise.reject(new WeftError('in-use', 'taken')) }
		const { server } = build({ network: refusing, observe: (call) => calls.push(call) })
		await post(server, 'Plugin.Activate')
		await deleteNetwork(server)
		await post(server, 'NetworkDriver.DeleteNetwork', 'nonsense')
		await post(server, 'Made.Up')
		assert.deepEqual(
			calls.map(({ method, outcome }) => [method, outcome]),
			[
				['Plugin.Activate', 'ok'],
				['NetworkDriver.DeleteNetwork', 'in-use'],
				['NetworkDriver.DeleteNetwork', 'invalid'],
				['unknown', 'unknown'],
			],
		)
		assert.ok(calls.every(({ seconds }) => seconds >= 0 && seconds < 60))
	})

	it('is told of a defect as such', async () => {
		const calls: Call[] = []
		const broken = { ...fakeNetworks(), deleteNetwork: () => Promise.reject(new TypeError('x')) }
		await deleteNetwork(build({ network: broken, observe: (call) => calls.push(call) }).server)
		assert.deepEqual(
			calls.map(({ outcome }) => outcome),
			['broken'],
		)
	})
})

describe('robustness', () => {
	it('any body to any method is answered 200, 400, 404 or 500, with a body that dockerd can read', async () => {
		const { server, lines } = build()
		await fc.assert(
			fc.asyncProperty(anyMethod, anyBody, async (method, payload) => {
				const answer = await post(server, method, payload)
				assert.ok([200, 400, 404, 500].includes(answer.status), `${answer.status}`)
				assert.equal(typeof answer.body, 'object')
				if (answer.status === 200) return
				assert.equal(answer.body.Err, answer.body.Error)
				assert.match(answer.body.Err, /^[^\p{Cc}]+$/u)
			}),
			{ numRuns: 3000 },
		)
		assert.deepEqual(
			lines.filter(({ level }) => level >= 50),
			[],
			'nothing broke that was not foreseen',
		)
	})
})
