/** Containers of a host network on a host in memory: followed from Join to Leave, over failures and restarts. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseIp } from '../../src/model/address.ts'
import { eventually } from '../support/eventually.ts'
import {
	assertTrue,
	attach,
	type Bench,
	bench,
	endpointRequest,
	endpoints,
	NETWORK,
	networkRequest,
	portRequest,
} from './host.ts'
import { FakeSandbox } from './sandbox.ts'

const [ONE, TWO] = [endpointRequest(2).id, endpointRequest(3).id]

interface Two {
	readonly host: Bench
	readonly one: FakeSandbox
	readonly two: FakeSandbox
}

/** A host with two containers on a host network. */
async function withTwo(host = bench()): Promise<Two> {
	await host.verbs.createNetwork(networkRequest(1, { options: { mode: 'host' } }))
	await attach(host, endpointRequest(2))
	await attach(host, endpointRequest(3))
	return { host, one: look(host, ONE), two: look(host, TWO) }
}

/** From now on the namespace of an endpoint's container is found. */
function look(host: Bench, id: string): FakeSandbox {
	const sandbox = new FakeSandbox()
	host.kernel.sandboxes.set(endpoints(host).find((each) => each.id === id)?.link ?? '', sandbox)
	return sandbox
}

function publishedOf(host: Bench, id = ONE): string[] {
	const ports = endpoints(host).find((each) => each.id === id)?.published ?? []
	return ports.map(({ protocol, hostPort }) => `${protocol} ${hostPort}`)
}

async function assertPublished(host: Bench, id: string, ...ports: string[]): Promise<void> {
	const what = () => `${publishedOf(host, id)} are published and not ${ports}`
	await eventually(() => publishedOf(host, id).join() === ports.join(), { what })
}

describe('ports of a host network', () => {
	it('come and go with what a container listens on', async () => {
		const { host, one, two } = await withTwo()
		one.listen(['tcp', 80], ['udp', 53])
		two.listen(['tcp', 81])
		await assertPublished(host, ONE, 'tcp 80', 'udp 53')
		await assertPublished(host, TWO, 'tcp 81')
		assertTrue(host)
		one.listen(['udp', 53])
		await assertPublished(host, ONE, 'udp 53')
		assertTrue(host)
		await host.sharedPorts.close()
		assert.deepEqual([one.isClosed, two.isClosed], [true, true])
	})

	it('end with the container, whose namespace is let go', async () => {
		const { host, one } = await withTwo()
		one.listen(['tcp', 80])
		await assertPublished(host, ONE, 'tcp 80')
		await host.verbs.leave(NETWORK, ONE)
		assert.deepEqual(publishedOf(host), [])
		await eventually(() => one.isClosed)
		assert.deepEqual(host.sharedPorts.of(ONE), { refused: [], beyond: 0 })
		await host.verbs.deleteEndpoint(NETWORK, ONE)
		assertTrue(host)
		await host.sharedPorts.close()
	})

	it('are let go as well where the endpoint was taken away by nobody’s call', async () => {
		const { host, one } = await withTwo()
		one.listen(['tcp', 80])
		await assertPublished(host, ONE, 'tcp 80')
		await host.verbs.deleteNetwork(NETWORK)
		one.listen(['tcp', 81])
		await eventually(() => one.isClosed)
		await host.sharedPorts.close()
	})

	it('are refused with the owner’s name, and taken up when it has gone', async () => {
		const { host, one, two } = await withTwo()
		host.kernel.processes.set(80, { pid: 7, name: 'nginx' })
		one.listen(['tcp', 80], ['tcp', 81])
		await assertPublished(host, ONE, 'tcp 81')
		const why = () => host.sharedPorts.of(ONE).refused.map((each) => each.why)
		await eventually(() => why().length > 0)
		assert.deepEqual(why(), ['port 0.0.0.0:80/tcp is already allocated by nginx (pid 7)'])
		assert.deepEqual(host.told, [`endpoint ${ONE.slice(0, 12)} listens on a port that is not on the host: ${why()[0]}`])
		host.kernel.processes.delete(80)
		await assertPublished(host, ONE, 'tcp 80', 'tcp 81')
		two.listen(['tcp', 80])
		await eventually(() => host.sharedPorts.of(TWO).refused.length > 0)
		assert.match(host.sharedPorts.of(TWO).refused[0]?.why ?? '', /by endpoint \w{12} of network \w{12}$/)
		assert.deepEqual(publishedOf(host, TWO), [])
		assertTrue(host)
		await host.sharedPorts.close()
	})

	it('of UDP that the kernel may have chosen are there from the second look on', async () => {
		const { host, one } = await withTwo()
		one.onLook = () => one.listen(['udp', 53], ['udp', 40002])
		one.listen(['udp', 40001], ['udp', 53])
		await assertPublished(host, ONE, 'udp 53', 'udp 40002')
		const opened = host.kernel.forgotten.flatMap((change) => change.opened.map(({ hostPort }) => hostPort))
		assert.deepEqual([...new Set(opened)].sort(), [40002, 53])
		await host.sharedPorts.close()
	})

	it('are there after a restart as they were, until they have been looked at', async () => {
		const { host, one } = await withTwo()
		one.listen(['tcp', 80], ['tcp', 81])
		await assertPublished(host, ONE, 'tcp 80', 'tcp 81')
		await host.sharedPorts.close()
		host.kernel.endProcess()
		host.kernel.processes.set(81, { pid: 7, name: 'nginx' })
		const again = bench(host.store, host.kernel)
		host.kernel.sandboxes.clear()
		await again.resync()
		again.sharedPorts.followAll()
		assert.deepEqual(publishedOf(again), ['tcp 80', 'tcp 81'])
		look(again, ONE).listen(['tcp', 80], ['tcp', 81], ['tcp', 82])
		await assertPublished(again, ONE, 'tcp 80', 'tcp 82')
		await eventually(() => again.sharedPorts.of(ONE).refused.length === 1)
		assertTrue(again)
		await again.sharedPorts.close()
	})

	it('keep what is asked for, which goes first', async () => {
		const { host, one } = await withTwo()
		one.listen(['tcp', 80], ['tcp', 81])
		await assertPublished(host, ONE, 'tcp 80', 'tcp 81')
		await host.verbs.publish(NETWORK, ONE, [portRequest(80, 8080, { hostIp: '0.0.0.0' })])
		await assertPublished(host, ONE, 'tcp 80', 'tcp 81')
		assert.equal(host.kernel.targetOf('publish4_any', 'tcp . 80'), '10.210.1.2 . 8080')
		await host.verbs.unpublish(NETWORK, ONE)
		one.listen(['tcp', 80], ['tcp', 81])
		await eventually(() => host.kernel.targetOf('publish4_any', 'tcp . 80') === '10.210.1.2 . 80')
		assertTrue(host)
		await host.sharedPorts.close()
	})

	it('come within a second also where the host tells of no new socket', async () => {
		const { host, one } = await withTwo()
		one.listen(['tcp', 80])
		await assertPublished(host, ONE, 'tcp 80')
		host.kernel.isStirred = false
		one.listen(['tcp', 81])
		await assertPublished(host, ONE, 'tcp 81')
		await host.sharedPorts.close()
	})

	it('are put back where the kernel refuses a change, of which is told', async () => {
		const { host, one } = await withTwo()
		one.listen(['tcp', 80])
		await assertPublished(host, ONE, 'tcp 80')
		host.kernel.before = (verb, what) => {
			if (verb === 'ensure' && what === 'firewall') throw new Error('no memory')
		}
		one.listen(['tcp', 80], ['tcp', 81])
		await eventually(() => host.warnings.some((each) => each.includes('may not be on the host')))
		host.kernel.before = () => undefined
		assert.deepEqual(publishedOf(host), ['tcp 80'])
		one.listen(['tcp', 80], ['tcp', 81])
		await assertPublished(host, ONE, 'tcp 80', 'tcp 81')
		assertTrue(host)
		await host.sharedPorts.close()
	})

	it('stay where a container cannot be looked into, of which is told once', async () => {
		const { host, one, two } = await withTwo()
		one.listen(['tcp', 80])
		await assertPublished(host, ONE, 'tcp 80')
		one.fails = true
		one.listen(['tcp', 81])
		const told = () => host.warnings.filter((each) => each.includes('no memory')).length
		await eventually(() => told() > 0)
		one.listen(['tcp', 81])
		two.listen(['tcp', 82])
		await assertPublished(host, TWO, 'tcp 82')
		assert.deepEqual([publishedOf(host), told()], [['tcp 80'], 1])
		one.fails = false
		one.listen(['tcp', 81])
		await assertPublished(host, ONE, 'tcp 81')
		await host.sharedPorts.close()
	})

	it('come though one of them cannot be had, of which nothing is left when the container has gone', async () => {
		const { host, one } = await withTwo()
		host.kernel.before = (verb, what) => {
			if (verb === 'ensure' && what === 'port tcp 0.0.0.0 81') throw new Error('too many open files')
		}
		one.listen(['tcp', 80], ['tcp', 81], ['tcp', 82])
		await assertPublished(host, ONE, 'tcp 80', 'tcp 82')
		const refused = () => host.sharedPorts.of(ONE).refused.map(({ why }) => why)
		await eventually(() => refused().length > 0)
		assert.deepEqual(refused(), ['port tcp 0.0.0.0 81: too many open files'])
		await host.verbs.leave(NETWORK, ONE)
		await host.verbs.deleteEndpoint(NETWORK, ONE)
		assertTrue(host)
		await host.sharedPorts.close()
	})

	it('are shared with the host by the loopback, until the container leaves', async () => {
		const { host, one, two } = await withTwo()
		host.kernel.listeners = [{ protocol: 'tcp', port: 5432, ip: parseIp('127.0.0.1'), both: false }]
		one.listen(['tcp', 80])
		const outward = (sandbox: FakeSandbox) => sandbox.shared?.[4]?.outward.map(({ port }) => port) ?? []
		await eventually(() => outward(one).join() === '5432' && outward(two).join() === '5432,80')
		assert.deepEqual(two.shared?.[4]?.own, '10.210.1.3')
		assert.deepEqual(two.shared?.[4]?.gateway, '10.210.1.1')
		await host.verbs.leave(NETWORK, ONE)
		await eventually(() => one.shared === undefined && one.isClosed)
		await host.sharedPorts.close()
		assert.ok(two.shared !== undefined)
	})

	it('go on to be followed where a look at all of them failed', async () => {
		const { host, one } = await withTwo()
		const { stirred } = one
		one.stirred = () => {
			throw new Error('input/output error')
		}
		await eventually(() => host.warnings.some((each) => each.includes('input/output error')))
		one.stirred = stirred
		one.listen(['tcp', 80])
		await assertPublished(host, ONE, 'tcp 80')
		await host.sharedPorts.close()
	})
})
