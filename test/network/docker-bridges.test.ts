/** Which bridges are Docker's: by name, by what Docker says, by what it said; and when it is asked. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { DockerBridges, type Link } from '../../src/network/docker-bridges.ts'
import { passTime, startClock, stopClock } from '../support/clock.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { attach, type Bench, bench, endpointRequest, networkRequest } from './host.ts'

const NAME = 'br-0123456789ab'
const QUAY: Link = { index: 7, name: 'quay', kind: 'bridge' }
/** A container's link on it. */
const JOINED: Link = { index: 8, name: 'veth8', kind: 'veth', masterIndex: 7 }

interface Scene extends Bench {
	readonly dockers: DockerBridges
	/** What is there. */
	links: readonly Link[]
	/** What Docker says. */
	answer: () => Promise<readonly string[]>
	/** How often it was asked. */
	asked: number
	waysOut: readonly number[]
	readonly log: string[]
	apart(): string[]
}

function scene(links: readonly Link[] = [], store = new MemoryStore(), restored = Promise.resolve()): Scene {
	const base = bench(store)
	const log: string[] = []
	const facts = { ...base.host.facts, waysOut: async () => made.waysOut }
	const view = {
		links: async () => made.links,
		bridgeNames: () => {
			made.asked++
			return made.answer()
		},
		close: () => log.push('broken off'),
	}
	const made: Scene = {
		...base,
		dockers: new DockerBridges({ ...base.host, facts }, view, restored, {
			info: (message) => log.push(message),
			warn: (error, message) => log.push(`${message}: ${String(error)}`),
		}),
		links,
		answer: async () => [],
		asked: 0,
		waysOut: [],
		log,
		apart: () => {
			const found = base.kernel.objects().filter((each) => each.startsWith('element docker_bridges '))
			return found.map((each) => each.replace('element docker_bridges ', ''))
		},
	}
	return made
}

async function pass(milliseconds = 0): Promise<void> {
	for (let i = 0; i < 20; i++) await new Promise(setImmediate)
	passTime(milliseconds)
	for (let i = 0; i < 50; i++) await new Promise(setImmediate)
}

/** A container has joined quay, and Docker says that it is its own. */
async function withQuay(more: Partial<Scene> = {}): Promise<Scene> {
	const host = Object.assign(scene([QUAY, JOINED]), more)
	host.answer = async () => ['docker0', 'quay']
	host.dockers.changed(JOINED)
	await pass()
	return host
}

beforeEach(() => stopClock('setTimeout'))
afterEach(startClock)

describe("bridges with Docker's own names", () => {
	const link = (name: string, kind = 'bridge'): Link => ({ index: 1, name, kind })

	it('are known without a question, where they are bridges', async () => {
		const host = scene()
		const links = [
			link('docker0'),
			link(NAME),
			link('br0'),
			link('docker_gwbridge', 'veth'),
			{ index: 2, name: 'eth0' },
		]
		assert.deepEqual(
			host.dockers.apart(links).flatMap(({ key }) => key),
			['docker0', NAME],
		)
		host.links = [link(NAME), { ...JOINED, masterIndex: 1 }]
		host.dockers.changed(link(NAME))
		host.dockers.changed({ ...JOINED, masterIndex: 1 })
		await pass()
		assert.deepEqual([host.apart(), host.asked], [[NAME], 0])
		host.dockers.gone(link(NAME))
		await pass()
		assert.deepEqual(host.apart(), [])
	})

	it('are followed in order, and not before everything is restored', async () => {
		let restored: () => void = () => undefined
		const waiting = new Promise<void>((done) => {
			restored = done
		})
		const host = scene([], new MemoryStore(), waiting)
		host.dockers.changed(link(NAME))
		host.dockers.gone(link(NAME))
		host.dockers.changed(link('docker0'))
		await pass()
		assert.deepEqual(host.apart(), [])
		restored()
		await pass()
		assert.deepEqual(host.apart(), ['docker0'])
	})

	it('are looked for again where something was missed, also after a failure', async () => {
		const host = scene([link(NAME)])
		host.kernel.before = () => {
			throw new Error('refused')
		}
		host.dockers.changed(link('docker0'))
		await pass()
		assert.deepEqual([host.apart(), host.log.length], [[], 1])
		host.kernel.before = () => undefined
		host.dockers.lost()
		await pass()
		assert.deepEqual(host.apart(), [NAME])
	})

	it('are not looked for where nothing could be restored', async () => {
		const host = scene([link(NAME)], new MemoryStore(), Promise.reject(new Error('not restored')))
		host.dockers.changed(link('docker0'))
		host.dockers.lost()
		await pass()
		assert.deepEqual([host.apart(), host.log], [[], []])
	})
})

describe('bridges with names of their own', () => {
	it('that no rule can have are told of, once, beside those that are kept apart', async () => {
		const odd: Link = { index: 9, name: 'dock:1', kind: 'bridge' }
		const host = scene([QUAY, JOINED, odd, { ...JOINED, index: 10, masterIndex: 9 }])
		host.answer = async () => ['quay', 'dock:1']
		for (let i = 0; i < 2; i++) {
			host.dockers.look()
			await pass(5000)
		}
		assert.deepEqual([host.apart(), host.asked], [['quay'], 2])
		const said = host.log.filter((line) => line.includes('dock:1'))
		assert.equal(said.length, 1)
		assert.match(
			said[0] ?? '',
			/^networks are not kept apart from "dock:1", a bridge of Docker's, because of its name: /,
		)
	})

	it('are kept apart when a container joins them and Docker says that they are its own', async () => {
		const host = await withQuay()
		assert.deepEqual(host.apart(), ['quay'])
		assert.deepEqual(host.log, ["quay is a bridge of Docker's: networks are kept apart from it"])
		host.dockers.gone(QUAY)
		await pass()
		assert.deepEqual(host.apart(), [])
	})

	it('are found at the start', async () => {
		const host = scene([QUAY, JOINED])
		host.answer = async () => ['quay']
		host.dockers.look()
		await pass()
		assert.deepEqual(host.apart(), ['quay'])
	})

	it('are not, when Docker does not know them', async () => {
		const host = scene([QUAY, JOINED])
		host.dockers.changed(JOINED)
		await pass()
		assert.deepEqual([host.apart(), host.asked, host.log], [[], 1, []])
	})

	it('are not asked for while no container of others can be on them', async () => {
		const host = scene([
			QUAY,
			{ index: 9, name: 'eth0', masterIndex: 7 },
			{ index: 10, name: 'vnet0', kind: 'tun', masterIndex: 7 },
			{ index: 11, name: 'wv0123456789a', kind: 'veth', masterIndex: 12 },
			{ index: 13, name: 'veth13', kind: 'veth' },
		])
		for (const link of host.links) host.dockers.changed(link)
		host.dockers.look()
		await pass()
		assert.equal(host.asked, 0)
	})

	it("are never weft's, be they made for a network or there before", async () => {
		const host = scene()
		host.kernel.addForeignLink('quay', { kind: 'bridge' })
		await host.verbs.createNetwork(networkRequest(1, { options: { 'com.docker.network.bridge.name': 'quay' } }))
		await attach(host, endpointRequest())
		host.links = [QUAY, JOINED]
		host.answer = async () => ['quay']
		host.dockers.changed(QUAY)
		host.dockers.changed(JOINED)
		await pass()
		assert.deepEqual([host.apart(), host.asked], [[], 0])
	})

	it('become no networks', async () => {
		const host = await withQuay()
		host.kernel.addForeignLink('quay', { kind: 'bridge' })
		const asked = host.verbs.createNetwork(networkRequest(1, { options: { 'com.docker.network.bridge.name': 'quay' } }))
		await assert.rejects(asked, /com\.docker\.network\.bridge\.name="quay" is a bridge of Docker’s/)
	})

	it("are left as they are where the host's own way out is", async () => {
		const host = await withQuay({ waysOut: [QUAY.index] })
		assert.deepEqual([host.apart(), host.asked], [[], 1])
	})
})

describe('what Docker said', () => {
	/** weft starts again with the state that it had. */
	async function again(store: MemoryStore, links: readonly Link[] = [QUAY, JOINED]): Promise<Scene> {
		const host = scene(links, store)
		await host.kernel.ensure(host.dockers.apart(links))
		return host
	}

	it('counts at the next start, before Docker answers', async () => {
		const { store } = await withQuay()
		const host = await again(store)
		host.answer = () => new Promise(() => undefined)
		host.dockers.look()
		await pass()
		assert.deepEqual([host.apart(), host.asked], [['quay'], 1])
	})

	it('counts for a bridge that comes later', async () => {
		const { store } = await withQuay()
		const host = await again(store, [])
		host.answer = () => new Promise(() => undefined)
		host.links = [QUAY]
		host.dockers.changed(QUAY)
		await pass()
		assert.deepEqual([host.apart(), host.asked], [['quay'], 1])
	})

	it('counts until it says otherwise', async () => {
		const { store } = await withQuay()
		const host = await again(store)
		host.dockers.look()
		await pass()
		assert.deepEqual([host.apart(), host.log], [[], ["quay is no bridge of Docker's any more"]])
		assert.deepEqual(store.list('dockerBridge', ''), [])
	})

	it('does not count for a network that was made by that name', async () => {
		const { store } = await withQuay()
		const host = await again(store, [])
		await host.verbs.createNetwork(networkRequest(1, { options: { 'com.docker.network.bridge.name': 'quay' } }))
		host.links = [QUAY]
		host.answer = async () => ['quay']
		host.dockers.changed(QUAY)
		host.dockers.look()
		await pass()
		assert.deepEqual([host.apart(), store.list('dockerBridge', '')], [[], []])
	})
})

describe('a question', () => {
	it('is asked once for all that happens while it waits for its answer, and once more', async () => {
		const host = scene([QUAY, JOINED])
		let answer: (names: string[]) => void = () => undefined
		host.answer = () =>
			new Promise((done) => {
				answer = done
			})
		host.dockers.changed(JOINED)
		await pass()
		for (let i = 0; i < 10; i++) host.dockers.changed(JOINED)
		await pass(60_000)
		assert.equal(host.asked, 1)
		answer([])
		await pass(1000)
		answer(['quay'])
		await pass(60_000)
		assert.deepEqual([host.asked, host.apart()], [2, ['quay']])
	})

	it('without an answer is asked again for a while, and once more when Docker is heard of', async () => {
		const host = scene([QUAY, JOINED])
		host.answer = () => Promise.reject(new Error('nobody there'))
		host.dockers.changed(JOINED)
		for (let i = 0; i < 30; i++) await pass(1000)
		assert.equal(host.asked, 5)
		assert.deepEqual(host.log, ['bridges of Docker with names of their own may not be kept apart: Error: nobody there'])
		host.answer = async () => ['quay']
		host.dockers.look()
		await pass(1000)
		assert.deepEqual(host.apart(), ['quay'])
	})

	it('is broken off at the end, without a word', async () => {
		const host = scene([QUAY, JOINED])
		let broken: (error: Error) => void = () => undefined
		host.answer = () =>
			new Promise((_, failed) => {
				broken = failed
			})
		host.dockers.look()
		await pass()
		const closed = host.dockers.close()
		broken(new Error('broken off'))
		await closed
		assert.deepEqual(host.log, ['broken off'])
	})
})
