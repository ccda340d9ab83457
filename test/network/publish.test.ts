/** Ports on a host in memory: published, replaced, taken back, and fought for. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCode, messageOf } from '../../src/errors.ts'
import {
	assertTrue,
	attach,
	type Bench,
	bench,
	EPHEMERAL,
	endpointRequest,
	endpoints,
	idOf,
	NETWORK,
	networkRequest,
	portRequest,
} from './host.ts'

const [ONE, TWO] = [endpointRequest(2).id, endpointRequest(3).id]

/** A host with two endpoints of one network that have joined. */
async function withTwo(): Promise<Bench> {
	const host = bench()
	await host.verbs.createNetwork(networkRequest())
	await attach(host, endpointRequest(2))
	await attach(host, endpointRequest(3))
	return host
}

function publishedOf(host: Bench, id = ONE): string[] {
	const ports = endpoints(host).find((each) => each.id === id)?.published ?? []
	return ports.map(({ protocol, hostIp, hostPort, containerIp, containerPort }) => {
		return `${protocol} ${hostIp} ${hostPort} > ${containerIp} ${containerPort}`
	})
}

const inUse = (error: unknown) => isCode(error, 'in-use')

describe('publish', () => {
	it('binds every address of each family that the container has', async () => {
		const host = await withTwo()
		await host.verbs.publish(NETWORK, ONE, [portRequest(8080)])
		assert.deepEqual(publishedOf(host), ['tcp 0.0.0.0 8080 > 10.210.1.2 80', 'tcp :: 8080 > fd00:1::2 80'])
		assertTrue(host)
	})

	it('binds the one address that is asked for', async () => {
		const host = await withTwo()
		await host.verbs.publish(NETWORK, ONE, [portRequest(8080, 80, { hostIp: '127.0.0.1' })])
		assert.deepEqual(publishedOf(host), ['tcp 127.0.0.1 8080 > 10.210.1.2 80'])
		await host.verbs.publish(NETWORK, ONE, [portRequest(8080, 80, { hostIp: '::1' })])
		assert.deepEqual(publishedOf(host), ['tcp ::1 8080 > fd00:1::2 80'])
		assertTrue(host)
	})

	it('leaves nothing where the network is deleted meanwhile', async () => {
		const host = await withTwo()
		const done = host.verbs.publish(NETWORK, ONE, [portRequest(8080)])
		await host.verbs.deleteNetwork(NETWORK)
		await done
		assertTrue(host)
		assert.deepEqual(endpoints(host), [])
	})

	it('is refused for an address of a family that the container has not', async () => {
		const host = bench()
		await host.verbs.createNetwork(networkRequest(1, { ipv6: [] }))
		const { ipv6: _, ...onlyV4 } = endpointRequest()
		await attach(host, onlyV4)
		await assert.rejects(
			host.verbs.publish(NETWORK, ONE, [portRequest(8080, 80, { hostIp: '::1' })]),
			(error: unknown) => isCode(error, 'invalid') && /80\/tcp.*::1.*no IPv6/.test(error.message),
		)
		assertTrue(host)
		await host.verbs.publish(NETWORK, ONE, [portRequest(8080)])
		assert.deepEqual(publishedOf(host), ['tcp 0.0.0.0 8080 > 10.210.1.2 80'])
	})

	it('is refused for the unknown', async () => {
		const host = await withTwo()
		for (const [network, endpoint] of [
			[idOf('nobody'), ONE],
			[NETWORK, idOf('nobody')],
		] as const) {
			await assert.rejects(host.verbs.publish(network, endpoint, [portRequest(8080)]), (error: unknown) => {
				return isCode(error, 'not-found')
			})
		}
	})

	it('repeated changes nothing, ephemeral ports and ranges included', async () => {
		const host = await withTwo()
		const requests = [
			portRequest(0),
			portRequest(9000, 81, { hostPortEnd: 9005 }),
			portRequest(53, 53, { protocol: 'udp' }),
		]
		await host.verbs.publish(NETWORK, ONE, requests)
		const before = publishedOf(host)
		await host.verbs.publish(NETWORK, ONE, requests)
		assert.deepEqual(publishedOf(host), before)
		assertTrue(host)
	})

	it('replaces what was published', async () => {
		const host = await withTwo()
		await host.verbs.publish(NETWORK, ONE, [portRequest(8080), portRequest(8081, 81)])
		await host.verbs.publish(NETWORK, ONE, [portRequest(8081, 81), portRequest(8082, 82)])
		assert.equal(publishedOf(host).length, 4)
		assertTrue(host)
		await host.verbs.publish(NETWORK, TWO, [portRequest(8080)])
		assertTrue(host)
	})

	it('leads a port elsewhere in the same container', async () => {
		const host = await withTwo()
		await host.verbs.publish(NETWORK, ONE, [portRequest(8080, 80)])
		await host.verbs.publish(NETWORK, ONE, [portRequest(8080, 90)])
		assert.deepEqual(publishedOf(host), ['tcp 0.0.0.0 8080 > 10.210.1.2 90', 'tcp :: 8080 > fd00:1::2 90'])
		assertTrue(host)
	})

	it('is refused for a port of another endpoint, in words, and changes neither', async () => {
		const host = await withTwo()
		await host.verbs.publish(NETWORK, ONE, [portRequest(8080)])
		await host.verbs.publish(NETWORK, TWO, [portRequest(8081)])
		const before = [publishedOf(host, ONE), publishedOf(host, TWO)]
		await assert.rejects(host.verbs.publish(NETWORK, TWO, [portRequest(8090), portRequest(8080)]), (error: unknown) => {
			const holder = `endpoint ${ONE.slice(0, 12)} of network ${NETWORK.slice(0, 12)}`
			return inUse(error) && messageOf(error) === `port 0.0.0.0:8080/tcp is already allocated by ${holder}`
		})
		assert.deepEqual([publishedOf(host, ONE), publishedOf(host, TWO)], before)
		assertTrue(host)
		await host.verbs.publish(NETWORK, TWO, [portRequest(8080, 80, { protocol: 'udp' })])
		assertTrue(host)
	})

	it('is refused with the name of the process that has the port, and not where the container may have another', async () => {
		const host = await withTwo()
		host.kernel.processes.set(8080, { pid: 123, name: 'nginx' })
		await assert.rejects(host.verbs.publish(NETWORK, ONE, [portRequest(8080)]), (error: unknown) => {
			return inUse(error) && messageOf(error) === 'port 0.0.0.0:8080/tcp is already allocated by nginx (pid 123)'
		})
		assertTrue(host)
		await host.verbs.publish(NETWORK, ONE, [portRequest(8080, 80, { hostPortEnd: 8081 })])
		assert.deepEqual(publishedOf(host), ['tcp 0.0.0.0 8081 > 10.210.1.2 80', 'tcp :: 8081 > fd00:1::2 80'])
	})

	it('is refused for what the same container publishes twice', async () => {
		const host = await withTwo()
		const local = portRequest(8080, 81, { hostIp: '127.0.0.1' })
		for (const [second, port] of [
			[portRequest(8080, 81), '8080/tcp'],
			[local, '127.0.0.1:8080/tcp'],
		] as const) {
			await assert.rejects(host.verbs.publish(NETWORK, ONE, [portRequest(8080), second]), (error: unknown) => {
				return inUse(error) && messageOf(error) === `port ${port} is already allocated by the same container`
			})
			assertTrue(host)
		}
		await host.verbs.publish(NETWORK, ONE, [portRequest(8080), { ...local, protocol: 'udp' }])
	})

	it('takes the next port of a range, and says when none is left', async () => {
		const host = await withTwo()
		const range = portRequest(9000, 80, { hostPortEnd: 9001, hostIp: '0.0.0.0' })
		await host.verbs.publish(NETWORK, ONE, [range])
		await host.verbs.publish(NETWORK, TWO, [range])
		assert.deepEqual(publishedOf(host, TWO), ['tcp 0.0.0.0 9001 > 10.210.1.3 80'])
		await attach(host, endpointRequest(4))
		await assert.rejects(host.verbs.publish(NETWORK, endpointRequest(4).id, [range]), (error: unknown) => {
			return inUse(error) && /no port from 9000 to 9001 is free for 80\/tcp/.test((error as Error).message)
		})
		assertTrue(host)
	})

	it('gives the ports of one request to different requests of a range', async () => {
		const host = await withTwo()
		const range = (containerPort: number) => portRequest(9000, containerPort, { hostPortEnd: 9002, hostIp: '0.0.0.0' })
		await host.verbs.publish(NETWORK, ONE, [range(80), range(81), range(82)])
		const ports = endpoints(host)[0]?.published.map(({ hostPort }) => hostPort)
		assert.deepEqual(ports, [9000, 9001, 9002])
		assertTrue(host)
	})

	it('chooses an ephemeral port that is free for both families, until all are used up', async () => {
		const host = await withTwo()
		const [first, last] = EPHEMERAL
		const count = last - first + 1
		const requests = Array.from({ length: count }, (_, i) => portRequest(0, 80 + i))
		await host.verbs.publish(NETWORK, ONE, requests)
		const ports = new Set(endpoints(host)[0]?.published.map(({ hostPort }) => hostPort))
		assert.equal(ports.size, count)
		assert.ok([...ports].every((port) => port >= first && port <= last))
		await assert.rejects(host.verbs.publish(NETWORK, TWO, [portRequest(0)]), inUse)
		assertTrue(host)
	})

	it('side by side lets one of two have a port', async () => {
		const host = await withTwo()
		const done = await Promise.allSettled([ONE, TWO].map((id) => host.verbs.publish(NETWORK, id, [portRequest(8080)])))
		assert.deepEqual(done.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
		assertTrue(host)
	})

	it('tells the first error where nothing can be put back, and can be asked again', async () => {
		const host = await withTwo()
		await host.verbs.publish(NETWORK, ONE, [portRequest(8080)])
		let [count, healed] = [0, false]
		host.kernel.before = (_, what) => {
			if (!healed && ++count > 2) throw new Error(`refused ${count}: ${what}`)
		}
		await assert.rejects(host.verbs.publish(NETWORK, ONE, [portRequest(8081)]), /refused 3/)
		assert.ok(host.warnings.length > 0)
		healed = true
		await host.verbs.publish(NETWORK, ONE, [portRequest(8081)])
		assertTrue(host)
	})

	it('restores what was where the disk refuses', async () => {
		const host = await withTwo()
		await host.verbs.publish(NETWORK, ONE, [portRequest(8080)])
		const before = publishedOf(host)
		host.store.failure = new Error('disk full')
		await assert.rejects(host.verbs.publish(NETWORK, ONE, [portRequest(8081)]), /disk full/)
		host.store.failure = undefined
		assert.deepEqual(publishedOf(host), before)
		assertTrue(host)
	})
})

describe('unpublish', () => {
	it('takes the ports back, so that others can have them', async () => {
		const host = await withTwo()
		await host.verbs.publish(NETWORK, ONE, [portRequest(8080)])
		await host.verbs.unpublish(NETWORK, ONE)
		assert.deepEqual(publishedOf(host), [])
		assertTrue(host)
		await host.verbs.publish(NETWORK, TWO, [portRequest(8080)])
		assertTrue(host)
	})

	it('succeeds for the unknown and when repeated', async () => {
		const host = await withTwo()
		await host.verbs.unpublish(idOf('nobody'), ONE)
		await host.verbs.unpublish(NETWORK, idOf('nobody'))
		await host.verbs.unpublish(NETWORK, ONE)
		await host.verbs.unpublish(NETWORK, ONE)
		assertTrue(host)
	})

	for (const verb of ['leave', 'deleteEndpoint'] as const) {
		it(`is done by ${verb} too`, async () => {
			const host = await withTwo()
			await host.verbs.publish(NETWORK, ONE, [portRequest(8080)])
			await host.verbs[verb](NETWORK, ONE)
			await host.verbs.publish(NETWORK, TWO, [portRequest(8080)])
			assertTrue(host)
		})
	}
})

describe('connections', () => {
	const published = (host: Bench) => endpoints(host).find(({ id }) => id === ONE)?.published ?? []

	it('that go past what is published are forgotten, also when it is asked for again', async () => {
		const host = await withTwo()
		for (let i = 0; i < 2; i++) {
			await host.verbs.publish(NETWORK, ONE, [portRequest(8080)])
			assert.deepEqual(host.kernel.forgotten.splice(0), [{ closed: [], opened: published(host) }])
		}
	})

	it('through a port that is replaced are forgotten', async () => {
		const host = await withTwo()
		await host.verbs.publish(NETWORK, ONE, [portRequest(8080), portRequest(8081, 81)])
		const closed = published(host).filter(({ hostPort }) => hostPort === 8080)
		host.kernel.forgotten.splice(0)
		await host.verbs.publish(NETWORK, ONE, [portRequest(8081, 81)])
		assert.deepEqual(host.kernel.forgotten, [{ closed, opened: published(host) }])
	})

	for (const verb of ['unpublish', 'leave', 'deleteEndpoint'] as const) {
		it(`through what was published are forgotten by ${verb}`, async () => {
			const host = await withTwo()
			await host.verbs.publish(NETWORK, ONE, [portRequest(8080, 80, { protocol: 'udp' })])
			const closed = published(host)
			host.kernel.forgotten.splice(0)
			await host.verbs[verb](NETWORK, ONE)
			assert.deepEqual(host.kernel.forgotten, [{ closed, opened: [] }])
		})
	}
})
