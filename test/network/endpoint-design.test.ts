/** Addresses that a container can have, whoever gives them: each that is refused stands beside one that is not. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCode, type WeftError } from '../../src/errors.ts'
import type { Subnet } from '../../src/model/network.ts'
import type { NetworkRequest } from '../../src/network/verbs.ts'
import { type Bench, bench, endpointRequest, endpoints, networkRequest } from './host.ts'

async function withNetwork(more: Partial<NetworkRequest> = {}, host = bench()): Promise<Bench> {
	await host.verbs.createNetwork(networkRequest(1, more))
	return host
}

function subnet(pool: string, gateway?: string): Subnet {
	return { pool, ...(gateway === undefined ? {} : { gateway }), reserved: {} }
}

interface Asked {
	readonly ipv4?: string
	readonly ipv6?: string
}

/** With these addresses alone; repeated, as Docker may. */
async function takes({ verbs }: Bench, last: number, addresses: Asked): Promise<void> {
	const { networkId, id } = endpointRequest(last)
	const first = await verbs.createEndpoint({ networkId, id, ...addresses })
	assert.deepEqual(await verbs.createEndpoint({ networkId, id, ...addresses }), first)
}

async function refuses(host: Bench, addresses: Asked, code: WeftError['code'], words: string): Promise<void> {
	const [before, { networkId, id }] = [endpoints(host), endpointRequest(99)]
	await assert.rejects(host.verbs.createEndpoint({ networkId, id, ...addresses }), (error: unknown) => {
		assert.ok(isCode(error, code), String(error))
		assert.equal(error.message, words)
		return true
	})
	assert.deepEqual(endpoints(host), before)
}

function ofHost(address: string): string {
	const advice = "choose another with --ip, or keep it out with the network's --ip-range or --aux-address"
	return `the address ${address} is the host's own on the link of this network; ${advice}`
}

describe('on a bridge', () => {
	it('an address is in a subnet of the network', async () => {
		const host = await withNetwork()
		await refuses(
			host,
			{ ipv4: '10.210.2.9/24' },
			'invalid',
			'the address 10.210.2.9 is in no subnet of the network: 10.210.1.0/24',
		)
		await refuses(
			host,
			{ ipv6: 'fd00:2::9/64' },
			'invalid',
			'the address fd00:2::9 is in no subnet of the network: fd00:1::/64',
		)
		await takes(host, 9, { ipv4: '10.210.1.9/24', ipv6: 'fd00:1::9/64' })
	})

	it('a family without a subnet has no addresses', async () => {
		const host = await withNetwork({ ipv6: [] })
		const words = 'the address fd00:1::9 is in no subnet of the network: it has none of IPv6'
		await refuses(host, { ipv4: '10.210.1.9/24', ipv6: 'fd00:1::9/64' }, 'invalid', words)
		await takes(host, 9, { ipv4: '10.210.1.9/24' })
	})

	it("the gateway's is the host's own, its neighbours are not", async () => {
		const host = await withNetwork()
		await refuses(host, { ipv4: '10.210.1.1/24' }, 'in-use', "the address 10.210.1.1 is the host's own on this network")
		await refuses(host, { ipv6: 'fd00:1::1/64' }, 'in-use', "the address fd00:1::1 is the host's own on this network")
		await takes(host, 2, { ipv4: '10.210.1.2/24', ipv6: 'fd00:1::2/64' })
	})

	it('a gateway that the bridge does not have may be a container', async () => {
		const inhibited = { options: { 'com.docker.network.bridge.inhibit_ipv4': 'true' } }
		await takes(await withNetwork(inhibited), 1, { ipv4: '10.210.1.1/24' })
	})

	it('what a bridge of somebody else’s has by then is not given to a container', async () => {
		const host = bench()
		const has = (...addresses: string[]) => {
			host.kernel.addForeignLink('lan0', { kind: 'bridge', state: { addresses, routesLocalnet: false } })
		}
		has('10.210.1.5/24')
		await withNetwork({ options: { 'com.docker.network.bridge.name': 'lan0' }, ipv6: [] }, host)
		await refuses(host, { ipv4: '10.210.1.5/24' }, 'in-use', ofHost('10.210.1.5'))
		await takes(host, 6, { ipv4: '10.210.1.6/24' })
		has('10.210.1.7/24')
		await refuses(host, { ipv4: '10.210.1.7/24' }, 'in-use', ofHost('10.210.1.7'))
		await takes(host, 5, { ipv4: '10.210.1.5/24' })
	})

	it('the first and the last address of a subnet stand for all of it, inside of it .0 and .255 do not', async () => {
		const ipv4 = [subnet('10.210.0.0/16', '10.210.7.255/16')]
		const host = await withNetwork({ ipv4 })
		for (const address of ['10.210.0.0', '10.210.255.255']) {
			await refuses(
				host,
				{ ipv4: `${address}/16` },
				'invalid',
				`the address ${address} stands for the whole subnet 10.210.0.0/16`,
			)
		}
		await refuses(
			host,
			{ ipv6: 'fd00:1::/64' },
			'invalid',
			'the address fd00:1:: stands for the whole subnet fd00:1::/64',
		)
		await takes(host, 2, { ipv4: '10.210.1.0/16', ipv6: 'fd00:1::ffff:ffff:ffff:ffff/64' })
		await takes(host, 3, { ipv4: '10.210.1.255/16' })
	})

	it('both addresses of a /31 and a /127 can be had, and the one of a /32, whatever their length says', async () => {
		const isolated = {
			internal: true,
			options: {
				'com.docker.network.bridge.gateway_mode_ipv4': 'isolated',
				'com.docker.network.bridge.gateway_mode_ipv6': 'isolated',
			},
		}
		const host = await withNetwork({ ...isolated, ipv4: [subnet('10.210.1.2/31')], ipv6: [subnet('fd00:1::/127')] })
		await takes(host, 2, { ipv4: '10.210.1.2/31', ipv6: 'fd00:1::/127' })
		await takes(host, 3, { ipv4: '10.210.1.3/32', ipv6: 'fd00:1::1/128' })
		await takes(await withNetwork({ ...isolated, ipv4: [subnet('10.210.1.2/32')], ipv6: [] }), 2, {
			ipv4: '10.210.1.2/32',
		})
	})
})

describe('in other modes', () => {
	it("a container of macvlan has an address of one of the subnets, be it the gateway's or the last", async () => {
		const ipv4 = [subnet('10.66.0.0/24'), subnet('10.66.1.0/24', '10.66.1.1/24')]
		const host = await withNetwork({ options: { mode: 'macvlan' }, ipv4, ipv6: [] })
		const words = 'the address 10.66.2.9 is in no subnet of the network: 10.66.0.0/24, 10.66.1.0/24'
		await refuses(host, { ipv4: '10.66.2.9/24' }, 'invalid', words)
		await takes(host, 1, { ipv4: '10.66.1.1/24' })
		await takes(host, 2, { ipv4: '10.66.0.255/24' })
	})

	it('what the host has on the parent by then is not given to a container, unless that has the parent to itself', async () => {
		for (const [options, isRefused] of [
			[{ mode: 'macvlan' }, true],
			[{ mode: 'macvlan', macvlan_mode: 'private' }, true],
			[{ mode: 'ipvlan', ipvlan_mode: 'l3' }, true],
			[{ mode: 'macvlan', macvlan_mode: 'passthru' }, false],
		] as const) {
			const host = bench()
			host.kernel.addForeignLink('eth0')
			await withNetwork({ options: { ...options, parent: 'eth0' }, ipv6: [] }, host)
			const state = { addresses: ['10.210.1.9/24'], routesLocalnet: false }
			host.kernel.addForeignLink('eth0', { state })
			host.kernel.addForeignLink('eth1', { state: { ...state, addresses: ['10.210.1.8/24'] } })
			if (isRefused) await refuses(host, { ipv4: '10.210.1.9/24' }, 'in-use', ofHost('10.210.1.9'))
			else await takes(host, 9, { ipv4: '10.210.1.9/24' })
			await takes(host, 8, { ipv4: '10.210.1.8/24' })
		}
	})

	it('an endpoint without an address is refused nothing', async () => {
		const all = { ipv4: [subnet('0.0.0.0/0')], ipv6: [] }
		await takes(await withNetwork({ options: { mode: 'none' }, ...all }), 1, {})
		await takes(await withNetwork(all), 2, {})
	})
})
