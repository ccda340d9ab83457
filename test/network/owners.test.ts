/** Networks of mode container on a host in memory: their owners are followed, and have what they should. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { diff } from '../../src/network/diff.ts'
import { eventually } from '../support/eventually.ts'
import { FakeContainerKernel } from '../support/fake-kernel.ts'
import {
	attach,
	type Bench,
	bench,
	bridgeNetworks,
	ENDPOINT,
	endpointRequest,
	endpoints,
	NETWORK,
	networkRequest,
	portRequest,
} from './host.ts'
import { FakeSandbox } from './sandbox.ts'

const OPTIONS = { mode: 'container', container: 'web' }

/** A host with `web`, and a network that it owns. */
async function withOwner(): Promise<Bench> {
	const host = bench()
	host.containers.start('web', 7)
	await host.verbs.createNetwork(networkRequest(1, { options: OPTIONS }))
	return host
}

/** With a container on it, whose port 80 is found. */
async function withPort(): Promise<Bench> {
	const host = await withOwner()
	await ownerAt(host, 7)
	await attach(host, endpointRequest())
	sandboxOf(host).listen(['tcp', 80])
	await eventually(() => publishedOf(host).join() === 'tcp 80')
	return host
}

function sandboxOf(host: Bench): FakeSandbox {
	const sandbox = new FakeSandbox()
	host.kernel.sandboxes.set(endpoints(host)[0]?.link ?? '', sandbox)
	return sandbox
}

async function ownerAt(host: Bench, pid: number): Promise<FakeContainerKernel> {
	const owner = () => host.ownerKernels.get(pid)
	await eventually(() => owner() !== undefined && host.host.owners.get(NETWORK) === owner(), {
		what: `an owner at ${pid}`,
	})
	const kernel = owner()
	assert.ok(kernel)
	return kernel
}

function publishedOf(host: Bench): string[] {
	return endpoints(host).flatMap(({ published }) =>
		published.map(({ protocol, hostPort }) => `${protocol} ${hostPort}`),
	)
}

async function close(host: Bench): Promise<void> {
	await host.sharedPorts.close()
	await host.owners.close()
}

/** Another process of weft's on what this one has left, where `web` runs at 7; what Docker tells it is yet to be said. */
async function startAgain(host: Bench): Promise<Bench> {
	await close(host)
	const again = bench(host.store, host.kernel)
	const owner = host.ownerKernels.get(7)
	assert.ok(owner)
	owner.endProcess()
	again.ownerKernels.set(7, owner)
	return again
}

function begin(host: Bench): void {
	host.sharedPorts.followAll()
	host.owners.look()
}

describe('the owner of a network of mode container', () => {
	it('has what mode host has on the host, and the host has the links alone', async () => {
		const host = await withOwner()
		const owner = await ownerAt(host, 7)
		await attach(host, endpointRequest())
		const sandbox = sandboxOf(host)
		sandbox.listen(['tcp', 80])
		await eventually(() => publishedOf(host).join() === 'tcp 80')
		const [{ link = '' } = {}] = endpoints(host)
		assert.deepEqual(host.kernel.objects(), [`element links ${link}`, `link ${link}`])
		const there = owner.objects()
		for (const each of [`link ${link}`, 'port tcp 0.0.0.0 80', 'element publish4_any tcp . 80']) {
			assert.ok(there.includes(each), `${each} is among ${there}`)
		}
		await eventually(() => sandbox.shared?.[4]?.gateway === '10.210.1.1')
		await host.verbs.leave(NETWORK, ENDPOINT)
		await host.verbs.deleteEndpoint(NETWORK, ENDPOINT)
		assert.deepEqual(
			owner.objects().filter((each) => /port|publish|endpoints|wv/.test(each)),
			[],
		)
		await host.verbs.deleteNetwork(NETWORK)
		assert.deepEqual([owner.objects(), host.kernel.objects(), owner.isClosed], [[], [], true])
		assert.equal(host.containers.followers, 0)
		await close(host)
	})

	it('is followed when it stops, starts again and is replaced', async () => {
		const host = await withOwner()
		await ownerAt(host, 7)
		await attach(host, endpointRequest())
		const sandbox = sandboxOf(host)
		sandbox.listen(['tcp', 80])
		await eventually(() => publishedOf(host).join() === 'tcp 80')
		host.containers.stop('web')
		await eventually(() => host.owners.of(NETWORK).state === 'stopped')
		await eventually(() => publishedOf(host).length === 0 && sandbox.shared === undefined)
		assert.equal(host.ownerKernels.get(7)?.isClosed, true)
		host.containers.start('web', 8)
		await ownerAt(host, 8)
		await eventually(() => publishedOf(host).join() === 'tcp 80')
		host.containers.remove('web')
		await eventually(() => host.owners.of(NETWORK).state === 'missing')
		host.containers.start('web', 9)
		await ownerAt(host, 9)
		await eventually(() => publishedOf(host).join() === 'tcp 80')
		const about = host.told.map((each) => each.replace(/^network \w+ of mode container: /, ''))
		assert.deepEqual(about, [
			'container web is not running',
			'container web is running',
			'there is no container "web" on this host',
			'container web is running',
		])
		await close(host)
	})

	it('may own several networks, of which each goes by itself', async () => {
		const host = await withOwner()
		const owner = await ownerAt(host, 7)
		const second = networkRequest(2, { options: OPTIONS })
		await host.verbs.createNetwork(second)
		await eventually(() => host.host.owners.get(second.id) === owner)
		await host.verbs.deleteNetwork(NETWORK)
		assert.equal(owner.isClosed, false)
		assert.ok(owner.objects().some((each) => each.startsWith('address')))
		await host.verbs.deleteNetwork(second.id)
		assert.deepEqual([owner.objects(), owner.isClosed], [[], true])
		await close(host)
	})

	it('is rid of a network that goes while Docker says nothing', async () => {
		const host = await withOwner()
		const owner = await ownerAt(host, 7)
		await attach(host, endpointRequest())
		let speak = (): void => undefined
		host.containers.silence = new Promise((resolve) => {
			speak = resolve
		})
		host.containers.start('other', 8)
		await eventually(() => host.containers.waiting === 1)
		await host.verbs.deleteNetwork(NETWORK)
		assert.deepEqual([owner.objects(), host.kernel.objects(), owner.isClosed], [[], [], true])
		speak()
		await eventually(() => host.containers.waiting === 0)
		await close(host)
		assert.deepEqual([owner.objects(), host.host.owners.size], [[], 0])
	})

	it('is rid of a network that goes just after a start of weft’s, before Docker has told of the owner', async () => {
		const host = await withOwner()
		const owner = await ownerAt(host, 7)
		await attach(host, endpointRequest())
		const again = await startAgain(host)
		let speak = (): void => undefined
		again.containers.silence = new Promise((resolve) => {
			speak = resolve
		})
		again.containers.start('web', 7)
		begin(again)
		const gone = again.verbs.deleteNetwork(NETWORK)
		await eventually(() => again.containers.waiting === 1)
		speak()
		await gone
		assert.deepEqual([owner.objects(), owner.isClosed, again.containers.followers], [[], true, 0])
		await close(again)
	})

	it('gives back what it has if it goes by another name after weft was away, and another one goes by its own', async () => {
		const host = await withOwner()
		const owner = await ownerAt(host, 7)
		await attach(host, endpointRequest())
		sandboxOf(host).listen(['tcp', 80])
		await eventually(() => publishedOf(host).join() === 'tcp 80')
		const again = await startAgain(host)
		const { id } = again.containers.start('web', 7)
		again.containers.start('web', 8, { id: 'b'.repeat(64) })
		again.containers.start('old', 7, { id })
		begin(again)
		const next = await ownerAt(again, 8)
		await eventually(() => publishedOf(again).join() === 'tcp 80' && next.objects().includes('port tcp 0.0.0.0 80'))
		assert.deepEqual([owner.objects(), again.warnings], [[], []])
		again.containers.stop('old')
		await eventually(() => again.containers.waiting === 0)
		assert.equal(again.host.owners.get(NETWORK), next)
		await close(again)
	})

	for (const leave of ['stop', 'remove'] as const) {
		it(`has its ports on no record any more where it did ${leave} while weft was away`, async () => {
			const again = await startAgain(await withPort())
			again.containers.start('web', 7)
			again.containers[leave]('web')
			assert.deepEqual(publishedOf(again), ['tcp 80'])
			begin(again)
			await eventually(() => publishedOf(again).length === 0)
			assert.deepEqual(again.warnings, [])
			await close(again)
		})
	}

	it('has its ports on record while it is not known whether it runs still, by another name', async () => {
		const again = await startAgain(await withPort())
		const { id } = again.containers.start('web', 7)
		again.containers.remove('web')
		again.containers.start('old', 7, { id })
		again.containers.mute = id
		begin(again)
		await eventually(() => again.warnings.length > 0)
		assert.deepEqual([publishedOf(again), again.owners.of(NETWORK).state], [['tcp 80'], 'missing'])
		again.containers.mute = ''
		await eventually(() => publishedOf(again).length === 0)
		await eventually(() => again.ownerKernels.get(7)?.objects().length === 0)
		await close(again)
	})

	it('does not get a network while it is not known whether another one has it still', async () => {
		const host = await withOwner()
		const owner = await ownerAt(host, 7)
		await attach(host, endpointRequest())
		const again = await startAgain(host)
		const { id } = again.containers.start('web', 7)
		again.containers.start('web', 8, { id: 'b'.repeat(64) })
		again.containers.start('old', 7, { id })
		again.containers.mute = id
		begin(again)
		await eventually(() => again.warnings.length > 0)
		assert.equal(again.host.owners.get(NETWORK), undefined)
		assert.notDeepEqual(owner.objects(), [])
		again.containers.mute = ''
		await ownerAt(again, 8)
		assert.deepEqual(owner.objects(), [])
		await close(again)
	})

	it('has its networks whole at every moment of a start of weft’s', async () => {
		const host = await withOwner()
		const owner = await ownerAt(host, 7)
		await attach(host, endpointRequest())
		const [{ link = '' } = {}] = endpoints(host)
		await eventually(() => owner.hasLink(link))
		const before = owner.objects()
		const again = await startAgain(host)
		const removed: string[] = []
		owner.before = (verb, what) => {
			if (verb === 'remove') removed.push(what)
		}
		again.containers.start('web', 7)
		begin(again)
		await ownerAt(again, 7)
		assert.deepEqual([owner.objects(), removed], [before, []])
		await close(again)
	})

	it('is let go of when it stops while the disk is full', async () => {
		const host = await withOwner()
		const owner = await ownerAt(host, 7)
		await attach(host, endpointRequest())
		sandboxOf(host).listen(['tcp', 80])
		await eventually(() => publishedOf(host).join() === 'tcp 80')
		host.store.failure = new Error('no space left on device')
		host.containers.stop('web')
		await eventually(() => owner.isClosed)
		assert.deepEqual(owner.objects(), [])
		host.store.failure = undefined
		host.containers.start('web', 8)
		await ownerAt(host, 8)
		await close(host)
	})

	it('keeps no link on the host where it does not give back what an endpoint has', async () => {
		const host = await withOwner()
		const owner = await ownerAt(host, 7)
		await attach(host, endpointRequest())
		owner.before = () => {
			throw new Error('the kernel refuses')
		}
		await assert.rejects(host.verbs.leave(NETWORK, ENDPOINT), /the kernel refuses/)
		assert.deepEqual(host.kernel.objects(), [])
		owner.before = () => undefined
		await host.verbs.leave(NETWORK, ENDPOINT)
		await close(host)
	})

	it('has to be there, and to have a network of its own', async () => {
		const host = bench()
		const create = () => host.verbs.createNetwork(networkRequest(1, { options: OPTIONS }))
		await assert.rejects(
			create(),
			/^WeftError: container="web" cannot share its network: there is no container "web" on this host$/,
		)
		host.containers.start('web', 7, { networkMode: 'host' })
		await assert.rejects(create(), /container web has the network of this host/)
		host.containers.start('web', 7)
		await create()
		await create()
		await ownerAt(host, 7)
		host.containers.start('web', 7, { networks: [NETWORK] })
		await eventually(() => host.owners.of(NETWORK).state === 'unfit')
		await assert.rejects(host.verbs.createEndpoint(endpointRequest()), /is itself on network \w{12} of mode container/)
		host.containers.start('web', 7)
		await eventually(() => host.owners.of(NETWORK).state === 'running')
		await attach(host, endpointRequest())
		await close(host)
	})

	it('is not asked for where Docker does not answer, and followed when it does', async () => {
		const host = bench()
		host.containers.isAway = true
		await host.verbs.createNetwork(networkRequest(1, { options: OPTIONS }))
		await attach(host, endpointRequest())
		assert.equal(host.owners.of(NETWORK).state, 'unknown')
		host.containers.isAway = false
		host.containers.start('web', 7)
		const owner = await ownerAt(host, 7)
		const [{ link = '' } = {}] = endpoints(host)
		await eventually(() => owner.hasLink(link))
		await close(host)
	})

	it('has back what somebody takes away in its namespace, at once or at the next round, and diff says what that is', async () => {
		const host = await withOwner()
		const owner = await ownerAt(host, 7)
		await attach(host, endpointRequest())
		sandboxOf(host).listen(['tcp', 80])
		await eventually(() => publishedOf(host).join() === 'tcp 80')
		const [[{ bridge = '' } = {}], [{ link = '' } = {}]] = [bridgeNetworks(host), endpoints(host)]
		const [before, differences] = [owner.objects(), async () => (await diff(host.host)).map(({ what }) => what)]
		assert.deepEqual(await differences(), [])
		const tell = () => owner.strike('somebody did it')
		const look = () => host.owners.lookAround()
		const damage = [
			[() => owner.loseLink(link), `link ${link} was gone`, tell],
			[() => owner.loseAddress(bridge, '10.210.1.1/24'), `address ${bridge} 10.210.1.1/24 was gone`, look],
			[() => owner.loseTable(), 'table inet weft was gone', look],
		] as const
		for (const [take, what, notice] of damage) {
			take()
			assert.deepEqual(await differences(), [`with container web, ${what}`])
			const told = host.repaired.length
			notice()
			await eventually(() => host.repaired.length > told, { what })
			assert.match(
				host.repaired.at(-1) ?? '',
				new RegExp(`put right what is with container \\w{12}, of which ${what}$`),
			)
			assert.deepEqual([owner.objects(), await differences()], [before, []])
		}
		assert.match(host.repaired[0] ?? '', /^with container \w{12}, somebody did it: /)
		await close(host)
	})

	it('serves its other networks where one cannot be made, which is told of once, and that one when it can be', async () => {
		const host = await withOwner()
		await ownerAt(host, 7)
		const second = networkRequest(2, { options: OPTIONS })
		await host.verbs.createNetwork(second)
		host.containers.stop('web')
		await eventually(() => host.owners.of(NETWORK).state === 'stopped')
		const owner = new FakeContainerKernel(host.kernel)
		host.ownerKernels.set(8, owner)
		let attempts = 0
		const [{ bridge = '' } = {}] = bridgeNetworks(host)
		owner.before = (verb, what) => {
			if (verb !== 'ensure' || what !== `link ${bridge}`) return
			attempts++
			throw new Error('the kernel refuses')
		}
		host.containers.start('web', 8)
		await eventually(() => host.host.owners.get(second.id) === owner)
		const before = attempts
		await eventually(() => attempts > before + 1)
		const told = host.warnings.filter((each) => !each.startsWith('not restored'))
		assert.equal(told.length, 1, told.join('\n'))
		assert.match(told[0] ?? '', new RegExp(`network ${NETWORK.slice(0, 12)}.*the kernel refuses`))
		owner.before = () => undefined
		await ownerAt(host, 8)
		await close(host)
	})

	it('has back what it lost of one network where that of another cannot be put back', async () => {
		const host = await withOwner()
		const owner = await ownerAt(host, 7)
		const second = networkRequest(2, { options: OPTIONS })
		await host.verbs.createNetwork(second)
		await eventually(() => host.host.owners.get(second.id) === owner)
		const bridges = new Map(bridgeNetworks(host).map(({ id, bridge }) => [id, bridge]))
		const [first = '', other = ''] = [bridges.get(NETWORK), bridges.get(second.id)]
		owner.loseAddress(first, '10.210.1.1/24')
		owner.loseAddress(other, '10.210.2.1/24')
		owner.before = (_, what) => {
			if (what.includes(first)) throw new Error('the kernel refuses')
		}
		host.owners.lookAround()
		await eventually(() => owner.objects().includes(`address ${other} 10.210.2.1/24`))
		await eventually(() => host.repaired.some((each) => each.includes(`address ${other}`)))
		assert.match(host.warnings.join(), new RegExp(`network ${NETWORK.slice(0, 12)}: .*the kernel refuses`))
		await close(host)
	})

	it('is not asked for at a start of weft’s while dockerd is off, but as soon as Docker calls', async () => {
		const host = await withOwner()
		await ownerAt(host, 7)
		const again = await startAgain(host)
		again.containers.start('web', 7)
		again.containers.isRunning = false
		again.owners.begin()
		await new Promise(setImmediate)
		assert.deepEqual([again.containers.followers, again.owners.of(NETWORK).state], [0, 'unknown'])
		again.owners.called()
		await ownerAt(again, 7)
		await close(again)
		const next = await startAgain(again)
		next.containers.start('web', 7)
		next.owners.begin()
		await ownerAt(next, 7)
		await close(next)
	})

	it('is no difference when it ends while diff looks at it, and one when it cannot be looked at', async () => {
		const host = await withOwner()
		const owner = await ownerAt(host, 7)
		owner.differences = async () => {
			throw new Error('the netlink sockets are not open')
		}
		assert.deepEqual(await diff(host.host), [
			{ networkId: NETWORK, what: 'with container web, the netlink sockets are not open' },
		])
		owner.differences = async () => {
			host.host.owners.delete(NETWORK)
			throw new Error('the netlink sockets are not open')
		}
		assert.deepEqual(await diff(host.host), [])
		await close(host)
	})

	it('publishes what is asked for itself', async () => {
		const host = await withOwner()
		await attach(host, endpointRequest())
		await assert.rejects(
			host.verbs.publish(NETWORK, ENDPOINT, [portRequest(8080)]),
			/port 80\/tcp cannot be published .* at the addresses of container web, which can publish it/,
		)
		await host.verbs.publish(NETWORK, ENDPOINT, [])
		await host.verbs.unpublish(NETWORK, ENDPOINT)
		await close(host)
	})

	it('keeps a port that it has, of which is told', async () => {
		const host = await withOwner()
		const owner = await ownerAt(host, 7)
		owner.processes.set(80, { pid: 70, name: 'nginx' })
		await attach(host, endpointRequest())
		sandboxOf(host).listen(['tcp', 80], ['tcp', 81])
		await eventually(() => publishedOf(host).join() === 'tcp 81')
		const why = () => host.sharedPorts.of(ENDPOINT).refused.map((each) => each.why)
		await eventually(() => why().join() === 'port 0.0.0.0:80/tcp is already allocated by nginx (pid 70)')
		const short = ENDPOINT.slice(0, 12)
		assert.ok(host.told.includes(`endpoint ${short} listens on a port that is not on container web: ${why()}`))
		await close(host)
	})
})
