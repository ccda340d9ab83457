/** Endpoints on a host in memory: made, joined, left and deleted, in every order in which Docker may ask. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCode } from '../../src/errors.ts'
import { endpointKey } from '../../src/network/host.ts'
import {
	attach,
	bench,
	ENDPOINT,
	endpointRequest,
	endpoints,
	idOf,
	NETWORK,
	objectsOf,
	planned,
	withNetwork,
} from './host.ts'

const notFound = (error: unknown) => isCode(error, 'not-found')

describe('createEndpoint', () => {
	it('is a record, and begins what the join needs without waiting for it', async () => {
		const host = await withNetwork()
		const before = host.kernel.objects()
		const effects: string[] = []
		host.kernel.before = (_, what) => effects.push(what)
		await host.verbs.createEndpoint(endpointRequest())
		assert.equal(endpoints(host).length, 1)
		assert.deepEqual(host.kernel.objects(), before)
		await host.verbs.join(NETWORK, ENDPOINT)
		assert.deepEqual(host.kernel.objects(), objectsOf(planned(host)))
		assert.equal(new Set(effects).size, effects.length, 'nothing is made twice')
	})

	it('begins nothing for one that somebody deletes who was waiting for it', async () => {
		const host = await withNetwork()
		const before = host.kernel.objects()
		let release = (): void => undefined
		const held = host.host.mutex.run(endpointKey(ENDPOINT), () => new Promise<void>((resolve) => (release = resolve)))
		const gone = host.verbs.deleteEndpoint(NETWORK, ENDPOINT)
		await host.verbs.createEndpoint(endpointRequest())
		release()
		await Promise.all([held, gone])
		// Whoever comes now has waited for all before.
		await host.verbs.deleteEndpoint(NETWORK, ENDPOINT)
		assert.deepEqual(host.kernel.objects(), before)
		assert.deepEqual(endpoints(host), [])
	})

	it('is answered where the kernel refuses what the join needs, which then tells', async () => {
		const host = await withNetwork()
		host.kernel.before = () => {
			throw new Error('the kernel refuses')
		}
		await host.verbs.createEndpoint(endpointRequest())
		await assert.rejects(host.verbs.join(NETWORK, ENDPOINT), /the kernel refuses/)
		host.kernel.before = () => undefined
		await host.verbs.join(NETWORK, ENDPOINT)
		assert.deepEqual(host.kernel.objects(), objectsOf(planned(host)))
	})

	it('that is given up before the join leaves nothing', async () => {
		const host = await withNetwork()
		const before = host.kernel.objects()
		await host.verbs.createEndpoint(endpointRequest())
		await host.verbs.deleteEndpoint(NETWORK, ENDPOINT)
		assert.deepEqual(host.kernel.objects(), before)
		assert.deepEqual(endpoints(host), [])
	})

	it('makes the link for a join after a leave', async () => {
		const host = await withNetwork()
		await host.verbs.createEndpoint(endpointRequest())
		await host.verbs.leave(NETWORK, ENDPOINT)
		await host.verbs.join(NETWORK, ENDPOINT)
		assert.deepEqual(host.kernel.objects(), objectsOf(planned(host)))
	})

	it('takes a link that is ready, which Join puts on the bridge', async () => {
		const host = await withNetwork()
		host.kernel.addSpare('wvs0000000001')
		await host.verbs.createEndpoint(endpointRequest())
		await host.verbs.createEndpoint(endpointRequest(3))
		const [first, second] = endpoints(host)
		assert.equal(first?.link, 'wvs0000000001')
		assert.notEqual(second?.link, first?.link)
		assert.equal((await host.verbs.join(NETWORK, ENDPOINT)).link, 'wvs0000000001p')
		assert.match(host.kernel.masterOf('wvs0000000001') ?? '', /^weft/)
		await host.verbs.leave(NETWORK, ENDPOINT)
		assert.equal(host.kernel.hasLink('wvs0000000001'), false)
	})

	it('leaves no link behind that it has taken, when the disk refuses', async () => {
		const host = await withNetwork()
		host.kernel.addSpare('wvs0000000001')
		host.store.failure = new Error('disk full')
		await assert.rejects(host.verbs.createEndpoint(endpointRequest()), /disk full/)
		assert.equal(host.kernel.hasLink('wvs0000000001'), false)
	})

	it('answers with a MAC only where none was asked for', async () => {
		const host = await withNetwork()
		assert.deepEqual(await host.verbs.createEndpoint(endpointRequest()), { mac: '02:42:0a:d2:01:02' })
		const asked = endpointRequest(3, 1, { mac: '02:00:00:00:00:01' })
		assert.deepEqual(await host.verbs.createEndpoint(asked), {})
		assert.equal(endpoints(host)[1]?.mac, '02:00:00:00:00:01')
	})

	it('repeated gives the same answer, also after the endpoint has joined', async () => {
		const host = await withNetwork()
		const first = await host.verbs.createEndpoint(endpointRequest())
		assert.deepEqual(await host.verbs.createEndpoint(endpointRequest()), first)
		await attach(host, endpointRequest())
		assert.deepEqual(await host.verbs.createEndpoint(endpointRequest()), first)
		assert.equal(endpoints(host).length, 1)
	})

	it('is refused with the same id and another content', async () => {
		const host = await withNetwork()
		await host.verbs.createEndpoint(endpointRequest())
		const others = [{ ipv4: '10.210.1.9/24' }, { ipv6: 'fd00:1::9/64' }, { mac: '02:00:00:00:00:01' }]
		for (const more of [...others, { interfaceName: 'lan0' }]) {
			await assert.rejects(host.verbs.createEndpoint(endpointRequest(2, 1, more)), (error: unknown) => {
				return isCode(error, 'exists') && error.message.includes(ENDPOINT)
			})
		}
		assert.equal(endpoints(host).length, 1)
	})

	it('is refused on an unknown network, and with a MAC that is none', async () => {
		const host = await withNetwork()
		await assert.rejects(host.verbs.createEndpoint(endpointRequest(2, 7)), notFound)
		for (const mac of ['no', '01:00:00:00:00:00', '00:00:00:00:00:00', '02:42:0a:d2:01:02:03']) {
			await assert.rejects(host.verbs.createEndpoint(endpointRequest(2, 1, { mac })), (error: unknown) => {
				return isCode(error, 'invalid') && error.message.includes(mac)
			})
		}
		assert.deepEqual(endpoints(host), [])
	})

	it('takes the place of an endpoint with the same address whose container is gone', async () => {
		const host = await withNetwork()
		await attach(host, endpointRequest())
		host.kernel.loseLink(endpoints(host)[0]?.link ?? '')
		await attach(host, endpointRequest(2, 1, { id: idOf('newer') }))
		assert.deepEqual(
			endpoints(host).map(({ id }) => id),
			[idOf('newer')],
		)
		assert.deepEqual(host.kernel.objects(), objectsOf(planned(host)))
	})

	it('takes the place of one that never joined, or whose link was never fetched', async () => {
		const host = await withNetwork()
		await host.verbs.createEndpoint(endpointRequest())
		await host.verbs.createEndpoint(endpointRequest(2, 1, { id: idOf('second') }))
		await host.verbs.join(NETWORK, idOf('second'))
		await attach(host, endpointRequest(2, 1, { id: idOf('third') }))
		assert.deepEqual(
			endpoints(host).map(({ id }) => id),
			[idOf('third')],
		)
		assert.deepEqual(host.kernel.objects(), objectsOf(planned(host)))
	})

	it('is refused where a container has that address, IPv4 or IPv6', async () => {
		const host = await withNetwork()
		await attach(host, endpointRequest())
		for (const more of [{ ipv6: 'fd00:1::9/64' }, { ipv4: '10.210.1.9/24' }]) {
			const twin = endpointRequest(2, 1, { id: idOf('twin'), ...more })
			await assert.rejects(host.verbs.createEndpoint(twin), (error: unknown) => isCode(error, 'in-use'))
		}
		assert.equal(endpoints(host).length, 1)
		assert.ok(planned(host).every((resource) => host.kernel.has(resource)))
	})

	it('gives two endpoints with the same first digits two links', async () => {
		const host = await withNetwork()
		const [a, b] = [`${'0'.repeat(32)}${'a'.repeat(32)}`, `${'0'.repeat(32)}${'b'.repeat(32)}`]
		await attach(host, endpointRequest(2, 1, { id: a }))
		await attach(host, endpointRequest(3, 1, { id: b }))
		assert.equal(new Set(endpoints(host).map(({ link }) => link)).size, 2)
	})

	it('gives them two links also when both are made before the first joins', async () => {
		const host = await withNetwork()
		const ids = ['a', 'b'].map((digit) => `${'0'.repeat(32)}${digit.repeat(32)}`)
		await Promise.all(ids.map((id, i) => host.verbs.createEndpoint(endpointRequest(2 + i, 1, { id }))))
		for (const id of ids) await host.verbs.join(NETWORK, id)
		assert.equal(new Set(endpoints(host).map(({ link }) => link)).size, 2)
	})
})

describe('join', () => {
	it('makes the link and names what dockerd needs', async () => {
		const host = await withNetwork()
		await host.verbs.createEndpoint(endpointRequest())
		const answer = await host.verbs.join(NETWORK, ENDPOINT)
		const [endpoint] = endpoints(host)
		assert.deepEqual(answer, {
			link: `${endpoint?.link}p`,
			prefix: 'eth',
			gateway: '10.210.1.1',
			gatewayIpv6: 'fd00:1::1',
			noGatewayService: true,
			routes: [],
		})
		assert.ok(planned(host).every((resource) => host.kernel.has(resource)))
	})

	it('names the interface as it was asked for, also by another daemon', async () => {
		const host = await withNetwork()
		await host.verbs.createEndpoint(endpointRequest(2, 1, { interfaceName: 'lan0' }))
		const { name, prefix } = await bench(host.store, host.kernel).verbs.join(NETWORK, ENDPOINT)
		assert.deepEqual([name, prefix], ['lan0', 'eth'])
	})

	it('repeated gives the same answer', async () => {
		const host = await withNetwork()
		await host.verbs.createEndpoint(endpointRequest())
		const first = await host.verbs.join(NETWORK, ENDPOINT)
		const before = host.kernel.objects()
		assert.deepEqual(await host.verbs.join(NETWORK, ENDPOINT), first)
		assert.deepEqual(host.kernel.objects(), before)
	})

	it('is refused for an unknown network and for an unknown endpoint', async () => {
		const host = await withNetwork()
		await assert.rejects(host.verbs.join(idOf('nobody'), ENDPOINT), notFound)
		await assert.rejects(host.verbs.join(NETWORK, ENDPOINT), notFound)
	})

	it('works for many endpoints of a network at the same time', async () => {
		const host = await withNetwork()
		const requests = Array.from({ length: 40 }, (_, i) => endpointRequest(i + 2))
		await Promise.all(requests.map((request) => attach(host, request)))
		assert.equal(endpoints(host).length, 40)
		assert.deepEqual(host.kernel.objects(), objectsOf(planned(host)))
		await Promise.all(requests.map(({ id }) => host.verbs.leave(NETWORK, id)))
		await Promise.all(requests.map(({ id }) => host.verbs.deleteEndpoint(NETWORK, id)))
		assert.deepEqual(endpoints(host), [])
		assert.deepEqual(host.kernel.objects(), objectsOf(planned(host)))
	})
})

describe('leave and deleteEndpoint', () => {
	it('take the link, then the record', async () => {
		const host = await withNetwork()
		const before = host.kernel.objects()
		await attach(host, endpointRequest())
		await host.verbs.leave(NETWORK, ENDPOINT)
		assert.deepEqual(host.kernel.objects(), before)
		assert.equal(endpoints(host).length, 1)
		await host.verbs.deleteEndpoint(NETWORK, ENDPOINT)
		assert.deepEqual(endpoints(host), [])
	})

	it('succeed for the unknown, when repeated and in the other order', async () => {
		const host = await withNetwork()
		const before = host.kernel.objects()
		for (const [network, endpoint] of [
			[idOf('nobody'), ENDPOINT],
			[NETWORK, ENDPOINT],
		] as const) {
			await host.verbs.leave(network, endpoint)
			await host.verbs.deleteEndpoint(network, endpoint)
		}
		await attach(host, endpointRequest())
		await host.verbs.deleteEndpoint(NETWORK, ENDPOINT)
		await host.verbs.leave(NETWORK, ENDPOINT)
		await host.verbs.deleteEndpoint(NETWORK, ENDPOINT)
		assert.deepEqual([endpoints(host), host.kernel.objects()], [[], before])
	})

	it('wait for the join that is under way', async () => {
		const host = await withNetwork()
		const before = host.kernel.objects()
		await host.verbs.createEndpoint(endpointRequest())
		await Promise.all([host.verbs.join(NETWORK, ENDPOINT), host.verbs.leave(NETWORK, ENDPOINT)])
		assert.deepEqual(host.kernel.objects(), before)
	})

	it('let an endpoint join again', async () => {
		const host = await withNetwork()
		await attach(host, endpointRequest())
		const joined = host.kernel.objects()
		await host.verbs.leave(NETWORK, ENDPOINT)
		await host.verbs.join(NETWORK, ENDPOINT)
		assert.deepEqual(host.kernel.objects(), joined)
	})
})
