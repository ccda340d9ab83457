/** IpamDriver's arguments into weft's words and answers back. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fromAddress, fromPool, toAddressRequest, toPoolRequest } from '../../src/cnm/translate-ipam.ts'

const space = { AddressSpace: 'weft-local' }

describe('toPoolRequest', () => {
	it('takes a pool and a range without their host bits', () => {
		const request = toPoolRequest({ ...space, Pool: '10.1.2.3/16', SubPool: '10.1.4.5/24', Options: null, V6: false })
		assert.deepEqual(request, { space: 'weft-local', family: 4, pool: '10.1.0.0/16', range: '10.1.4.0/24' })
	})

	for (const open of [{}, { Pool: '', SubPool: '' }, { Pool: null, SubPool: null, V6: null }]) {
		it(`leaves the choice open with ${JSON.stringify(open)}`, () => {
			assert.deepEqual(toPoolRequest({ ...space, ...open }), { space: 'weft-local', family: 4 })
		})
	}

	it('chooses the family by V6, or by the pool where there is one', () => {
		assert.equal(toPoolRequest({ ...space, V6: true }).family, 6)
		assert.equal(toPoolRequest({ ...space, Pool: 'fd00::/64' }).family, 6)
		assert.equal(toPoolRequest({ ...space, Pool: '10.0.0.0/8' }).family, 4)
	})

	it('refuses families that contradict each other, and what is no pool', () => {
		for (const args of [
			{ Pool: '10.0.0.0/8', V6: true },
			{ Pool: '10.0.0.0/8', SubPool: 'fd00::/64' },
			{ Pool: '10.0.0.0' },
			{ Pool: '10.0.0.0/33' },
			{ Pool: 'all' },
		]) {
			assert.throws(() => toPoolRequest({ ...space, ...args }), { code: 'invalid' }, JSON.stringify(args))
		}
	})
})

describe('toAddressRequest', () => {
	it('takes a plain address and the kind', () => {
		const Options = { RequestAddressType: 'com.docker.network.gateway' }
		const request = toAddressRequest({ PoolID: 'p', Address: 'FD00::1', Options })
		assert.deepEqual(request, { poolId: 'p', address: 'fd00::1', kind: 'gateway' })
	})

	for (const Options of [null, {}, { RequestAddressType: 7 }, { 'com.docker.network.endpoint.name': 'web' }]) {
		it(`is for an endpoint with ${JSON.stringify(Options)}`, () => {
			assert.deepEqual(toAddressRequest({ PoolID: 'p', Address: '', Options }), { poolId: 'p', kind: 'endpoint' })
		})
	}

	it('refuses an address with a mask', () => {
		assert.equal(toAddressRequest({ PoolID: 'p', Address: '10.0.0.1' }).address, '10.0.0.1')
		assert.throws(() => toAddressRequest({ PoolID: 'p', Address: '10.0.0.1/8' }), { code: 'invalid' })
	})
})

describe('answers', () => {
	it('have a Data map of strings, empty', () => {
		assert.deepEqual(fromPool({ id: 'p', pool: '10.0.0.0/8' }), { PoolID: 'p', Pool: '10.0.0.0/8', Data: {} })
		assert.deepEqual(fromAddress('10.0.0.1/8'), { Address: '10.0.0.1/8', Data: {} })
	})
})
