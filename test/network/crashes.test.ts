/**
 * A daemon that dies before any of its commits and effects, for every one of them in the life of a container: the next
 * one over the same store and kernel makes all true again, and Docker's call, asked again, goes on where it was.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Change } from '../../src/store/store.ts'
import { MemoryStore } from '../support/memory-store.ts'
import {
	attach,
	type Bench,
	bench,
	endpointRequest,
	endpoints,
	idOf,
	networkRequest,
	networks,
	objectsOf,
	planned,
	portRequest,
} from './host.ts'

const NETWORK = idOf('network 1')
const { id: ENDPOINT } = endpointRequest()

/** What Docker asks for, call by call. A neighbour lives on the host all the time. */
const LIFE: readonly ((host: Bench) => Promise<unknown>)[] = [
	({ verbs }) => verbs.createNetwork(networkRequest()),
	({ verbs }) => verbs.createEndpoint(endpointRequest()),
	async ({ verbs, kernel }) => kernel.moveAway((await verbs.join(NETWORK, ENDPOINT)).link ?? ''),
	({ verbs }) => verbs.publish(NETWORK, ENDPOINT, [portRequest(8080), portRequest(8081, 81)]),
	({ verbs }) => verbs.publish(NETWORK, ENDPOINT, [portRequest(8081, 82), portRequest(0, 83)]),
	({ verbs }) => verbs.unpublish(NETWORK, ENDPOINT),
	({ verbs }) => verbs.publish(NETWORK, ENDPOINT, [portRequest(8082)]),
	({ verbs }) => verbs.leave(NETWORK, ENDPOINT),
	({ verbs }) => verbs.deleteEndpoint(NETWORK, ENDPOINT),
	({ verbs }) => verbs.deleteNetwork(NETWORK),
]

/** From a certain step on, nothing that a dead daemon still tries takes place. */
class Death {
	#left = Number.POSITIVE_INFINITY

	comeAt(steps: number): void {
		this.#left = steps
	}

	step(): void {
		if (--this.#left <= 0) throw new Error('dead')
	}

	get happened(): boolean {
		return this.#left <= 0
	}
}

class MortalStore extends MemoryStore {
	readonly #death: Death

	constructor(death: Death) {
		super()
		this.#death = death
	}

	override async commit(changes: readonly Change[]): Promise<void> {
		this.#death.step()
		await super.commit(changes)
	}
}

async function withNeighbour(death: Death): Promise<Bench> {
	const host = bench(new MortalStore(death))
	host.kernel.before = () => death.step()
	await host.verbs.createNetwork(networkRequest(9))
	await attach(host, endpointRequest(2, 9))
	await host.verbs.publish(idOf('network 9'), endpointRequest(2, 9).id, [portRequest(7000)])
	return host
}

function assertTrue(host: Bench): void {
	assert.deepEqual(host.kernel.objects(), objectsOf(planned(host)))
	assert.ok(planned(host).every((resource) => host.kernel.has(resource)))
	assert.ok(networks(host).every(({ settled }) => settled))
}

/** The next daemon, after it has started. */
async function reborn({ store, kernel }: Bench, death: Death): Promise<Bench> {
	death.comeAt(Number.POSITIVE_INFINITY)
	kernel.endProcess()
	const host = bench(store, kernel)
	await host.resync()
	assert.deepEqual(host.warnings, [])
	assertTrue(host)
	assert.ok(
		networks(host).some(({ id }) => id === idOf('network 9')),
		'the neighbour is lost',
	)
	assert.ok(host.kernel.hasLink(endpoints(host, 9)[0]?.link ?? ''), "the neighbour's container is cut off")
	return host
}

/** The calls up to `last`, with death at a step of it; false when it takes fewer steps. */
async function dieIn(last: number, step: number, asDocker: (host: Bench) => Promise<void>): Promise<boolean> {
	const death = new Death()
	const first = await withNeighbour(death)
	for (const call of LIFE.slice(0, last)) await call(first)
	death.comeAt(step)
	await LIFE[last]?.(first).catch(() => undefined)
	const died = death.happened
	const host = await reborn(first, death)
	await asDocker(host)
	return died
}

describe('a daemon that dies', () => {
	for (const [last, call] of LIFE.entries()) {
		const [, name] = /verbs\.(\w+)/.exec(call.toString()) ?? []

		it(`in call ${last + 1}, ${name}, is not missed when Docker asks again and goes on`, async () => {
			let step = 1
			while (
				await dieIn(last, step, async (host) => {
					// A network that was being taken away is gone: Docker does not ask for it a second time.
					for (const each of LIFE.slice(last)) {
						await each(host)
						assertTrue(host)
					}
					assert.equal(networks(host).length, 1)
				})
			) {
				step++
			}
			assert.ok(step > 1)
		})

		it(`in call ${last + 1}, ${name}, is not missed when Docker gives up and takes away`, async () => {
			let step = 1
			while (
				await dieIn(last, step, async (host) => {
					for (const each of LIFE.slice(7)) {
						await each(host)
						assertTrue(host)
					}
					assert.equal(networks(host).length, 1)
				})
			) {
				step++
			}
		})
	}
})

describe('a daemon that starts', () => {
	it('after a boot makes networks again, and keeps records of containers that went without a word', async () => {
		const host = await withNeighbour(new Death())
		host.kernel.reboot()
		const next = bench(host.store, host.kernel)
		assert.deepEqual(await next.resync(), { networks: 1, endpoints: 0, dead: 1 })
		assertTrue(next)
		await attach(next, endpointRequest(2, 9, { id: idOf('after the boot') }))
		assertTrue(next)
		assert.equal(endpoints(next, 9).length, 1)
	})

	it('beside running containers changes nothing', async () => {
		const host = await withNeighbour(new Death())
		const before = [networks(host), endpoints(host, 9), host.kernel.objects()]
		host.kernel.endProcess()
		const next = bench(host.store, host.kernel)
		assert.deepEqual(await next.resync(), { networks: 1, endpoints: 1, dead: 0 })
		assert.deepEqual([networks(next), endpoints(next, 9), next.kernel.objects()], before)
	})

	it('finds a port taken by somebody else, says so, and restores everything else', async () => {
		const host = await withNeighbour(new Death())
		host.kernel.endProcess()
		await host.kernel.ensure([{ kind: 'port', protocol: 'tcp', address: '0.0.0.0', port: 7000, owner: 'a thief' }])
		const next = bench(host.store, host.kernel)
		await next.resync()
		assert.equal(next.warnings.length, 1)
		assert.match(next.warnings[0] ?? '', /7000\/tcp is already allocated/)
		const missing = planned(next).filter((resource) => !next.kernel.has(resource))
		assert.deepEqual(
			missing.map(({ kind }) => kind),
			['port'],
		)
	})

	it('leaves a bridge that was there before its network as it was, at whatever step', async () => {
		const state = { addresses: ['10.210.1.1/24'], routesLocalnet: false }
		const request = networkRequest(1, { options: { 'com.docker.network.bridge.name': 'brook' } })
		let died = true
		for (let step = 1; died; step++) {
			const death = new Death()
			const { store, kernel, verbs } = bench(new MortalStore(death))
			kernel.addForeignLink('brook', { kind: 'bridge', state })
			const before = kernel.objects()
			kernel.before = () => death.step()
			death.comeAt(step)
			await verbs
				.createNetwork(request)
				.then(() => verbs.deleteNetwork(NETWORK))
				.catch(() => undefined)
			died = death.happened
			death.comeAt(Number.POSITIVE_INFINITY)
			const next = bench(store, kernel)
			await next.resync()
			await next.verbs.deleteNetwork(NETWORK)
			assert.deepEqual([networks(next), kernel.objects()], [[], before], `step ${step}`)
			assert.notEqual(kernel.settings.get('net/ipv4/conf/brook/route_localnet'), '1', `step ${step}`)
		}
	})
})
