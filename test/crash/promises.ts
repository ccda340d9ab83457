/** What a weft that was killed must still have, and what it must not. */
import assert from 'node:assert/strict'
import { plain } from '../contract/cnm-order-network.ts'
import type { Docker } from './docker.ts'
import type { MortalWeft } from './weft.ts'
import type { MortalWire } from './wire.ts'

/** Whatever Docker was told is there. */
export function assertKept({ bench, store, kernel }: MortalWeft, docker: Docker): void {
	for (const { id, ipv4, ipv6 } of docker.networks.values()) {
		assert.equal(store.get('network', '', id)?.settled, true, `network ${id} is lost`)
		for (const { poolId, gateway } of [...ipv4, ...ipv6]) {
			assert.ok(store.get('pool', '', poolId), `pool ${poolId} is lost`)
			if (gateway !== '') assert.ok(store.get('lease', poolId, plain(gateway)), `gateway ${gateway} is lost`)
		}
	}
	for (const { endpoint, ports } of docker.containers.values()) {
		const { id, network, link, ipv4, ipv6 } = endpoint
		const record = store.get('endpoint', network.id, id)
		assert.ok(record, `endpoint ${id} is lost`)
		const there = kernel.hasLink(record.link) || kernel.isAway(record.link)
		assert.equal(there, link !== '', `link ${record.link} of a running container`)
		for (const { Port } of ports) {
			assert.ok(
				record.published.some(({ containerPort }) => containerPort === Port),
				`port ${Port} of ${id} is lost`,
			)
		}
		const leases = [
			[network.ipv4[0], ipv4],
			[network.ipv6[0], ipv6],
		] as const
		for (const [pool, address] of leases) {
			if (pool !== undefined) assert.ok(store.get('lease', pool.poolId, plain(address)), `${address} is lost`)
		}
	}
	assert.deepEqual(bench.warnings, [])
}

/** When Docker has taken everything away, and was asked for the rest. */
export function assertNothingLeft({ store }: MortalWeft, wire: MortalWire): void {
	assert.deepEqual(wire.violations, [])
	assert.deepEqual(store.names(), [])
}
