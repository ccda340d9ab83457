/** A macvlan in a container is found there, by whoever asks, and nothing else is taken for it. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { isElsewhere } from '../../src/kernel/elsewhere.ts'
import type { LanLink } from '../../src/kernel/resource.ts'
import { eventually } from '../support/eventually.ts'
import { type Netns, noNetns, openNetns, TEST_MAC } from '../support/netns.ts'

const LINK: LanLink = {
	kind: 'lan',
	name: 'wmv0',
	parent: 'eth0',
	sort: { kind: 'macvlan', mode: 'bridge', mac: TEST_MAC },
}
const ADDRESSES = ['10.0.0.2/24', 'fd00::2/64']

interface Beds {
	readonly host: Netns
	readonly container: Netns
	/** Whether it is found, by MAC or one of the addresses. */
	isFound(link?: LanLink, addresses?: readonly string[]): Promise<boolean>
}

/** A host with two parents, and a macvlan on the first that is in a container, as eth1. */
async function moved(t: TestContext, scope: Parameters<typeof openNetns>[0] = t): Promise<Beds> {
	const [host, container] = [await openNetns(t), await openNetns(scope)]
	for (const parent of ['eth0', 'other0']) {
		await host.run('ip', 'link', 'add', parent, 'type', 'veth', 'peer', 'name', `${parent}p`)
	}
	const macvlan = ['type', 'macvlan', 'mode', 'bridge']
	await host.run('ip', 'link', 'add', LINK.name, 'link', LINK.parent, 'address', TEST_MAC, ...macvlan)
	const pid = /\d+/.exec(container.path)?.[0] ?? ''
	await host.run('ip', 'link', 'set', LINK.name, 'netns', pid, 'name', 'eth1')
	await container.run('ip', 'link', 'set', 'eth1', 'up')
	const isFound = (link = LINK, addresses: readonly string[] = ADDRESSES) =>
		isElsewhere(host.rtnetlink, link, addresses)
	return { host, container, isFound }
}

function withMac(mac: string, parent = LINK.parent): LanLink {
	return { ...LINK, parent, sort: { kind: 'macvlan', mode: 'bridge', mac } }
}

const OTHER_MAC = TEST_MAC.replace(/1$/, '9')

test('a macvlan in a container is found by its MAC', { skip: noNetns() }, async (t) => {
	const { container, isFound } = await moved(t)
	assert.equal(await isFound(), true)
	await container.run('ip', 'link', 'del', 'eth1')
	assert.equal(await isFound(), false)
})

for (const address of ADDRESSES) {
	test(`a macvlan that was given another MAC is found by ${address}`, { skip: noNetns() }, async (t) => {
		const { container, isFound } = await moved(t)
		assert.equal(await isFound(withMac(OTHER_MAC)), false)
		await container.run('ip', 'addr', 'add', address, 'dev', 'eth1')
		assert.equal(await isFound(withMac(OTHER_MAC)), true)
		assert.equal(await isFound(withMac(OTHER_MAC), ['10.0.0.3/24']), false)
	})
}

test('a link on another parent, of another kind, or that was made over there is not taken for it', {
	skip: noNetns(),
}, async (t) => {
	const { host, container, isFound } = await moved(t)
	assert.equal(await isFound(withMac(TEST_MAC, 'other0')), false)
	assert.equal(await isFound(withMac(TEST_MAC, 'nowhere')), false)
	assert.equal(await isFound({ ...LINK, sort: { kind: 'ipvlan', mode: 'l2', flag: 'bridge' } }), false)
	await container.run('ip', 'link', 'del', 'eth1')
	// Their parent has the number there that eth0 has on the host.
	const index = String(host.rtnetlink.indexOf('eth0'))
	await container.run('ip', 'link', 'add', 'up1', 'index', index, 'type', 'bridge')
	await container.run('ip', 'link', 'add', 'own0', 'link', 'up1', 'address', TEST_MAC, 'type', 'macvlan')
	assert.equal(await isFound(), false)
})

test('a macvlan whose container has ended is found no more', { skip: noNetns() }, async (t) => {
	const ends: (() => Promise<void>)[] = []
	const { isFound } = await moved(t, { after: (end) => ends.push(end) })
	assert.equal(await isFound(), true)
	for (const end of ends) await end()
	await eventually(async () => !(await isFound()))
})
