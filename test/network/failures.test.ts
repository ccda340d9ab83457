/**
 * A kernel that refuses the n-th effect, for every n that a verb gets to: what fails leaves neither records nor kernel
 * objects behind, what takes away can be asked again, and the next try succeeds.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { WeftError } from '../../src/errors.ts'
import { modeOf } from '../../src/modes/index.ts'
import { undo } from '../../src/network/leftovers.ts'
import {
	assertTrue,
	attach,
	type Bench,
	bench,
	ENDPOINT,
	endpointRequest,
	endpoints,
	NETWORK,
	networkRequest,
	networks,
	objectsOf,
	planned,
	portRequest,
	withNetwork,
} from './host.ts'

const BEFORE = [portRequest(8080), portRequest(8081, 81)]
const AFTER = [portRequest(8081, 82), portRequest(8082, 83), portRequest(0, 84)]

/** Refuses one effect and then works again. */
function refuse(host: Bench, nth: number): { readonly refused: () => boolean } {
	let count = 0
	host.kernel.before = (verb) => {
		// Whoever could not open a gate says so in the log only.
		if (verb !== 'pass' && ++count === nth) throw new WeftError('system', 'the kernel refuses')
	}
	return { refused: () => count >= nth }
}

/** The verb with the 1st, 2nd and so on effect refused, until it makes no more of them; how many that were. */
async function eachRefusal(
	prepare: () => Promise<Bench>,
	verb: (host: Bench) => Promise<unknown>,
	check: (host: Bench, before: unknown) => Promise<void>,
): Promise<number> {
	for (let nth = 1; ; nth++) {
		const host = await prepare()
		const before = snapshot(host)
		const { refused } = refuse(host, nth)
		const [outcome] = await Promise.allSettled([verb(host)])
		if (!refused()) return nth - 1
		assert.equal(outcome?.status, 'rejected', `effect ${nth} was refused, and nobody told`)
		assert.match((outcome as PromiseRejectedResult).reason.message, /the kernel refuses/)
		await check(host, before)
		await verb(host)
		assertTrue(host)
	}
}

function snapshot(host: Bench): unknown {
	return [networks(host), endpoints(host), host.kernel.objects()]
}

async function withPorts(): Promise<Bench> {
	const host = await withNetwork()
	await attach(host, endpointRequest())
	await host.verbs.publish(NETWORK, ENDPOINT, BEFORE)
	return host
}

describe('a kernel that refuses', () => {
	it('leaves nothing of a network', async () => {
		const count = await eachRefusal(
			async () => bench(),
			({ verbs }) => verbs.createNetwork(networkRequest()),
			async (host, before) => assert.deepEqual(snapshot(host), before),
		)
		assert.ok(count >= 6, `${count} effects`)
	})

	for (const [again, ask] of Object.entries<(host: Bench) => Promise<unknown>>({
		call: ({ verbs }) => verbs.createNetwork(networkRequest()),
		start: (host) => host.resync(),
		'look at everything': ({ host }) => undo(host),
	})) {
		it(`leaves nothing of a network without a record where it refuses the undoing too, and nothing after the next ${again}`, async () => {
			for (let nth = 1; ; nth++) {
				const host = bench()
				if (!(await refuseTwice(host, nth))) return assert.ok(nth > 5)
				const onRecord = objectsOf(networks(host).flatMap((network) => modeOf(network).network(network)))
				const nameless = host.kernel.objects().filter((each) => !onRecord.includes(each))
				assert.deepEqual(nameless, [], `effect ${nth}`)
				await ask(host)
				assert.deepEqual(host.kernel.objects(), objectsOf(planned(host)))
				assert.ok(networks(host).every(({ settled }) => settled))
			}
		})
	}

	/** Two effects in a row while a network is made; false where there were fewer. */
	async function refuseTwice(host: Bench, nth: number): Promise<boolean> {
		let count = 0
		host.kernel.before = (verb) => {
			if (verb === 'pass') return
			count++
			if (count === nth || count === nth + 1) throw new WeftError('system', 'the kernel refuses')
		}
		const [outcome] = await Promise.allSettled([host.verbs.createNetwork(networkRequest())])
		host.kernel.before = () => undefined
		assert.equal(outcome?.status, count >= nth ? 'rejected' : 'fulfilled')
		return count > nth
	}

	it('leaves nothing of a join', async () => {
		const count = await eachRefusal(
			async () => {
				const host = await withNetwork()
				await host.verbs.createEndpoint(endpointRequest())
				// Takes away what was made ahead of the join.
				await host.verbs.leave(NETWORK, ENDPOINT)
				return host
			},
			({ verbs }) => verbs.join(NETWORK, ENDPOINT),
			async (host, before) => assert.deepEqual(snapshot(host), before),
		)
		assert.ok(count >= 3, `${count} effects`)
	})

	it('leaves published what was', async () => {
		const count = await eachRefusal(
			withPorts,
			({ verbs }) => verbs.publish(NETWORK, ENDPOINT, AFTER),
			async (host, before) => {
				assert.deepEqual(snapshot(host), before)
				assert.ok(planned(host).every((resource) => host.kernel.has(resource)))
			},
		)
		assert.ok(count >= 8, `${count} effects`)
	})

	it('leaves published what was when all of it should go', async () => {
		const count = await eachRefusal(
			withPorts,
			({ verbs }) => verbs.unpublish(NETWORK, ENDPOINT),
			async (host, before) => assert.deepEqual(snapshot(host), before),
		)
		assert.ok(count >= 5, `${count} effects`)
	})

	for (const verb of ['leave', 'deleteEndpoint'] as const) {
		it(`lets ${verb} be asked again`, async () => {
			await eachRefusal(
				withPorts,
				({ verbs }) => verbs[verb](NETWORK, ENDPOINT),
				async (host) => assert.equal(endpoints(host).length, 1),
			)
		})
	}

	it('lets deleteNetwork be asked again, also by the next start', async () => {
		for (const again of ['call', 'start']) {
			await eachRefusal(
				withPorts,
				({ verbs }) => verbs.deleteNetwork(NETWORK),
				async (host) => {
					assert.equal(networks(host).length, 1)
					if (again === 'call') return
					host.kernel.before = () => undefined
					await host.resync()
					assert.deepEqual(snapshot(host), [[], [], []])
				},
			)
		}
	})
})
