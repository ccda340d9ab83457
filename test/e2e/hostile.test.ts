/**
 * Crowds and nonsense on the socket of a weftd that works on a real kernel: it answers all of them, its memory is bounded,
 * and nothing is left. WEFT_TEST_FUZZ is how many calls of nonsense there are.
 */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import type { Counts, NetworkSummary, Status } from '../../src/admin/api.ts'
import { type EndpointState, run, stop } from '../contract/cnm-order-endpoint.ts'
import { networkCreate, networkRm } from '../contract/cnm-order-network.ts'
import { anyBody, anyBytes, anyMethod, likelyCall } from '../support/any-call.ts'
import { eventually } from '../support/eventually.ts'
import { type Host, noHost, startHost } from '../support/host.ts'
import { Wire } from '../support/wire.ts'
import { assertFootprint, type Footprint, footprint } from './footprint.ts'

const CALLS = Number(process.env.WEFT_TEST_FUZZ ?? 3000)
const SEED = Number(process.env.WEFT_TEST_SEED ?? Date.now() % 2 ** 31)
const CROWD = 200
/** Clients at the same time. */
const CLIENTS = 8
/** MiB that weftd may have, whatever is sent to it; it has some 100. */
const MEMORY = 400
const SOCKET = '/run/docker/plugins/weft.sock'
const WEFT = fileURLToPath(new URL('../../src/weft.js', import.meta.url))

/** What became of the nonsense. */
interface Done {
	/** Ids. */
	readonly pools: Set<string>
	/** How often, by method and status. */
	readonly calls: Map<string, number>
}

describe('weftd', { skip: noHost() }, () => {
	let host: Host
	let wire: Wire
	let clean: Footprint

	before(async () => {
		host = await startHost({ dockerd: false, env: { WEFT_LOG_LEVEL: 'error' } })
		wire = new Wire(host.path(SOCKET))
		// Some settings stay as the first network leaves them.
		const network = await networkCreate(wire, '20.10', { ipv6: [{}] })
		await stop(wire, await run(wire, '20.10', network))
		await networkRm(wire, network)
		clean = await footprint(host)
	})
	after(async () => {
		wire?.close()
		await host?.stop()
	})

	async function read<T>(...args: readonly string[]): Promise<T> {
		return JSON.parse(await host.exec([process.execPath, WEFT, ...args, '--json']))
	}

	/** It is the same process, has answered all, and has nothing any more. */
	async function assertWell(pid: string): Promise<void> {
		assert.equal(await pidOf(), pid, 'it died')
		const { counts } = await read<Status>('status')
		const none: Counts = { networks: 0, endpoints: 0, ports: 0, pools: 0, leases: 0 }
		assert.deepEqual(counts, none)
		await assertFootprint(host, clean)
		const status = await host.exec(['cat', `/proc/${pid}/status`])
		const resident = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024
		assert.ok(resident < MEMORY, `${resident} MiB`)
		assert.equal(host.weftd.log, '')
	}

	async function pidOf(): Promise<string> {
		assert.ok(host.weftd.running, host.weftd.tail())
		return (await host.exec(['cat', '/run/weftd.test-pid'])).trim()
	}

	function assertApart(endpoints: readonly EndpointState[]): void {
		for (const what of ['ipv4', 'link', 'mac'] as const) {
			assert.equal(new Set(endpoints.map((each) => each[what])).size, endpoints.length, what)
		}
	}

	it(`lets ${CROWD} containers join one network at once`, async () => {
		const pid = await pidOf()
		const network = await networkCreate(wire, '20.10', {})
		const endpoints = await Promise.all(Array.from({ length: CROWD }, () => run(wire, '20.10', network)))
		assertApart(endpoints)
		await Promise.all(endpoints.map((endpoint) => stop(wire, endpoint)))
		await networkRm(wire, network)
		await assertWell(pid)
	})

	it(`lets ${CROWD} containers join as many networks at once`, async () => {
		const pid = await pidOf()
		const numbers = Array.from({ length: CROWD }, (_, number) => number)
		const networks = await Promise.all(numbers.map(() => networkCreate(wire, '20.10', {})))
		const endpoints = await Promise.all(networks.map((network) => run(wire, '20.10', network)))
		assertApart(endpoints)
		await Promise.all(endpoints.map((endpoint) => stop(wire, endpoint)))
		await Promise.all(networks.map((network) => networkRm(wire, network)))
		await assertWell(pid)
	})

	it('answers beside hundreds of requests that never end, and of bodies without measure', async () => {
		const pid = await pidOf()
		const heads = ['POST /NetworkDriver.Join HTTP/1.1\r\nHost: x\r\n', 'POST /IpamDriver.RequestPool HTTP/1.1\r\n']
		const slow = Array.from({ length: 500 }, (_, n) => {
			const socket = connect(host.path(SOCKET))
			return socket.on('error', () => undefined).once('connect', () => socket.write(heads[n % 2] ?? ''))
		})
		const flood = Array.from({ length: 20 }, () => oversized())
		const network = await networkCreate(wire, '20.10', {})
		await stop(wire, await run(wire, '20.10', network))
		await networkRm(wire, network)
		for (const answer of await Promise.all(flood)) assert.match(answer, /^HTTP\/1\.1 413 /)
		for (const socket of slow) socket.destroy()
		await assertWell(pid)
	})

	/** Chunks of a mebibyte, of which there is no end; what it is told. */
	function oversized(): Promise<string> {
		return new Promise((resolve) => {
			const socket = connect(host.path(SOCKET))
			let answer = ''
			const chunk = `100000\r\n${' '.repeat(1 << 20)}\r\n`
			const more = (): void => void (answer === '' && socket.write(chunk, () => setImmediate(more)))
			socket.on('data', (data) => {
				answer += data.toString()
			})
			socket.on('error', () => undefined)
			socket.on('close', () => resolve(answer))
			socket.write('POST /NetworkDriver.Leave HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n', more)
		})
	}

	it('takes no nonsense for anything else, and none is left of it', { timeout: 1_200_000 }, async (t) => {
		t.diagnostic(`WEFT_TEST_SEED=${SEED}`)
		const pid = await pidOf()
		const done: Done = { pools: new Set(), calls: new Map() }
		await Promise.all(Array.from({ length: CLIENTS }, (_, n) => talkNonsense(SEED + n, done)))
		t.diagnostic(JSON.stringify(Object.fromEntries(done.calls)))
		for (const method of ['CreateNetwork', 'CreateEndpoint', 'Join', 'ProgramExternalConnectivity']) {
			assert.ok(done.calls.get(`NetworkDriver.${method} 200`), `no ${method} made sense`)
		}
		for (const { id } of await read<NetworkSummary[]>('ls')) {
			await wire.call('NetworkDriver.DeleteNetwork', { NetworkID: id })
		}
		for (const PoolID of done.pools) await wire.call('IpamDriver.ReleasePool', { PoolID })
		await assertWell(pid)
	})

	async function talkNonsense(seed: number, { pools, calls: counts }: Done): Promise<void> {
		const calls = fc.sample(fc.oneof(likelyCall, fc.tuple(anyMethod, anyBody)), {
			seed,
			numRuns: Math.ceil((CALLS * 0.9) / CLIENTS),
		})
		for (const [method, body] of calls) {
			const { status, text } = await wire.raw(method, body)
			assert.ok([200, 400, 404, 500].includes(status), `${method} ${body}: ${status}`)
			const outcome = `${method} ${status}`
			counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
			if (method === 'IpamDriver.RequestPool' && status === 200) pools.add(JSON.parse(text).PoolID)
		}
		const bytes = fc.sample(anyBytes, { seed, numRuns: Math.ceil((CALLS * 0.1) / CLIENTS) })
		for (const each of bytes) await send(each)
	}

	/** Without an end, of which weft has to tell itself when it has enough. */
	async function send(bytes: Uint8Array): Promise<void> {
		const socket = connect(host.path(SOCKET)).resume()
		socket.on('error', () => undefined)
		let isClosed = false
		socket.on('close', () => {
			isClosed = true
		})
		socket.end(bytes)
		await eventually(() => isClosed, { what: `the end of ${Buffer.from(bytes).toString('base64')}` })
	}
})
