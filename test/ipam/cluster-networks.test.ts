/** Networks that hosts claim at the same moment have pools that never overlap, and go with the last host that has them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCode } from '../../src/errors.ts'
import { type Claimant, enterNetwork, leaveNetwork } from '../../src/ipam/cluster-networks.ts'
import type { ClusterNetwork } from '../../src/model/network.ts'
import { MemoryCluster, MemoryServer } from '../support/memory-cluster.ts'

const OPTIONS = { options: { mode: 'overlay' }, internal: false, blocks: { 4: 26, 6: 122 } } as const

function network(id: string, ...pools: string[]): ClusterNetwork {
	return { id, subnets: pools.map((pool) => ({ pool, reserved: {} })), ...OPTIONS }
}

function scene() {
	const server = new MemoryServer()
	const cluster = new MemoryCluster(server)
	const host = (node: string): Claimant => ({ node, membership: server.grant(1000) })
	const keys = () => server.entries('weft/').map(({ key }) => key)
	const leave = (from: Claimant) => server.revoke(from.membership)
	return { server, cluster, host, keys, leave }
}

const exists = (pattern: RegExp) => (error: unknown) => isCode(error, 'exists') && pattern.test(error.message)

test('of pools that overlap one network has one, whoever asks at the same moment; the others are told whose it is', async () => {
	const { server, host, cluster } = scene()
	const pools = ['10.1.0.0/24', '10.1.0.0/16', '10.1.0.128/25', '10.2.0.0/24', 'fd00::/64', 'fd00::/48', '10.2.1.0/24']
	const answers = await Promise.allSettled(
		pools.map((pool, n) => enterNetwork(new MemoryCluster(server), host(`h${n}`), network(`n${n}`, pool))),
	)
	const refusals = answers.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
	assert.equal(refusals.length, 3)
	const words =
		/^the subnet \S+ overlaps with \S+, which the network n\d of the cluster has; name another with --subnet$/
	for (const error of refusals) assert.ok(exists(words)(error), String(error))
	assert.equal((await cluster.range('weft/pool/')).entries.length, 5)
	assert.equal((await cluster.range('weft/network/')).entries.length, 4)
})

test('a network of several pools has all of them or none', async () => {
	const { cluster, host, keys } = scene()
	await enterNetwork(cluster, host('a'), network('n1', '10.1.0.0/24'))
	const before = keys()
	const both = network('n2', '10.2.0.0/24', '10.1.0.0/16')
	await assert.rejects(enterNetwork(cluster, host('b'), both), exists(/10\.1\.0\.0\/24, which the network n1/))
	assert.deepEqual(keys(), before)
})

test('who names the same network with the same settings has it too, and with others is told what differs', async () => {
	const { cluster, host, keys } = scene()
	const [a, b] = [host('a'), host('b')]
	const n1 = network('n1', '10.1.0.0/24', 'fd00:1::/64')
	await Promise.all([enterNetwork(cluster, a, n1), enterNetwork(cluster, b, n1), enterNetwork(cluster, a, n1)])
	const on = ['weft/on/n1/a', 'weft/on/n1/b']
	assert.deepEqual(
		keys().filter((key) => key.startsWith('weft/on/')),
		on,
	)
	const others: [ClusterNetwork, RegExp][] = [
		[network('n1', '10.2.0.0/24'), /n1 of the cluster has other subnets: .*10\.1\.0\.0\/24.*, and not .*10\.2\.0\.0/],
		[{ ...n1, internal: true }, /other internal: false, and not true$/],
		[{ ...n1, options: { mode: 'overlay', backend: 'host-gw' } }, /other options: .*, and not .*host-gw/],
		[{ ...n1, blocks: { 4: 27, 6: 122 } }, /other blocks: /],
	]
	for (const [other, words] of others) await assert.rejects(enterNetwork(cluster, host('c'), other), exists(words))
	assert.deepEqual(
		keys().filter((key) => key.startsWith('weft/on/')),
		on,
	)
})

test('it stays while a host has it, and goes with the last one, whoever go at the same moment', async () => {
	const { cluster, host, keys } = scene()
	const hosts = ['a', 'b', 'c'].map(host)
	const n1 = network('n1', '10.1.0.0/24', 'fd00:1::/64')
	for (const each of hosts) await enterNetwork(cluster, each, n1)
	const [a, ...rest] = hosts
	assert.ok(a)
	await leaveNetwork(cluster, a, 'n1')
	await leaveNetwork(cluster, a, 'n1')
	assert.ok(keys().includes('weft/network/n1'))
	await assert.rejects(enterNetwork(cluster, a, network('n2', '10.1.0.0/25')), exists(/which the network n1/))
	await Promise.all(rest.map((each) => leaveNetwork(cluster, each, 'n1')))
	assert.deepEqual(keys(), ['weft/pool/'])
	await enterNetwork(cluster, a, network('n2', '10.1.0.0/25'))
})

test('a host that comes while the last one goes has the network', async () => {
	for (let n = 0; n < 20; n++) {
		const { cluster, host, keys } = scene()
		const [a, b] = [host('a'), host('b')]
		const n1 = network('n1', '10.1.0.0/24')
		await enterNetwork(cluster, a, n1)
		const entering = new Promise((resolve) => setTimeout(resolve, n % 5)).then(() => enterNetwork(cluster, b, n1))
		await Promise.all([leaveNetwork(cluster, a, 'n1'), entering])
		assert.deepEqual(keys(), ['weft/network/n1', 'weft/on/n1/b', 'weft/pool/', 'weft/pool/10.1.0.0/24'])
	}
})

test('the pools of a network whose hosts are gone for good can be had, and of one with a host cannot', async () => {
	const { cluster, host, keys, leave } = scene()
	const [a, b, c] = [host('a'), host('b'), host('c')]
	const n1 = network('n1', '10.1.0.0/24', '10.2.0.0/24')
	await enterNetwork(cluster, a, n1)
	await enterNetwork(cluster, b, n1)
	leave(a)
	await assert.rejects(enterNetwork(cluster, c, network('n2', '10.1.0.0/16')), exists(/which the network n1/))
	leave(b)
	await enterNetwork(cluster, c, network('n2', '10.1.0.0/16'))
	assert.deepEqual(keys(), ['weft/network/n2', 'weft/on/n2/c', 'weft/pool/', 'weft/pool/10.1.0.0/16'])
	// One that comes back after all.
	await assert.rejects(
		enterNetwork(cluster, host('a'), n1),
		exists(/overlaps with 10\.1\.0\.0\/16, which the network n2/),
	)
})

test('keys of others among the pools keep nobody from a network', async () => {
	const { cluster, server, host } = scene()
	server.transact([], [{ key: 'weft/pool/nonsense', value: 'x' }])
	await enterNetwork(cluster, host('a'), network('n1', '10.1.0.0/24'))
	assert.equal((await cluster.get('weft/pool/10.1.0.0/24'))?.value, 'n1')
})
