/** Links that go: their end is told of, and one that was moved into a container is taken away there, and nothing but it. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Departures } from '../../src/kernel/departures.ts'
import { effects } from '../../src/kernel/effects.ts'
import { linkMonitor } from '../../src/kernel/netlink/link-monitor.ts'
import { withNetns } from '../../src/kernel/netns.ts'
import { HostPorts } from '../../src/kernel/ports.ts'
import { ON_HOST } from '../../src/kernel/premises.ts'
import type { LanLink } from '../../src/kernel/resource.ts'
import { Wireguard } from '../../src/kernel/wireguard.ts'
import { eventually } from '../support/eventually.ts'
import { type Netns, noNetns, openNetns, TEST_MAC } from '../support/netns.ts'

const LINK: LanLink = {
	kind: 'lan',
	name: 'wmv0',
	parent: 'eth0',
	sort: { kind: 'macvlan', mode: 'bridge', mac: TEST_MAC },
}

interface Beds {
	readonly host: Netns
	readonly container: Netns
	readonly lan: ReturnType<typeof effects>['lan']
}

/** A host with a parent, and the macvlan on it already in a container, as eth1. */
async function moved(t: TestContext, scope: Parameters<typeof openNetns>[0] = t): Promise<Beds> {
	const [host, container] = [await openNetns(t), await openNetns(scope)]
	const links = new Departures()
	const goings: string[] = []
	const told = {
		changed: () => undefined,
		gone: ({ name }: { name: string }) => goings.push(name),
		lost: () => undefined,
	}
	const monitor = linkMonitor(links, told)
	withNetns(host.path, () => monitor.open())
	t.after(() => monitor.close())
	await host.run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'up0')
	const { lan } = effects(host.rtnetlink, new HostPorts(), links, new Wireguard(() => undefined), ON_HOST)
	await lan.ensure(LINK)
	const pid = /\d+/.exec(container.path)?.[0] ?? ''
	await host.run('ip', 'link', 'set', LINK.name, 'netns', pid, 'name', 'eth1')
	await eventually(() => goings.includes(LINK.name))
	return { host, container, lan }
}

const names = async (netns: Netns): Promise<(string | undefined)[]> =>
	(await netns.ip<{ ifname?: string }>('link')).map(({ ifname }) => ifname)

test('a link goes from where it was moved to', { skip: noNetns() }, async (t) => {
	const { host, container, lan } = await moved(t)
	assert.deepEqual(await names(container), ['lo', 'eth1'])
	await lan.remove(LINK)
	assert.deepEqual(await names(container), ['lo'])
	assert.deepEqual(await names(host), ['lo', 'up0', 'eth0'])
	await lan.remove(LINK)
})

test('a link that came back to the host goes from there', { skip: noNetns() }, async (t) => {
	const { host, container, lan } = await moved(t)
	const home = /\d+/.exec(host.path)?.[0] ?? ''
	await container.run('ip', 'link', 'set', 'eth1', 'netns', home, 'name', LINK.name)
	await lan.remove(LINK)
	assert.deepEqual(await names(host), ['lo', 'up0', 'eth0'])
})

for (const [what, other] of [
	['of another MAC', ['macvlan', TEST_MAC.replace(/1$/, '9')]],
	['of another kind', ['bridge', TEST_MAC]],
] as const) {
	test(`a link ${what} that has its index there stays`, { skip: noNetns() }, async (t) => {
		const { host, container, lan } = await moved(t)
		const [kind, mac] = other
		const [, { ifindex } = { ifindex: 0 }] = await container.ip<{ ifindex: number }>('link')
		await container.run('ip', 'link', 'del', 'eth1')
		const on = kind === 'bridge' ? [] : ['link', 'up1']
		if (kind === 'macvlan') await container.run('ip', 'link', 'add', 'up1', 'type', 'veth', 'peer', 'name', 'up2')
		await container.run(
			'ip',
			'link',
			'add',
			...on,
			'name',
			'other',
			'address',
			mac,
			'index',
			`${ifindex}`,
			'type',
			kind,
		)
		await lan.remove(LINK)
		assert.ok((await names(container)).includes('other'))
		assert.deepEqual(await names(host), ['lo', 'up0', 'eth0'])
	})
}

test('a link whose container has ended is gone with it', { skip: noNetns() }, async (t) => {
	const ends: (() => Promise<void>)[] = []
	const { lan } = await moved(t, { after: (end) => ends.push(end) })
	assert.equal(ends.length, 1)
	await ends[0]?.()
	await lan.remove(LINK)
})
