/** The start of a daemon over the store and the kernel of another, that died or went with its host. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Death, MortalStore } from '../support/death.ts'
import {
	assertTrue,
	attach,
	type Bench,
	bench,
	endpointRequest,
	endpoints,
	idOf,
	NETWORK,
	networkRequest,
	networks,
	planned,
	portRequest,
} from './host.ts'

async function withNeighbour(): Promise<Bench> {
	const host = bench()
	await host.verbs.createNetwork(networkRequest(9))
	await attach(host, endpointRequest(2, 9))
	await host.verbs.publish(idOf('network 9'), endpointRequest(2, 9).id, [portRequest(7000)])
	return host
}

describe('a daemon that starts', () => {
	it('after a boot makes networks again, and keeps records of containers that went without a word', async () => {
		const host = await withNeighbour()
		host.kernel.reboot()
		const next = bench(host.store, host.kernel)
		assert.deepEqual(await next.resync(), { networks: 1, endpoints: 0, dead: 1 })
		assertTrue(next)
		await attach(next, endpointRequest(2, 9, { id: idOf('after the boot') }))
		assertTrue(next)
		assert.equal(endpoints(next, 9).length, 1)
	})

	it('beside running containers changes nothing', async () => {
		const host = await withNeighbour()
		const before = [networks(host), endpoints(host, 9), host.kernel.objects()]
		host.kernel.endProcess()
		const next = bench(host.store, host.kernel)
		assert.deepEqual(await next.resync(), { networks: 1, endpoints: 1, dead: 0 })
		assert.deepEqual([networks(next), endpoints(next, 9), next.kernel.objects()], before)
	})

	it('leaves the link of a container that dockerd was told of and has yet to fetch', async () => {
		const host = await withNeighbour()
		await host.verbs.createEndpoint(endpointRequest(3, 9))
		const { link = '' } = await host.verbs.join(idOf('network 9'), endpointRequest(3, 9).id)
		host.kernel.endProcess()
		const next = bench(host.store, host.kernel)
		assert.deepEqual(await next.resync(), { networks: 1, endpoints: 2, dead: 0 })
		next.kernel.moveAway(link)
		assertTrue(next)
		// And takes away one that came back while nobody was told.
		next.kernel.moveBack(link)
		next.kernel.endProcess()
		const last = bench(next.store, next.kernel)
		assert.deepEqual(await last.resync(), { networks: 1, endpoints: 1, dead: 1 })
		assertTrue(last)
		assert.ok(!last.kernel.hasLink(link))
	})

	it('takes a container for running of which the kernel does not tell, says so, and restores everything else', async () => {
		const host = await withNeighbour()
		await host.verbs.createEndpoint(endpointRequest(3, 9))
		await host.verbs.join(idOf('network 9'), endpointRequest(3, 9).id)
		const before = [endpoints(host, 9), host.kernel.objects()]
		host.kernel.endProcess()
		const next = bench(host.store, host.kernel)
		next.kernel.isAwaited = () => Promise.reject(new Error('Resource temporarily unavailable'))
		assert.deepEqual(await next.resync(), { networks: 1, endpoints: 2, dead: 0 })
		assert.deepEqual([endpoints(next, 9), next.kernel.objects()], before)
		assert.equal(next.warnings.length, 1)
		assert.match(next.warnings[0] ?? '', /endpoint [0-9a-f]{64}.*taken for running: Resource temporarily unavailable$/)
	})

	it('finds a port taken by somebody else, says so, and restores everything else', async () => {
		const host = await withNeighbour()
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
