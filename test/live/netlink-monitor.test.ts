/** Links that come, change and go are told of, each once and without a timer. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { linkMonitor } from '../../src/kernel/netlink/link-monitor.ts'
import { withNetns } from '../../src/kernel/netns.ts'
import { eventually } from '../support/eventually.ts'
import { bridge, noNetns, openNetns } from '../support/netns.ts'

test('a link that comes and goes is told of by name and kind', { skip: noNetns() }, async (t) => {
	const netns = await openNetns(t)
	const heard: string[] = []
	const monitor = linkMonitor({
		changed: ({ name, kind }) => heard.push(`changed ${name} ${kind}`),
		gone: ({ name }) => heard.push(`gone ${name}`),
		lost: () => heard.push('lost'),
	})
	withNetns(netns.path, () => monitor.open())
	t.after(() => monitor.close())

	await netns.run('ip', 'link', 'add', 'br-0123456789ab', 'type', 'bridge')
	await netns.run('ip', 'link', 'add', 'port0', 'type', 'veth', 'peer', 'name', 'peer0')
	await netns.run('ip', 'link', 'set', 'port0', 'master', 'br-0123456789ab')
	// A port that leaves is not a link that goes, although the kernel sends the same type of message.
	await netns.run('ip', 'link', 'set', 'port0', 'nomaster')
	await netns.run('ip', 'link', 'del', 'br-0123456789ab')
	await eventually(() => heard.includes('gone br-0123456789ab'))

	assert.ok(heard.includes('changed br-0123456789ab bridge'), heard.join())
	assert.ok(heard.includes('changed port0 veth'), heard.join())
	assert.ok(!heard.includes('gone port0'), heard.join())
})

test('after more events than the socket holds it says so, and goes on', { skip: noNetns() }, async (t) => {
	const netns = await openNetns(t)
	let lost = 0
	const names = new Set<string>()
	const monitor = linkMonitor({
		changed: ({ name }) => names.add(name),
		gone: () => undefined,
		lost: () => {
			lost++
		},
	})
	withNetns(netns.path, () => monitor.open())
	t.after(() => monitor.close())

	// Synchronous, so that nothing is read meanwhile.
	const changes = Array.from({ length: 3000 }, (_, i) => `link set lo mtu ${60000 + i}`).join('\n')
	execFileSync('nsenter', [`--net=${netns.path}`, 'ip', '-batch', '-'], { input: changes })
	await eventually(() => lost > 0)
	await netns.run('ip', 'link', 'add', 'late', 'type', 'bridge')
	await eventually(() => names.has('late'))
})

test('a link that loses an address is told of by its index, unless the address counts on the link only', {
	skip: noNetns(),
}, async (t) => {
	const netns = await openNetns(t)
	const bared: number[] = []
	const monitor = linkMonitor({
		changed: () => undefined,
		gone: () => undefined,
		bared: (index) => bared.push(index),
		lost: () => undefined,
	})
	const index = await bridge(netns)
	withNetns(netns.path, () => monitor.open())
	t.after(() => monitor.close())

	for (const address of ['fe80::1/64', '10.0.0.1/24', 'fd00::1/64']) {
		await netns.run('ip', 'addr', 'add', address, 'dev', 'weft0', ...(address.includes(':') ? ['nodad'] : []))
		await netns.run('ip', 'addr', 'del', address, 'dev', 'weft0')
	}
	await eventually(() => bared.length === 2)
	assert.deepEqual(bared, [index, index])
})
