/** How full pools are, from their records. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { shareOf, usageOf } from '../../src/ipam/usage.ts'
import type { Lease } from '../../src/model/pool.ts'

const POOL = { id: 'weft-local/10.98.0.0/20', space: 'weft-local', pool: '10.98.0.0/20' }

function leased(...addresses: string[]): Lease[] {
	return addresses.map((address) => ({ poolId: POOL.id, address, kind: 'endpoint' }))
}

describe('a pool of this host alone', () => {
	it('has all its addresses but the network’s and the broadcast’s, and free is what may be chosen', () => {
		const leases = leased('10.98.0.1', '10.98.8.2')
		assert.deepEqual(usageOf(POOL, leases), { size: 4094n, used: 2n, free: 4092n })
		assert.deepEqual(usageOf({ ...POOL, range: '10.98.8.0/30' }, leases), { size: 4094n, used: 2n, free: 3n })
	})
})

describe('a pool that hosts share', () => {
	it('has nothing before this host has a block', () => {
		assert.deepEqual(shareOf(POOL, { blocks: [], leases: [], withheld: ['10.98.0.1'] }), {
			size: 0n,
			used: 0n,
			free: 0n,
		})
	})

	it('has the blocks of this host, less what is given, lent or for nobody there', () => {
		const blocks = ['10.98.0.0/26', '10.98.15.192/26']
		const leases = leased('10.98.0.2', '10.98.15.254', '10.98.7.7')
		const withheld = ['10.98.0.1', '10.98.0.9', '10.98.7.1']
		assert.deepEqual(shareOf(POOL, { blocks, leases, withheld }), { size: 126n, used: 3n, free: 122n })
	})
})
