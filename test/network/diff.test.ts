/** What is on record held against the kernel. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Difference, diff } from '../../src/network/diff.ts'
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
	portRequest,
} from './host.ts'

const SYSCTL = 'net/ipv4/ip_forward'

/** A network with a container and a port, and one beside it. */
async function world(): Promise<Bench> {
	const host = bench()
	for (const number of [1, 9]) {
		await host.verbs.createNetwork(networkRequest(number))
		await attach(host, endpointRequest(2, number))
	}
	await host.verbs.publish(NETWORK, ENDPOINT, [portRequest(8080)])
	return host
}

function link(host: Bench): string {
	return endpoints(host)[0]?.link ?? ''
}

function bridge(host: Bench): string {
	return bridgeNetworks(host)[0]?.bridge ?? ''
}

async function differences(host: Bench): Promise<readonly Difference[]> {
	const before = host.kernel.objects()
	const found = await diff(host.host)
	assert.deepEqual(host.kernel.objects(), before)
	return found
}

describe('diff', () => {
	it('is empty where all is as it should be', async () => {
		assert.deepEqual(await differences(bench()), [])
		assert.deepEqual(await differences(await world()), [])
	})

	it('names an address, a setting and a port that are not as they should be', async () => {
		const host = await world()
		host.kernel.loseAddress(bridge(host), '10.210.1.1/24')
		host.kernel.settings.set(SYSCTL, '0')
		host.kernel.endProcess()
		const found = await differences(host)
		const says = (what: string): Difference | undefined => found.find((each) => each.what === what)
		assert.deepEqual(says(`address ${bridge(host)} 10.210.1.1/24 was gone`)?.networkId, NETWORK)
		assert.ok(found.some(({ what }) => what === `sysctl ${SYSCTL} was 0 instead of 1`))
		assert.deepEqual(says('port tcp 0.0.0.0 8080 was gone')?.endpointId, ENDPOINT)
	})

	it('names a bridge that is gone, and the links that hung on it', async () => {
		const host = await world()
		host.kernel.loseLink(bridge(host))
		const found = (await differences(host)).map(({ what }) => what)
		assert.ok(found.includes(`link ${bridge(host)} was gone`))
		assert.ok(found.includes(`link ${link(host)} was not on ${bridge(host)}`))
	})

	it('says of a container without its link just that', async () => {
		const host = await world()
		host.kernel.loseLink(link(host))
		const what = `link ${link(host)} was gone`
		assert.deepEqual(await differences(host), [{ networkId: NETWORK, endpointId: ENDPOINT, what }])
	})

	it('tells that the table is gone', async () => {
		const host = await world()
		host.kernel.loseTable()
		assert.deepEqual(await differences(host), [{ what: 'table inet weft was gone' }])
	})

	it('tells that the tables cannot be looked at, beside all else', async () => {
		const host = await world()
		host.kernel.loseLink(link(host))
		host.kernel.compareTables = async () => {
			throw new Error('table inet weft: Device or resource busy')
		}
		const found = (await differences(host)).map(({ what }) => what)
		assert.deepEqual(found, [`link ${link(host)} was gone`, 'table inet weft: Device or resource busy'])
	})

	it('tells that iptables would stop packets, or lets them pass for nobody', async () => {
		const host = await world()
		host.kernel.passage.iptables = []
		assert.deepEqual(await differences(host), [{ what: "the rule for weft's packets in iptables-nft was gone" }])
		const empty = bench()
		empty.kernel.passage.iptables = ['weft0']
		const what = "the rule for weft's packets in iptables-nft was in FORWARD, out of its place"
		assert.deepEqual(await differences(empty), [{ what }])
	})

	it('names links of weft’s that no record has, and no others', async () => {
		const host = await world()
		for (const name of ['weft0123456789a', 'wv0123456789a', 'weft-mine', 'wvs0123456789', 'eth7']) {
			host.kernel.addForeignLink(name)
		}
		const found = (await differences(host)).map(({ what }) => what)
		assert.deepEqual(found.sort(), ['link weft0123456789a is of no network', 'link wv0123456789a is of no network'])
	})

	it('does not take a call that is under way for a difference', async () => {
		const host = await world()
		for (let i = 0; i < 20; i++) {
			const work = (async () => {
				await host.verbs.createNetwork(networkRequest(5))
				await attach(host, endpointRequest(2, 5))
				await host.verbs.publish(idOf('network 5'), idOf('endpoint 5 2'), [portRequest(9000)])
				await host.verbs.deleteNetwork(idOf('network 5'))
			})()
			for (let turn = 0; turn < i; turn++) await new Promise(setImmediate)
			assert.deepEqual(await diff(host.host), [])
			await work
		}
	})
})
