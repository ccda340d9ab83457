/** Addresses, routes and neighbours on the kernel, in a private network namespace, seen through `ip`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatCidr, formatIp, parseCidr, parseIp } from '../../src/model/address.ts'
import { eventually } from '../support/eventually.ts'
import { bridge, TEST_MAC as mac, noNetns, openNetns, withErrno } from '../support/netns.ts'

const live = { skip: noNetns() }

interface IpAddress {
	readonly addr_info: readonly Record<string, unknown>[]
}

test('addresses have a broadcast address, come without detection where wanted, and go', live, async (t) => {
	const netns = await openNetns(t)
	const { rtnetlink } = netns
	const index = await bridge(netns)
	const added = ['10.1.0.1/24', '10.2.0.1/32', 'fd00:1::1/64'].map(parseCidr)
	for (const cidr of added) await rtnetlink.addAddress(index, cidr, { nodad: true })
	const seen = async () => {
		const [link] = await netns.ip<IpAddress>('address', 'show', 'weft0')
		return (link?.addr_info ?? []).filter((one) => one.scope === 'global')
	}
	assert.deepEqual(
		(await seen()).map((one) => [`${one.local}/${one.prefixlen}`, one.broadcast, one.nodad]),
		[
			['10.1.0.1/24', '10.1.0.255', undefined],
			['10.2.0.1/32', undefined, undefined],
			['fd00:1::1/64', undefined, true],
		],
	)
	const listed = (await rtnetlink.addresses(index)).map((one) => formatCidr(one.cidr))
	for (const cidr of added) assert.ok(listed.includes(formatCidr(cidr)))
	assert.ok((await rtnetlink.addresses()).some((one) => one.index === 1 && formatCidr(one.cidr) === '127.0.0.1/8'))
	assert.ok(!listed.includes('127.0.0.1/8'))

	await assert.rejects(rtnetlink.addAddress(index, parseCidr('10.1.0.1/24')), withErrno('EEXIST', 'already assigned'))
	for (const cidr of added) await rtnetlink.deleteAddress(index, cidr)
	assert.deepEqual(await seen(), [])
	await assert.rejects(
		rtnetlink.deleteAddress(index, parseCidr('10.1.0.1/24')),
		withErrno('EADDRNOTAVAIL', 'not found'),
	)
	await assert.rejects(rtnetlink.addAddress(999_999, parseCidr('10.1.0.1/24')), withErrno('ENODEV'))
})

test('an address of the host is told from others by the route to it', live, async (t) => {
	const netns = await openNetns(t)
	const { rtnetlink } = netns
	const index = await bridge(netns)
	for (const cidr of ['10.1.0.1/24', 'fd00:1::1/64'].map(parseCidr)) {
		await rtnetlink.addAddress(index, cidr, { nodad: true })
	}
	const local = async (address: string) => (await rtnetlink.routeTo(parseIp(address)))?.local
	// The kernel makes the route to an IPv6 address a moment after the address.
	await eventually(async () => (await local('fd00:1::1')) === true)
	for (const own of ['10.1.0.1', '127.0.0.1', '::1']) assert.equal(await local(own), true, own)
	assert.equal((await rtnetlink.routeTo(parseIp('10.1.0.1')))?.linkIndex, index)
	assert.equal((await rtnetlink.routeTo(parseIp('fd00:1::1')))?.linkIndex, index)
	for (const neighbour of ['10.1.0.2', 'fd00:1::2']) assert.equal(await local(neighbour), false, neighbour)
	for (const nowhere of ['10.2.0.1', 'fd00:2::1']) assert.equal(await local(nowhere), undefined, nowhere)
	await netns.run('ip', 'route', 'add', 'unreachable', '10.3.0.0/24')
	await netns.run('ip', 'route', 'add', 'prohibit', '10.4.0.0/24')
	await netns.run('ip', '-6', 'route', 'add', 'blackhole', 'fd00:3::/64')
	for (const shut of ['10.3.0.1', '10.4.0.1', 'fd00:3::1']) assert.notEqual(await local(shut), true, shut)
})

interface IpRoute {
	readonly dst: string
	readonly gateway?: string
	readonly via?: { readonly host: string }
	readonly dev: string
	readonly protocol: string
	readonly scope: string
	readonly flags: readonly string[]
}

test('routes are added, replaced, listed and deleted', live, async (t) => {
	const netns = await openNetns(t)
	const { rtnetlink } = netns
	const linkIndex = await bridge(netns)
	await rtnetlink.addAddress(linkIndex, parseCidr('10.1.0.1/24'))
	await rtnetlink.addAddress(linkIndex, parseCidr('fd00:1::1/64'), { nodad: true })
	const four = parseCidr('10.9.0.0/16')
	const six = parseCidr('fd00:9::/64')
	await rtnetlink.addRoute({ destination: four, linkIndex })
	await rtnetlink.addRoute({ destination: six, linkIndex, via: parseIp('fd00:1::7') })
	await rtnetlink.addRoute({
		destination: parseCidr('10.8.0.0/16'),
		linkIndex,
		via: parseIp('172.16.0.1'),
		onlink: true,
	})
	await rtnetlink.addRoute({ destination: parseCidr('10.7.0.0/16'), linkIndex, via: parseIp('fd00:1::7') })

	const seen = async (family: '-4' | '-6') =>
		(await netns.ip<IpRoute>(family, 'route', 'show', 'proto', 'static')).map((route) => [
			route.dst,
			route.gateway ?? route.via?.host,
			route.dev,
			route.scope,
			route.flags.includes('onlink'),
		])
	assert.deepEqual(await seen('-4'), [
		['10.7.0.0/16', 'fd00:1::7', 'weft0', 'global', false],
		['10.8.0.0/16', '172.16.0.1', 'weft0', 'global', true],
		['10.9.0.0/16', undefined, 'weft0', 'link', false],
	])
	assert.deepEqual(await seen('-6'), [['fd00:9::/64', 'fd00:1::7', 'weft0', 'global', false]])

	await rtnetlink.addRoute({ destination: six, linkIndex })
	assert.deepEqual(await seen('-6'), [['fd00:9::/64', undefined, 'weft0', 'global', false]])
	await rtnetlink.addRoute({ destination: six, linkIndex, via: parseIp('fd00:1::7') })
	assert.deepEqual(await seen('-6'), [['fd00:9::/64', 'fd00:1::7', 'weft0', 'global', false]])
	await rtnetlink.addRoute({ destination: four, linkIndex, via: parseIp('10.1.0.7') })
	const listed = (await rtnetlink.routes(4)).filter((route) => formatCidr(route.destination) === '10.9.0.0/16')
	assert.deepEqual(listed, [
		{ destination: four, via: parseIp('10.1.0.7'), linkIndex, protocol: 4, scope: 0, local: false },
	])

	await rtnetlink.deleteRoute({ destination: four, linkIndex })
	await rtnetlink.deleteRoute({ destination: six, linkIndex, via: parseIp('fd00:1::7') })
	assert.deepEqual(
		(await seen('-4')).map(([destination]) => destination),
		['10.7.0.0/16', '10.8.0.0/16'],
	)
	assert.deepEqual(await seen('-6'), [])
	await assert.rejects(rtnetlink.deleteRoute({ destination: four, linkIndex }), withErrno('ESRCH'))
	await assert.rejects(rtnetlink.deleteRoute({ destination: parseCidr('10.1.0.0/24'), linkIndex }), withErrno('ESRCH'))
	await assert.rejects(
		rtnetlink.addRoute({ destination: four, linkIndex, via: parseIp('172.16.0.1') }),
		withErrno('ENETUNREACH', 'Nexthop has invalid gateway'),
	)
})

test('neighbours are permanent, replaced, listed by link and deleted', live, async (t) => {
	const netns = await openNetns(t)
	const { rtnetlink } = netns
	const index = await bridge(netns)
	await rtnetlink.setNeighbour({ index, ip: parseIp('10.1.0.5'), mac })
	await rtnetlink.setNeighbour({ index, ip: parseIp('fd00:1::5'), mac })
	await rtnetlink.setNeighbour({ index, ip: parseIp('10.1.0.5'), mac: '02:42:0a:00:00:05' })
	await rtnetlink.setNeighbour({ index: 1, ip: parseIp('10.1.0.6'), mac })
	const seen = await netns.ip<Record<string, unknown>>('neighbour', 'show', 'dev', 'weft0')
	assert.deepEqual(seen.map((one) => [one.dst, one.lladdr, one.state]).sort(), [
		['10.1.0.5', '02:42:0a:00:00:05', ['PERMANENT']],
		['fd00:1::5', mac, ['PERMANENT']],
	])
	assert.deepEqual(
		(await rtnetlink.neighbours(index)).map((one) => [formatIp(one.ip), one.mac, one.permanent]).sort(),
		[
			['10.1.0.5', '02:42:0a:00:00:05', true],
			['fd00:1::5', mac, true],
		],
	)
	assert.equal((await rtnetlink.neighbours()).length, 3)

	await rtnetlink.deleteNeighbour({ index, ip: parseIp('10.1.0.5') })
	await rtnetlink.deleteNeighbour({ index, ip: parseIp('fd00:1::5') })
	assert.deepEqual(await netns.ip('neighbour', 'show', 'dev', 'weft0'), [])
	await assert.rejects(rtnetlink.deleteNeighbour({ index, ip: parseIp('10.1.0.5') }), withErrno('ENOENT'))
})
