/** Links made, changed and deleted on the kernel, in a private network namespace, seen through `ip` and `bridge`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIp } from '../../src/model/address.ts'
import { bridge, TEST_MAC as mac, type Netns, noNetns, openNetns, withErrno } from '../support/netns.ts'

const live = { skip: noNetns('bridge') }

interface IpLink {
	readonly ifindex: number
	readonly ifname: string
	readonly link?: string
	readonly master?: string
	readonly mtu: number
	readonly address: string
	readonly flags: readonly string[]
	readonly linkinfo?: { readonly info_kind: string; readonly info_data?: Record<string, unknown> }
}

async function ipLink(netns: Netns, name: string): Promise<IpLink> {
	const [link] = await netns.ip<IpLink>('link', 'show', name)
	assert.ok(link)
	return link
}

test('a bridge is up with its MAC, and keeps its MTU when its last port leaves', live, async (t) => {
	const netns = await openNetns(t)
	const index = await bridge(netns, 1450)
	const seen = await ipLink(netns, 'weft0')
	assert.equal(seen.linkinfo?.info_kind, 'bridge')
	assert.equal(seen.linkinfo.info_data?.mcast_snooping, 1)
	assert.equal(seen.linkinfo.info_data?.no_linklocal_learn, 1)
	assert.deepEqual([seen.ifindex, seen.address, seen.mtu, seen.flags.includes('UP')], [index, mac, 1450, true])

	await netns.rtnetlink.addVeth({ name: 'v0', peer: 'p0', peerMac: '02:42:0a:00:00:02', master: index, mtu: 1400 })
	await netns.rtnetlink.deleteLink('v0')
	assert.equal((await ipLink(netns, 'weft0')).mtu, 1450)
	await assert.rejects(netns.rtnetlink.addBridge({ name: 'weft0', mtu: 1450, mac }), withErrno('EEXIST', 'File exists'))
})

test('a bridge with an impossible MTU leaves nothing behind', live, async (t) => {
	const netns = await openNetns(t)
	await assert.rejects(
		netns.rtnetlink.addBridge({ name: 'weft0', mtu: 100_000, mac }),
		withErrno('EINVAL', 'mtu greater than device maximum'),
	)
	assert.equal(netns.rtnetlink.indexOf('weft0'), undefined)
	await bridge(netns, 9000)
	assert.equal((await ipLink(netns, 'weft0')).mtu, 9000)
})

test('a veth pair has its MTU on both ends, its peer MAC, and its host end up on the bridge', live, async (t) => {
	const netns = await openNetns(t)
	const master = await bridge(netns)
	await netns.rtnetlink.addVeth({ name: 'v0', peer: 'p0', peerMac: '02:42:0a:00:00:02', master, mtu: 1400 })
	const host = await ipLink(netns, 'v0')
	assert.equal(host.linkinfo?.info_kind, 'veth')
	assert.deepEqual([host.master, host.link, host.mtu, host.flags.includes('UP')], ['weft0', 'p0', 1400, true])
	const peer = await ipLink(netns, 'p0')
	assert.deepEqual([peer.address, peer.mtu, peer.flags.includes('UP')], ['02:42:0a:00:00:02', 1400, false])
	assert.equal(peer.master, undefined)

	await assert.rejects(
		netns.rtnetlink.addVeth({ name: 'v1', peer: 'p0', peerMac: mac, master, mtu: 1400 }),
		withErrno('EEXIST'),
	)
	assert.equal(netns.rtnetlink.indexOf('v1'), undefined)
})

test('links are listed and found as ip shows them', live, async (t) => {
	const netns = await openNetns(t)
	const master = await bridge(netns)
	await netns.rtnetlink.addVeth({ name: 'v0', peer: 'p0', peerMac: mac, master, mtu: 1400 })
	const found = await netns.rtnetlink.links()
	const names = new Map(found.map((link) => [link.index, link.name]))
	const seen = await netns.ip<IpLink>('link', 'show')
	const nameOf = (index: number | undefined) => (index === undefined ? undefined : names.get(index))
	assert.deepEqual(
		found.map((link) => [link.name, link.index, link.kind, link.mtu, link.mac, link.up]),
		seen.map((link) => [
			link.ifname,
			link.ifindex,
			link.linkinfo?.info_kind,
			link.mtu,
			link.address,
			link.flags.includes('UP'),
		]),
	)
	assert.deepEqual(
		found.map((link) => [nameOf(link.masterIndex), nameOf(link.linkIndex)]),
		seen.map((link) => [link.master, link.link]),
	)
	assert.deepEqual(
		await netns.rtnetlink.link('v0'),
		found.find((link) => link.name === 'v0'),
	)
	const v0 = netns.rtnetlink.indexOf('v0') ?? 0
	assert.deepEqual(await netns.rtnetlink.link(v0), await netns.rtnetlink.link('v0'))
	assert.deepEqual([await netns.rtnetlink.link('nope'), await netns.rtnetlink.link(9999)], [undefined, undefined])
})

test('an index is found by a whole name only', live, async (t) => {
	const netns = await openNetns(t)
	await netns.rtnetlink.addBridge({ name: 'fifteen-letters', mtu: 1500, mac })
	const { ifindex } = await ipLink(netns, 'fifteen-letters')
	assert.equal(netns.rtnetlink.indexOf('fifteen-letters'), ifindex)
	assert.equal(netns.rtnetlink.indexOf('fifteen-letters-and-more'), undefined)
	assert.equal(netns.rtnetlink.indexOf('fifteen'), undefined)
	assert.equal(netns.rtnetlink.indexOf(''), undefined)
	assert.equal(netns.rtnetlink.indexOf('lo'), 1)
})

test('a link is changed in what is named and in nothing else', live, async (t) => {
	const netns = await openNetns(t)
	const { rtnetlink } = netns
	const master = await bridge(netns)
	await rtnetlink.addVeth({ name: 'v0', peer: 'p0', peerMac: mac, master, mtu: 1400 })
	const index = rtnetlink.indexOf('p0') ?? 0
	await rtnetlink.setLink({ index, up: true, mtu: 1300, mac: '02:42:0a:00:00:09' })
	const changed = await ipLink(netns, 'p0')
	assert.deepEqual([changed.mtu, changed.address, changed.flags.includes('UP')], [1300, '02:42:0a:00:00:09', true])
	await rtnetlink.setLink({ index, master })
	assert.equal((await ipLink(netns, 'p0')).master, 'weft0')
	await rtnetlink.setLink({ index, master: 0, up: false })
	const released = await ipLink(netns, 'p0')
	assert.deepEqual([released.master, released.mtu, released.flags.includes('UP')], [undefined, 1300, false])
	await assert.rejects(rtnetlink.setLink({ index: 999_999, up: true }), withErrno('ENODEV', 'No such device'))
})

test('a bridge port is made a hairpin and isolated, and neither', live, async (t) => {
	const netns = await openNetns(t)
	const { rtnetlink } = netns
	const master = await bridge(netns)
	await rtnetlink.addVeth({ name: 'v0', peer: 'p0', peerMac: mac, master, mtu: 1400 })
	const port = async () => {
		const [seen] = JSON.parse(await netns.run('bridge', '-j', '-d', 'link', 'show', 'dev', 'v0'))
		return [seen.hairpin, seen.isolated]
	}
	const index = rtnetlink.indexOf('v0') ?? 0
	assert.deepEqual(await port(), [false, false])
	await rtnetlink.setBridgePort({ index, hairpin: true, isolated: true })
	assert.deepEqual(await port(), [true, true])
	await rtnetlink.setBridgePort({ index, hairpin: false })
	assert.deepEqual(await port(), [false, true])
	await assert.rejects(rtnetlink.setBridgePort({ index: rtnetlink.indexOf('p0') ?? 0, hairpin: true }))
})

test('deleting a veth end takes the other, and what is unknown is ENODEV', live, async (t) => {
	const netns = await openNetns(t)
	const { rtnetlink } = netns
	await rtnetlink.addVeth({ name: 'v0', peer: 'p0', peerMac: mac, master: await bridge(netns), mtu: 1400 })
	await rtnetlink.deleteLink('v0')
	assert.deepEqual(
		(await netns.ip<IpLink>('link', 'show')).map((link) => link.ifname),
		['lo', 'weft0'],
	)
	await assert.rejects(rtnetlink.deleteLink('v0'), withErrno('ENODEV', 'No such device'))
})

test('a VXLAN device forwards to where it is told', live, async (t) => {
	const netns = await openNetns(t)
	const { rtnetlink } = netns
	const vxlan = { name: 'vx4', id: 42, port: 4790, mtu: 1450, mac, learning: false } as const
	await rtnetlink.addVxlan({ ...vxlan, local: parseIp('127.0.0.1') })
	await rtnetlink.addVxlan({ ...vxlan, name: 'vx6', id: 43, local: parseIp('::1') })
	const four = await ipLink(netns, 'vx4')
	assert.deepEqual([four.mtu, four.address, four.flags.includes('UP')], [1450, mac, true])
	const data = four.linkinfo?.info_data ?? {}
	assert.deepEqual([data.id, data.port, data.local, data.learning], [42, 4790, '127.0.0.1', false])
	assert.equal((await ipLink(netns, 'vx6')).linkinfo?.info_data?.local6, '::1')
	await assert.rejects(
		rtnetlink.addVxlan({ ...vxlan, name: 'vx5', local: parseIp('127.0.0.1') }),
		withErrno('EEXIST', '(A VXLAN device with the specified VNI already exists)'),
	)

	const index = rtnetlink.indexOf('vx4') ?? 0
	await rtnetlink.setForwarding({ index, mac: '02:42:0a:00:00:07', remote: parseIp('192.0.2.6') })
	await rtnetlink.setForwarding({ index, mac: '02:42:0a:00:00:07', remote: parseIp('192.0.2.7') })
	const [entry] = JSON.parse(await netns.run('bridge', '-j', 'fdb', 'show', 'dev', 'vx4'))
	assert.deepEqual([entry.mac, entry.dst, entry.state], ['02:42:0a:00:00:07', '192.0.2.7', 'permanent'])
	assert.deepEqual(await rtnetlink.forwardings(index), [
		{ index, mac: '02:42:0a:00:00:07', remote: parseIp('192.0.2.7') },
	])
	assert.deepEqual(await rtnetlink.forwardings(rtnetlink.indexOf('vx6') ?? 0), [])
	await rtnetlink.deleteForwarding({ index, mac: '02:42:0a:00:00:07' })
	assert.deepEqual(await rtnetlink.forwardings(index), [])
	await assert.rejects(rtnetlink.deleteForwarding({ index, mac: '02:42:0a:00:00:07' }), withErrno('ENOENT'))
})
