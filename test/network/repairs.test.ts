/** What is told of others' changes leads to a repair, after the start and once for many. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { messageOf } from '../../src/errors.ts'
import { Repairs } from '../../src/network/repairs.ts'
import { Rounds } from '../../src/network/rounds.ts'
import { passTime, startClock, stopClock } from '../support/clock.ts'
import { FakeClusterVerbs } from '../support/fake-cluster-verbs.ts'
import { FakeKernel } from '../support/fake-kernel.ts'
import { MemoryStore } from '../support/memory-store.ts'
import {
	attach,
	type Bench,
	bench,
	bridgeNetworks,
	ENDPOINT,
	endpointRequest,
	endpoints,
	idOf,
	NETWORK,
	networkRequest,
	planned,
	portRequest,
} from './host.ts'

interface Watched extends Bench {
	readonly repairs: Repairs
	/** `cause: what was done`. */
	readonly log: string[]
	/** Links with which something is amiss that may be below an overlay network. */
	readonly struck: string[]
}

function watched(ready: Promise<void> = Promise.resolve(), host = bench()): Watched {
	const log: string[] = []
	const struck: string[] = []
	const repairs = new Repairs(host.host, { linkStruck: (name) => struck.push(name) }, ready, {
		repaired: ({ cause, done }) => log.push(`${cause}: ${done.join(', ')}`),
		failed: (error, cause) => log.push(`${cause}: ${messageOf(error)}`),
	})
	return { ...host, repairs, log, struck }
}

async function pass(milliseconds: number): Promise<void> {
	passTime(milliseconds)
	for (let i = 0; i < 50; i++) await new Promise(setImmediate)
}

describe('repairs', () => {
	beforeEach(() => stopClock('setTimeout'))
	afterEach(startClock)

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

	it('of the firewall are made at once for a container that starts', async () => {
		const host = watched()
		await host.verbs.createNetwork(networkRequest())
		await pass(0)
		host.kernel.passage.iptables = []
		host.repairs.passageChanged('iptables', 'dockerd changed ip filter')
		await host.repairs.firewallDue()
		assert.deepEqual(
			host.kernel.passage.iptables,
			bridgeNetworks(host).map(({ bridge }) => bridge),
		)
	})

	it('of the firewall that take long are waited for no longer than two seconds, and go on', async () => {
		const host = watched()
		let finish = (): void => undefined
		mock.method(host.kernel, 'keepPassage', () => {
			return new Promise((resolve) => {
				finish = () => resolve(['put the rule into iptables-nft FORWARD'])
			})
		})
		host.repairs.passageChanged('iptables', 'somebody changed ip filter FORWARD')
		let over = false
		const due = host.repairs.firewallDue().then(() => {
			over = true
		})
		await pass(1999)
		assert.deepEqual([over, host.told], [false, []])
		await pass(1)
		await due
		assert.deepEqual(host.told, ['a container starts while the look at the firewall takes more than 2 s'])
		assert.deepEqual(host.log, [])
		finish()
		await pass(0)
		assert.deepEqual(host.log, ['somebody changed ip filter FORWARD: put the rule into iptables-nft FORWARD'])
	})

	it('open the passage for the networks that there are by then', async () => {
		const host = watched()
		await host.verbs.createNetwork(networkRequest())
		host.kernel.passage.iptables = []
		host.repairs.passageChanged('iptables', 'iptables changed ip filter FORWARD')
		await pass(1000)
		assert.deepEqual(
			host.kernel.passage.iptables,
			bridgeNetworks(host).map(({ bridge }) => bridge),
		)
	})

	/** A network with two containers, and its bridge's name. */
	async function populated(): Promise<Watched & { readonly bridge: string }> {
		const host = watched()
		await host.verbs.createNetwork(networkRequest())
		await attach(host, endpointRequest(2))
		await attach(host, endpointRequest(3))
		return { ...host, bridge: bridgeNetworks(host)[0]?.bridge ?? '' }
	}

	const NAME = `put network ${idOf('network 1').slice(0, 12)} right, of which`

	it('put back a bridge with what was on it', async () => {
		const host = await populated()
		const before = host.kernel.objects()
		host.kernel.loseLink(host.bridge)
		host.repairs.linkGone({ name: host.bridge, kind: 'bridge', up: true })
		await pass(1000)
		assert.deepEqual(host.kernel.objects(), before)
		assert.ok(planned(host).every((resource) => host.kernel.has(resource)))
		const lost = ['10.210.1.1/24', 'fd00:1::1/64'].map((cidr) => `address ${host.bridge} ${cidr} was gone`)
		assert.deepEqual(host.log, [
			`link ${host.bridge} was deleted: ${NAME} link ${host.bridge} was gone, ${lost.join(', ')}, and so on (1 more)`,
		])
	})

	it('put back an address', async () => {
		const host = await populated()
		const before = host.kernel.objects()
		host.kernel.loseAddress(host.bridge, '10.210.1.1/24')
		host.repairs.linkBared(host.bridge)
		await pass(1000)
		assert.deepEqual(host.kernel.objects(), before)
		assert.deepEqual(host.log, [
			`link ${host.bridge} lost an address: ${NAME} address ${host.bridge} 10.210.1.1/24 was gone`,
		])
	})

	it('put back an address of a bridge that looks right again', async () => {
		const host = await populated()
		const before = host.kernel.objects()
		host.kernel.loseAddress(host.bridge, '10.210.1.1/24')
		host.repairs.linkBared(host.bridge)
		host.repairs.linkChanged({ name: host.bridge, kind: 'bridge', up: true })
		await pass(1000)
		assert.deepEqual(host.kernel.objects(), before)
	})

	it('set up a container’s link that somebody has set down', async () => {
		const host = await populated()
		const [link] = endpoints(host).map((each) => each.link)
		const name = link ?? ''
		host.kernel.setDown(name)
		host.repairs.linkChanged({ name, kind: 'veth', up: false, masterIndex: 7 })
		await pass(1000)
		assert.deepEqual(host.log, [`link ${name} was set down: ${NAME} link ${name} was down`])
		host.repairs.lookAround()
		await pass(1000)
		assert.equal(host.log.length, 1)
	})

	it('are made, and counted, of the other networks where that of one fails', async () => {
		const host = await populated()
		await host.verbs.createNetwork(networkRequest(2))
		const [first, second] = bridgeNetworks(host).map(({ bridge }) => bridge)
		for (const bridge of [first, second]) host.kernel.loseLink(bridge ?? '')
		host.kernel.addForeignLink(first ?? '')
		host.repairs.linksLost()
		await pass(1000)
		const cause = 'more links changed than could be followed'
		assert.match(host.log[0] ?? '', new RegExp(`${cause}: put network ${idOf('network 2').slice(0, 12)} right`))
		assert.match(
			host.log[1] ?? '',
			new RegExp(`network ${idOf('network 1').slice(0, 12)}: .*exists and is not a bridge`),
		)
	})

	it('are tried again where they failed', async () => {
		const host = await populated()
		const before = host.kernel.objects()
		host.kernel.loseLink(host.bridge)
		host.kernel.before = () => {
			host.kernel.before = () => undefined
			throw new Error('not now')
		}
		host.repairs.linkGone({ name: host.bridge, kind: 'bridge', up: true })
		await pass(1000)
		assert.match(host.log.join(), /not now/)
		await pass(5000)
		assert.deepEqual(host.kernel.objects(), before)
	})

	it('look at every network where more happened than could be followed', async () => {
		const host = await populated()
		await host.verbs.createNetwork(networkRequest(2))
		const before = host.kernel.objects()
		for (const { bridge } of bridgeNetworks(host)) host.kernel.loseLink(bridge)
		host.repairs.linksLost()
		await pass(1000)
		assert.deepEqual(host.kernel.objects(), before)
	})

	it('are made of everything when nobody has told of anything', async () => {
		const host = await populated()
		const before = host.kernel.objects()
		host.repairs.lookAround()
		await pass(1000)
		assert.deepEqual(host.log, [])
		host.kernel.loseTable()
		host.kernel.loseAddress(host.bridge, '10.210.1.1/24')
		host.kernel.passage.iptables = []
		host.repairs.lookAround()
		await pass(1000)
		assert.deepEqual(host.kernel.objects(), before)
		assert.deepEqual(host.kernel.passage.iptables, [host.bridge])
		assert.deepEqual(host.log.sort(), [
			"it was found so in a look at everything: made weft's tables anew, since table inet weft was gone",
			`it was found so in a look at everything: ${NAME} address ${host.bridge} 10.210.1.1/24 was gone`,
		])
	})

	it('hold a port again that a process had when weft started, and put right the rest meanwhile', async () => {
		const host = watched()
		await host.verbs.createNetwork(networkRequest())
		for (const last of [2, 3]) await attach(host, endpointRequest(last))
		await host.verbs.publish(NETWORK, ENDPOINT, [portRequest(8080)])
		host.kernel.endProcess()
		host.kernel.processes.set(8080, { pid: 7, name: 'nginx' })
		await host.resync()
		const [, second] = endpoints(host)
		host.kernel.setDown(second?.link ?? '')
		host.repairs.lookAround()
		await pass(100)
		const cause = 'it was found so in a look at everything'
		assert.deepEqual(host.log.slice(0, 2), [
			`${cause}: ${NAME} link ${second?.link} was down`,
			`${cause}: network ${idOf('network 1').slice(0, 12)}: endpoint ${ENDPOINT.slice(0, 12)}: port 0.0.0.0:8080/tcp is already allocated`,
		])
		host.kernel.processes.clear()
		await pass(1000)
		assert.match(host.log.at(-1) ?? '', /right, of which port tcp 0\.0\.0\.0 8080 was not held/)
	})

	it('are made in rounds, by the clock', async () => {
		const host = await populated()
		startClock()
		stopClock('setTimeout', 'setInterval')
		const rounds = new Rounds([host.repairs])
		host.kernel.loseAddress(host.bridge, '10.210.1.1/24')
		await pass(299_999)
		assert.deepEqual(host.log, [])
		await pass(1)
		await pass(100)
		assert.equal(host.log.length, 1)
		host.kernel.loseAddress(host.bridge, '10.210.1.1/24')
		rounds.close()
		await pass(600_000)
		assert.equal(host.log.length, 1)
	})

	it('put back a VLAN and a dummy of networks on them, and the VLAN again when its parent is back', async () => {
		const host = watched()
		host.kernel.addForeignLink('eth0')
		await host.verbs.createNetwork(networkRequest(1, { options: { mode: 'macvlan', parent: 'eth0.50' } }))
		await host.verbs.createNetwork(networkRequest(2, { options: { mode: 'macvlan' } }))
		const before = host.kernel.objects()
		for (const name of ['eth0.50', `weft-${idOf('network 2').slice(0, 10)}`]) {
			host.kernel.loseLink(name)
			host.repairs.linkGone({ name, up: true })
			await pass(1000)
			assert.deepEqual(host.kernel.objects(), before)
		}
		host.kernel.loseLink('eth0')
		host.kernel.loseLink('eth0.50')
		host.repairs.linkGone({ name: 'eth0', up: true })
		await pass(1000)
		host.kernel.addForeignLink('eth0')
		host.repairs.linkChanged({ name: 'eth0', up: true })
		await pass(1000)
		assert.deepEqual(host.kernel.objects(), before)
		assert.match(host.log.at(-1) ?? '', /link eth0 is back: put network .* right, of which link eth0.50 was gone/)
	})

	it('make VLANs and the link of the host follow a parent that got a larger MTU, and are made once', async () => {
		const host = watched()
		const state = { addresses: ['10.210.2.200/24', 'fd00:2::200/64'], routesLocalnet: false }
		host.kernel.addForeignLink('eth0', { state })
		const on = (parent: string, more: object) => ({ options: { mode: 'macvlan', parent, ...more } })
		await host.verbs.createNetwork(networkRequest(1, on('eth0.100.50', {})))
		await host.verbs.createNetwork(networkRequest(2, on('eth0', { host_access: 'true' })))
		host.repairs.linkChanged({ name: 'eth0', up: true, mtu: 1500 })
		await pass(1000)
		assert.deepEqual(host.log, [])
		for (const parent of ['eth0', 'eth0.100']) host.kernel.grow(parent)
		const repair = mock.method(host.kernel, 'repair')
		for (let i = 0; i < 2; i++) {
			host.repairs.linkChanged({ name: 'eth0', up: true, mtu: 9000 })
			await pass(1000)
		}
		const small = (name: string) => `link ${name} was with an MTU of 1500 instead of 9000`
		const right = (number: number) => `put network ${idOf(`network ${number}`).slice(0, 12)} right, of which`
		const vlans = ['eth0.100', 'eth0.100.50'].map(small).join(', ')
		const shim = small(`weft${idOf('network 2').slice(0, 11)}`)
		assert.deepEqual(host.log, [`link eth0 has another MTU: ${right(1)} ${vlans}, ${right(2)} ${shim}`])
		assert.equal(repair.mock.callCount(), 2)
	})

	it('of overlay networks are left to who follows the cluster, told of links that are set down or lose an address', async () => {
		const host = watched()
		host.repairs.linkChanged({ name: 'eth0', up: true })
		assert.deepEqual(host.struck, [])
		host.repairs.linkChanged({ name: 'eth0', up: false })
		host.repairs.linkBared('eth1')
		assert.deepEqual(host.struck, ['eth0', 'eth1'])
	})

	it('are made where a link across has lost a route, and a neighbour where those are weft’s own', async () => {
		const ready = Promise.reject(new Error('looked'))
		ready.catch(() => undefined)
		const host = watched(ready)
		for (const [name, what] of [
			['eth0', 'neighbour'],
			['eth0', 'route'],
			['weft-vxlan', 'neighbour'],
			['weft-vxlan', 'route'],
		] as const) {
			host.repairs.linkStripped(name, what)
			await pass(1000)
		}
		const causes = new Set(host.log.map((each) => each.replace(/: .*/, '')))
		assert.deepEqual(
			[...causes],
			['link eth0 lost a route', 'link weft-vxlan lost a neighbour', 'link weft-vxlan lost a route'],
		)
	})

	it('are made where the rule is gone that leads answers to other hosts', async () => {
		const kernel = new FakeKernel()
		kernel.addForeignLink('eth0', { mtu: 1500, state: { addresses: ['192.0.2.1/24'], routesLocalnet: false } })
		const member = new FakeClusterVerbs({ name: 'a', address: '192.0.2.1' })
		const host = watched(undefined, bench(new MemoryStore(), kernel, true, member))
		await host.verbs.createNetwork(networkRequest(1, { options: { mode: 'overlay' }, ipv6: [] }))
		const before = kernel.objects()
		await kernel.remove(planned(host).filter(({ kind }) => kind === 'rule'))
		assert.notDeepEqual(kernel.objects(), before)
		// One of another tunnel, or of somebody else's.
		host.repairs.tableUnled(7767)
		await pass(1000)
		assert.deepEqual(host.log, [])
		host.repairs.tableUnled(7766)
		await pass(1000)
		const done = `put network ${NETWORK.slice(0, 12)} right, of which rule IPv4 0x8000000 was gone`
		assert.deepEqual(host.log, [`the rule that leads to table 7766 was deleted: ${done}`])
		assert.deepEqual(kernel.objects(), before)
		await host.peering.close()
	})

	it('are not made of what weft itself takes away', async () => {
		const host = await populated()
		const [link] = endpoints(host).map((each) => each.link)
		await host.verbs.leave(idOf('network 1'), idOf('endpoint 1 2'))
		host.repairs.linkChanged({ name: link ?? '', kind: 'veth', up: false })
		await pass(1000)
		await host.verbs.deleteNetwork(idOf('network 1'))
		host.repairs.linkChanged({ name: host.bridge, kind: 'bridge', up: false })
		host.repairs.linkGone({ name: host.bridge, kind: 'bridge', up: false })
		host.repairs.linkBared(host.bridge)
		await pass(1000)
		assert.deepEqual([host.log, host.kernel.objects()], [[], []])
	})

	it('are not made where all is right again, or of links that are not weft’s', async () => {
		const host = await populated()
		const [link] = endpoints(host).map((each) => each.link)
		const repair = mock.method(host.kernel, 'repair')
		host.repairs.linkChanged({ name: link ?? '', kind: 'veth', up: true })
		host.repairs.linkChanged({ name: link ?? '', kind: 'veth', up: true, masterIndex: 7 })
		// As weft makes a pair, and as it takes one away.
		host.repairs.linkChanged({ name: link ?? '', kind: 'veth', up: false, masterIndex: 7 })
		host.repairs.linkChanged({ name: link ?? '', kind: 'veth', up: true, masterIndex: 7 })
		host.repairs.linkChanged({ name: link ?? '', kind: 'veth', up: false, masterIndex: 7 })
		host.repairs.linkGone({ name: link ?? '', up: false })
		host.repairs.linkChanged({ name: 'veth1', kind: 'veth', up: false, masterIndex: 7 })
		host.repairs.linkChanged({ name: 'docker0', kind: 'bridge', up: false })
		host.repairs.linkChanged({ name: 'veth1', kind: 'veth', up: true })
		host.repairs.linkGone({ name: 'eth0', up: false })
		host.repairs.linkBared('eth0')
		host.repairs.linkChanged({ name: 'eth0', up: true, mtu: 9000 })
		await pass(1000)
		assert.equal(repair.mock.callCount(), 0)
	})

	it('tell of what cannot be repaired', async () => {
		const host = await populated()
		host.kernel.loseLink(host.bridge)
		host.kernel.addForeignLink(host.bridge)
		host.repairs.linkGone({ name: host.bridge, kind: 'bridge', up: true })
		await pass(100)
		assert.match(host.log[0] ?? '', /was deleted: .*exists and is not a bridge/)
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

	it('are not made where the start never succeeds', async () => {
		const ready = Promise.reject(new Error('weft ends'))
		ready.catch(() => undefined)
		const host = watched(ready)
		await host.verbs.createNetwork(networkRequest())
		host.kernel.loseTable()
		const before = host.kernel.objects()
		host.repairs.tableChanged('nft deleted inet weft')
		await pass(10_000)
		assert.deepEqual(host.kernel.objects(), before)
		assert.match(host.log[0] ?? '', /: weft ends$/)
	})

	it('are made no more after the end', async () => {
		const host = watched()
		host.repairs.tableChanged('nft deleted inet weft')
		await host.repairs.close()
		await pass(10_000)
		assert.deepEqual(host.log, [])
	})
})
