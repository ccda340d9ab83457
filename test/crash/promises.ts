/** What a weft that was killed must still have, and what it must not. */
import assert from 'node:assert/strict'
import { networkWith } from '../../src/ipam/entered.ts'
import { isOverlay } from '../../src/model/network.ts'
import { nameOf } from '../../src/store/records.ts'
import { type NetworkState, plain } from '../contract/cnm-order-network.ts'
import type { Container, Docker } from './docker.ts'
import type { MortalWeft } from './weft.ts'
import type { MortalWire } from './wire.ts'

/** Whatever Docker was told is there. */
export function assertKept(weft: MortalWeft, docker: Docker): void {
	for (const network of docker.networks.values()) assertNetwork(weft, network)
	for (const container of docker.containers.values()) assertContainer(weft, container)
	assert.deepEqual(weft.bench.warnings, [])
}

function assertNetwork({ store }: MortalWeft, { id, ipv4, ipv6 }: NetworkState): void {
	const network = store.get('network', '', id)
	assert.equal(network?.settled, true, `network ${id} is lost`)
	const isShared = network !== undefined && isOverlay(network)
	if (isShared) assert.ok(store.get('clusterNetwork', '', network.clusterId), `network ${id} is lost for the cluster`)
	for (const { poolId, gateway } of [...ipv4, ...ipv6]) {
		assert.ok(store.get('pool', '', poolId), `pool ${poolId} is lost`)
		// That of a network of the cluster is set aside for all hosts, and nobody's lease.
		if (gateway === '' || isShared) continue
		assert.ok(store.get('lease', poolId, plain(gateway)), `gateway ${gateway} is lost`)
	}
}

function assertContainer({ store, kernel, cluster }: MortalWeft, { endpoint, ports }: Container): void {
	const { id, network, link, ipv4, ipv6 } = endpoint
	const record = store.get('endpoint', network.id, id)
	assert.ok(record, `endpoint ${id} is lost`)
	const there = kernel.hasLink(record.link) || kernel.isAway(record.link)
	assert.equal(there, link !== '', `link ${record.link} of a running container`)
	for (const { Port } of ports) {
		const isPublished = record.published.some(({ containerPort }) => containerPort === Port)
		assert.ok(isPublished, `port ${Port} of ${id} is lost`)
	}
	const leases = [
		[network.ipv4[0], ipv4],
		[network.ipv6[0], ipv6],
	] as const
	for (const [pool, address] of leases) {
		if (pool === undefined) continue
		assert.ok(store.get('lease', pool.poolId, plain(address)), `${address} is lost`)
		if (networkWith(store, pool.poolId) === undefined) continue
		assert.ok(cluster.gives(plain(address)), `${address} is not this host's in the cluster`)
	}
}

/** When Docker has taken everything away, and was asked for the rest. */
export function assertNothingLeft({ store, cluster }: MortalWeft, wire: MortalWire): void {
	assert.deepEqual(wire.violations, [])
	// Whoever was in the cluster once stays there.
	const left = store.names().filter((name) => name !== nameOf({ kind: 'membership', group: '', id: '' }))
	assert.deepEqual([left, cluster.remains()], [[], []])
}
