/** What is observed of a host before a bridge is taken over and before an address is given to it. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { hostFacts } from '../../src/kernel/host.ts'
import { Rtnetlink } from '../../src/kernel/netlink/rtnetlink.ts'
import { Wireguard } from '../../src/kernel/wireguard.ts'
import { parseIp } from '../../src/model/address.ts'
import { attempt } from '../support/command.ts'
import { enterOwnNamespace, noBed, type Place, setSysctl } from './networks-bed.ts'

describe('a host', { skip: noBed() }, () => {
	const rtnetlink = new Rtnetlink()
	const wireguard = new Wireguard(() => undefined)
	const facts = hostFacts(rtnetlink, wireguard, true)
	let host: Place

	before(async () => {
		host = await enterOwnNamespace()
		await host.ip(
			'link add brook type bridge',
			'link set brook mtu 1400',
			'addr add 10.1.0.1/24 dev brook',
			'addr add fd00:1::1/64 dev brook nodad',
			'link add veth0 type veth peer name veth1',
			'link property add dev veth0 altname wire0',
		)
		setSysctl('net/ipv4/conf/veth0/route_localnet', '1')
		rtnetlink.open()
		wireguard.open()
	})
	after(() => Promise.all([rtnetlink.close(), wireguard.close()]))

	it('has WireGuard where the kernel has links of that kind', async () => {
		const { code } = await attempt(['ip', 'link', 'add', 'wg0', 'type', 'wireguard'])
		assert.equal(await facts.hasWireguard(), code === 0)
		if (code === 0) await host.ip('link del wg0')
	})

	it('has no route in a network namespace that is new', async () => {
		assert.deepEqual(await rtnetlink.routes(4), [])
		assert.deepEqual(await rtnetlink.routes(6), [])
	})

	it('tells of a link what it is and what it has', async () => {
		assert.deepEqual(await facts.link('brook'), {
			name: 'brook',
			kind: 'bridge',
			mtu: 1400,
			up: false,
			state: { addresses: ['10.1.0.1/24', 'fd00:1::1/64'], routesLocalnet: false },
		})
		assert.deepEqual(await facts.link('veth0'), {
			name: 'veth0',
			kind: 'veth',
			mtu: 1500,
			up: false,
			state: { addresses: [], routesLocalnet: true },
		})
		assert.deepEqual(await facts.link('wire0'), await facts.link('veth0'), 'by its other name')
		assert.equal(await facts.link('nobody'), undefined)
	})

	it('tells which links have a default route, the one that is used first in front', async () => {
		assert.deepEqual(await facts.waysOut(), [])
		await host.ip(
			'link set brook up',
			'link set veth1 up',
			'addr add 10.2.0.1/24 dev veth1',
			'route add default via 10.2.0.2 dev veth1 metric 20',
			'route add default via 10.1.0.2 dev brook metric 10',
			'route add 10.3.0.0/24 via 10.2.0.2',
		)
		const links = await Promise.all(['brook', 'veth1'].map((name) => rtnetlink.link(name)))
		assert.deepEqual(
			await facts.waysOut(),
			links.map((link) => link?.index),
		)
	})

	it('tells which link has an address', async () => {
		assert.equal(await facts.linkWith(parseIp('10.1.0.1')), 'brook')
		assert.equal(await facts.linkWith(parseIp('fd00:1::1')), 'brook')
		for (const other of ['10.1.0.2', 'fd00:1::2', '192.0.2.1', '2001:db8::1']) {
			assert.equal(await facts.linkWith(parseIp(other)), undefined, other)
		}
	})

	it('knows Docker’s names for bridges', () => {
		for (const name of ['docker0', 'docker_gwbridge', 'br-0123456789ab']) assert.ok(facts.isDockers(name), name)
		for (const name of ['br0', 'br-mine', 'br-0123456789abc', 'docker1']) assert.ok(!facts.isDockers(name), name)
	})
})
