/** Networks that all hosts are to have: offered with the name that Docker has for them, and gone with the network. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Entry } from '../../src/cluster/cluster.ts'
import { type Claimant, enterNetwork, leaveNetwork } from '../../src/ipam/cluster-networks.ts'
import { offer, offersIn } from '../../src/ipam/offers.ts'
import type { ClusterNetwork } from '../../src/model/network.ts'
import { MemoryCluster, MemoryServer } from '../support/memory-cluster.ts'

const NETWORK: ClusterNetwork = {
	id: 'n1',
	subnets: [{ pool: '10.1.0.0/24', gateway: '10.1.0.1/24', reserved: {} }],
	options: { mode: 'overlay' },
	internal: false,
	blocks: { 4: 26, 6: 122 },
}
const AS = { name: 'wide', driver: 'weft', ipamDriver: 'weft', ranges: ['10.1.0.64/26'] }

function scene() {
	const server = new MemoryServer()
	const cluster = new MemoryCluster(server)
	const host = (node: string): Claimant => ({ node, membership: server.grant(1000) })
	const offers = () => offersIn(new Map(server.entries('weft/').map((entry): [string, Entry] => [entry.key, entry])))
	return { server, cluster, host, offers }
}

test('a network is offered as it is in the cluster and as Docker has it, and goes with its last host', async () => {
	const { cluster, host, offers } = scene()
	const [a, b] = [host('a'), host('b')]
	await enterNetwork(cluster, a, NETWORK)
	await Promise.all([offer(cluster, 'n1', AS), enterNetwork(cluster, b, NETWORK)])
	assert.deepEqual(offers(), [{ ...NETWORK, ...AS }])
	await leaveNetwork(cluster, a, 'n1')
	assert.equal(offers().length, 1)
	await leaveNetwork(cluster, b, 'n1')
	assert.deepEqual(offers(), [])
	assert.deepEqual((await cluster.range('weft/offer/')).entries, [])
})

test('a network that is gone is offered to nobody', async () => {
	const { cluster, offers } = scene()
	await offer(cluster, 'n1', AS)
	assert.deepEqual((await cluster.range('weft/offer/')).entries, [])
	assert.deepEqual(offers(), [])
})

test('an offer of a weftd that told of no ranges has none', async () => {
	const { server, cluster, host, offers } = scene()
	await enterNetwork(cluster, host('a'), NETWORK)
	server.transact([], [{ key: 'weft/offer/n1', value: JSON.stringify({ ...AS, ranges: undefined }) }])
	assert.deepEqual(offers(), [{ ...NETWORK, ...AS, ranges: [] }])
})

test('what weft does not write is offered to nobody', async () => {
	const { server, cluster, host, offers } = scene()
	await enterNetwork(cluster, host('a'), NETWORK)
	for (const value of [
		'',
		'null',
		'{}',
		'{"name":"x"}',
		JSON.stringify({ ...AS, name: 7 }),
		JSON.stringify({ ...AS, ranges: ['x'] }),
	]) {
		server.transact([], [{ key: 'weft/offer/n1', value }])
		assert.deepEqual(offers(), [], value)
	}
	server.transact([], [{ key: 'weft/offer/n1', value: JSON.stringify(AS) }])
	assert.equal(offers().length, 1)
	const [subnet] = NETWORK.subnets
	const wrong = [
		{ id: 'n2' },
		{ options: { mode: 7 } },
		{ options: ['mode'] },
		{ subnets: [{ pool: 'x' }] },
		{ subnets: [{ ...subnet, gateway: 7 }] },
		{ subnets: [{ ...subnet, reserved: undefined }] },
		{ subnets: [{ ...subnet, reserved: { printer: null } }] },
	]
	for (const value of ['x', '{}', ...wrong.map((each) => JSON.stringify({ ...NETWORK, ...each }))]) {
		server.transact([], [{ key: 'weft/network/n1', value }])
		assert.deepEqual(offers(), [], value)
	}
	server.transact([], [{ key: 'weft/network/n1', value: JSON.stringify(NETWORK) }])
	assert.equal(offers().length, 1)
})
