/** What is told of others' changes leads to a repair, after the start and once for many. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { Repairs } from '../../src/network/repairs.ts'
import { attach, type Bench, bench, endpointRequest, networkRequest, networks } from './host.ts'

interface Watched extends Bench {
	readonly repairs: Repairs
	/** `cause: what was done`. */
	readonly log: string[]
}

function watched(ready: Promise<void> = Promise.resolve()): Watched {
	const host = bench()
	const log: string[] = []
	const repairs = new Repairs(host.host, ready, {
		repaired: ({ cause, done }) => log.push(`${cause}: ${done.join(', ')}`),
		failed: (error, cause) => log.push(`${cause}: ${String(error)}`),
	})
	return { ...host, repairs, log }
}

async function pass(milliseconds: number): Promise<void> {
	mock.timers.tick(milliseconds)
	for (let i = 0; i < 10; i++) await new Promise(setImmediate)
}

describe('repairs', () => {
	beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 }))
	afterEach(() => mock.timers.reset())

	it('make the table anew', async () => {
		const host = watched()
		await host.verbs.createNetwork(networkRequest())
		await attach(host, endpointRequest())
		const before = host.kernel.objects()
		host.kernel.loseTable()
		assert.notDeepEqual(host.kernel.objects(), before)
		host.repairs.tableChanged('nft deleted inet weft')
		host.repairs.tableChanged('nft deleted inet weft')
		await pass(1000)
		assert.deepEqual(host.kernel.objects(), before)
		assert.deepEqual(host.log, ["nft deleted inet weft: made weft's tables anew"])
	})

	it('open the passage for the networks that there are by then', async () => {
		const host = watched()
		await host.verbs.createNetwork(networkRequest())
		host.kernel.passage = []
		host.repairs.passageChanged('iptables changed ip filter FORWARD')
		await pass(1000)
		assert.deepEqual(
			host.kernel.passage,
			networks(host).map(({ bridge }) => bridge),
		)
	})

	it('wait until the start is over', async () => {
		let over = (): void => undefined
		const host = watched(
			new Promise((resolve) => {
				over = resolve
			}),
		)
		host.repairs.tableChanged('nft deleted inet weft')
		await pass(10_000)
		assert.deepEqual(host.log, [])
		over()
		await pass(0)
		assert.equal(host.log.length, 1)
	})

	it('are made no more after the end', async () => {
		const host = watched()
		host.repairs.tableChanged('nft deleted inet weft')
		await host.repairs.close()
		await pass(10_000)
		assert.deepEqual(host.log, [])
	})
})
