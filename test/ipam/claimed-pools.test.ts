/** Pools that hosts claim at the same moment never overlap. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCode } from '../../src/errors.ts'
import { claimPool, releasePool } from '../../src/ipam/claimed-pools.ts'
import { MemoryCluster, MemoryServer } from '../support/memory-cluster.ts'

test('of pools that overlap one host has one, whoever asks at the same moment; the others are told whose it is', async () => {
	const server = new MemoryServer()
	const pools = ['10.1.0.0/24', '10.1.0.0/16', '10.1.0.128/25', '10.2.0.0/24', 'fd00::/64', 'fd00::/48', '10.2.1.0/24']
	const answers = await Promise.allSettled(pools.map((pool, n) => claimPool(new MemoryCluster(server), pool, `n${n}`)))
	const refusals = answers.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
	assert.equal(refusals.length, 3)
	for (const error of refusals) {
		assert.ok(isCode(error, 'exists'))
		assert.match(
			error.message,
			/^the subnet \S+ overlaps with \S+, which the network n\d of the cluster has; name one with/,
		)
	}
	const claimed = server.entries('weft/pool/').slice(1)
	assert.equal(claimed.length, 4)
})

test('a network keeps its pool when it asks again, and only it gives it back', async () => {
	const server = new MemoryServer()
	const cluster = new MemoryCluster(server)
	await claimPool(cluster, '10.1.0.0/24', 'n1')
	await claimPool(cluster, '10.1.0.0/24', 'n1')
	await assert.rejects(claimPool(cluster, '10.1.0.0/24', 'n2'), (error) => isCode(error, 'exists'))
	await releasePool(cluster, '10.1.0.0/24', 'n2')
	await assert.rejects(claimPool(cluster, '10.1.0.0/25', 'n2'), (error) => isCode(error, 'exists'))
	await releasePool(cluster, '10.1.0.0/24', 'n1')
	await releasePool(cluster, '10.1.0.0/24', 'n1')
	await claimPool(cluster, '10.1.0.0/25', 'n2')
})
