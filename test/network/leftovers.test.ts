/** What containers that went without a word leave in the kernel is taken away, and nothing that somebody may want. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { Leftovers } from '../../src/network/leftovers.ts'
import { passTime, setTimeOfDay, startClock, stopClock } from '../support/clock.ts'
import {
	attach,
	type Bench,
	bench,
	ENDPOINT,
	endpointRequest,
	endpoints,
	NETWORK,
	networkRequest,
	objectsOf,
	planned,
	portRequest,
} from './host.ts'

const TOOK = `took away what endpoint ${ENDPOINT.slice(0, 12)} had, which is in no container`

async function withContainer(): Promise<{ host: Bench; leftovers: Leftovers; link: string }> {
	const host = bench()
	await host.verbs.createNetwork(networkRequest())
	await attach(host, endpointRequest())
	await attach(host, endpointRequest(3))
	await host.verbs.publish(NETWORK, ENDPOINT, [portRequest(8080)])
	return { host, leftovers: new Leftovers(host.host), link: endpoints(host)[0]?.link ?? '' }
}

describe('what is left', () => {
	beforeEach(() => stopClock())
	afterEach(startClock)

	it('of a running container is nothing', async () => {
		const { host, leftovers } = await withContainer()
		const before = host.kernel.objects()
		for (let look = 0; look < 2; look++) {
			assert.deepEqual(await leftovers.clear(), [])
			passTime(300_000)
		}
		assert.deepEqual(host.kernel.objects(), before)
	})

	it('of a container whose sandbox ended goes, ports and all, and once', async () => {
		const { host, leftovers, link } = await withContainer()
		host.kernel.loseLink(link)
		assert.deepEqual(await leftovers.clear(), [TOOK])
		assert.deepEqual(host.kernel.objects(), objectsOf(planned(host)))
		assert.deepEqual(endpoints(host)[0]?.published, [])
		assert.deepEqual(await leftovers.clear(), [])
		await host.verbs.createEndpoint(endpointRequest(4))
		await host.verbs.publish(NETWORK, endpointRequest(3).id, [portRequest(8080)])
	})

	it('of a link that came back, or that nobody fetches, goes when dockerd had its time', async () => {
		const { host, leftovers, link } = await withContainer()
		host.kernel.moveBack(`${link}p`)
		const waiting = endpointRequest(4)
		await host.verbs.createEndpoint(waiting)
		const { link: peer = '' } = await host.verbs.join(NETWORK, waiting.id)
		assert.deepEqual(await leftovers.clear(), [])
		passTime(10_000)
		setTimeOfDay(300_000)
		assert.deepEqual(await leftovers.clear(), [])
		assert.ok(host.kernel.hasLink(peer))
		passTime(300_000)
		const others = `took away what endpoint ${waiting.id.slice(0, 12)} had, which is in no container`
		assert.deepEqual([...(await leftovers.clear())].sort(), [TOOK, others].sort())
		assert.ok(!host.kernel.hasLink(peer))
		// Docker may ask for it all the same.
		await host.verbs.join(NETWORK, waiting.id)
		assert.ok(host.kernel.hasLink(peer))
		assert.deepEqual(await leftovers.clear(), [])
	})

	it('of nobody is a pair with both ends here, and goes after a while; one in a container stays', async () => {
		const { host, leftovers } = await withContainer()
		for (const name of ['wv0123456789a', 'wv0123456789ap', 'wv0123456789b', 'weft0123456789a', 'wvs0123456789']) {
			host.kernel.addForeignLink(name)
		}
		assert.deepEqual(await leftovers.clear(), [])
		passTime(10_000)
		assert.deepEqual(await leftovers.clear(), [])
		passTime(300_000)
		assert.deepEqual(await leftovers.clear(), [
			'took away link wv0123456789a, which was of no network and in no container',
		])
		assert.ok(!host.kernel.hasLink('wv0123456789a'))
		for (const name of ['wv0123456789b', 'weft0123456789a', 'wvs0123456789']) assert.ok(host.kernel.hasLink(name))
		assert.deepEqual(await leftovers.clear(), [])
	})
})
