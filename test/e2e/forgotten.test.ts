/** What Docker forgot while weft was away: addresses, endpoints, networks and pools, as a real dockerd loses them. */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { after, before, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Counts, NetworkSummary, Status } from '../../src/admin/api.ts'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { IMAGE } from '../support/image.ts'
import { assertPings, inContainer } from '../support/traffic.ts'
import { addressOf, createNetwork, onEngines, runContainer, startDockerHost } from './networks.ts'

const WEFT = fileURLToPath(new URL('../../src/weft.js', import.meta.url))
const HASTEN = new URL('../support/hasten.js', import.meta.url)
const SOCKET = '/run/docker/plugins/weft.sock'
const PATIENCE = 60_000

onEngines('what Docker has forgotten', (engine) => {
	let host: Host
	before(async () => {
		// dockerd tells what it is asked.
		const options = { dockerdArgs: ['--debug'], env: { NODE_OPTIONS: `--import=${HASTEN.href}` } }
		host = await startDockerHost(engine, options)
		await createNetwork(host, 'stays')
		await runContainer(host, 'one', 'stays')
	})
	after(() => host?.stop())

	async function read<T>(...args: readonly string[]): Promise<T> {
		return JSON.parse(await host.exec([process.execPath, WEFT, ...args, '--json']))
	}

	const counts = async (): Promise<Counts> => (await read<Status>('status')).counts

	/** In the place of weft: refuses everything, as far as dockerd is concerned. What it was asked. */
	async function whileAway(work: () => Promise<void>): Promise<string[]> {
		const calls: string[] = []
		await host.stopWeftd()
		const server = createServer((request, response) => {
			calls.push(request.url ?? '')
			response.writeHead(500).end('{"Err":"away"}')
		})
		await new Promise<void>((resolve) => server.listen(host.path(SOCKET), resolve))
		await work()
		server.closeAllConnections()
		await new Promise((resolve) => server.close(resolve))
		await host.startWeftd()
		return calls
	}

	/** Docker is asked only while it calls, so it has to. */
	async function assertLeft(wanted: Partial<Counts>): Promise<void> {
		let last: Counts | undefined
		const holds = async (): Promise<boolean> => {
			await host.attemptDocker('run', '--rm', '--net', 'stays', IMAGE, 'true')
			last = await counts()
			return Object.entries(wanted).every(([name, count]) => last?.[name as keyof Counts] === count)
		}
		const what = () => `${JSON.stringify(wanted)} and not ${JSON.stringify(last)}`
		await eventually(holds, { what, within: PATIENCE })
	}

	/** weft has asked Docker what it has by now, in a question that began after this call. */
	async function asked(): Promise<void> {
		const questions = () => host.dockerd.log.split(/(?:Calling GET |request-url="?)\/networks["\s]/).length
		const before = questions()
		const holds = async (): Promise<boolean> => {
			await host.attemptDocker('run', '--rm', '--net', 'stays', IMAGE, 'true')
			return questions() > before + 1
		}
		await eventually(holds, { what: 'weft asks Docker', within: PATIENCE })
	}

	it('is an address and an endpoint, of a container that was removed meanwhile', async () => {
		await runContainer(host, 'two', 'stays')
		assert.equal((await counts()).leases, 3)
		const calls = await whileAway(async () => void (await host.docker('rm', '-f', 'two')))
		assert.ok(calls.includes('/IpamDriver.ReleaseAddress'), calls.join())
		assert.ok(calls.includes('/NetworkDriver.DeleteEndpoint'), calls.join())
		await assertLeft({ networks: 1, endpoints: 1, leases: 2 })
	})

	it('is a network with its pool, and the pool of a network of Docker’s own driver', async () => {
		await createNetwork(host, 'gone')
		await host.docker('network', 'create', '--ipam-driver', 'weft', 'other')
		assert.equal((await counts()).pools, 3)
		await asked()
		const calls = await whileAway(async () => void (await host.docker('network', 'rm', 'gone', 'other')))
		assert.ok(calls.includes('/NetworkDriver.DeleteNetwork'), calls.join())
		assert.equal(calls.filter((each) => each === '/IpamDriver.ReleasePool').length, 2, calls.join())
		assert.equal((await counts()).networks, 2)
		await assertLeft({ networks: 1, pools: 1, leases: 2 })
	})

	it('is a network that was made, while nobody waited for the answer any more', async () => {
		const id = randomBytes(32).toString('hex')
		const pool = { AddressSpace: 's', Pool: '10.77.0.0/24', Gateway: '10.77.0.1/24' }
		const body = JSON.stringify({ NetworkID: id, Options: {}, IPv4Data: [pool], IPv6Data: [] })
		const socket = connect(host.path(SOCKET))
		socket.write(
			`POST /NetworkDriver.CreateNetwork HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
		)
		await new Promise<void>((resolve) => socket.end(resolve))
		socket.destroy()
		const ids = async () => (await read<NetworkSummary[]>('ls')).map((each) => each.id)
		await eventually(async () => (await ids()).includes(id), { what: 'the network is made' })
		await assertLeft({ networks: 1 })
		assert.ok(!(await ids()).includes(id))
	})

	it('is no network, endpoint or address that Docker has, and the container talks on', async () => {
		await runContainer(host, 'two', 'stays')
		await assertPings(await inContainer(host, 'one'), await addressOf(host, 'two', 'stays'), 'one reaches two')
		await asked()
		await assertLeft({ networks: 1, endpoints: 2, leases: 3, pools: 1 })
		await assertPings(await inContainer(host, 'two'), await addressOf(host, 'one', 'stays'), 'two reaches one')
	})
})
