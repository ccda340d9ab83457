/** The bytes of address requests, field by field, and an address read as it was written. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { deleteAddress, getAddresses, newAddress, readAddress } from '../../../src/kernel/netlink/address.ts'
import { parseCidr } from '../../../src/model/address.ts'
import { anyCidr } from './arbitraries.ts'
import { hex } from './hex.ts'

test('an IPv4 address has a broadcast address, except in a network too small for one', () => {
	const request = newAddress(3, parseCidr('10.1.2.3/24'))
	assert.deepEqual([request.type, request.flags], [20, 0x600])
	const local = '0800 0200 0a010203 0800 0100 0a010203'
	assert.equal(request.body.toString('hex'), hex('02 18 00 00 03000000', local, '0800 0400 0a0102ff'))
	for (const [length, byte] of [
		[31, '1f'],
		[32, '20'],
	] as const) {
		const small = newAddress(3, parseCidr(`10.1.2.3/${length}`))
		assert.equal(small.body.toString('hex'), hex(`02 ${byte} 00 00 03000000`, local))
	}
})

test('an IPv6 address is asked for without duplicate detection only where that is wanted', () => {
	const cidr = parseCidr('fd00::1/64')
	const value = 'fd000000000000000000000000000001'
	const rest = hex(`1400 0200 ${value} 1400 0100 ${value}`)
	assert.equal(newAddress(3, cidr, { nodad: true }).body.toString('hex'), hex('0a 40 02 00 03000000') + rest)
	assert.equal(newAddress(3, cidr).body.toString('hex'), hex('0a 40 00 00 03000000') + rest)
})

test('an IPv6 address that nothing is to leave with is deprecated from the beginning, and for ever', () => {
	const { body } = newAddress(3, parseCidr('fd00::1/128'), { deprecated: true })
	assert.ok(body.toString('hex').endsWith(hex('1400 0600 00000000 ffffffff 00000000 00000000')))
})

test('an address is deleted by address and length, and asked for by link', () => {
	const request = deleteAddress(3, parseCidr('10.1.2.3/24'))
	assert.deepEqual([request.type, request.flags], [21, 0])
	assert.equal(request.body.toString('hex'), hex('02 18 00 00 03000000', '0800 0200 0a010203', '0800 0100 0a010203'))
	assert.equal(getAddresses(3).body.toString('hex'), hex('00 00 00 00 03000000'))
})

test('an address is read as it was written, and of a pair the own one', () => {
	const check = fc.property(anyCidr, fc.integer({ min: 1, max: 0x7fffffff }), (cidr, index) => {
		const { type, flags, body } = newAddress(index, cidr)
		assert.deepEqual(readAddress({ type, flags, sequence: 1, body }), { index, cidr })
	})
	fc.assert(check)
	const body = Buffer.from(hex('02 20 00 00 03000000', '0800 0100 0a000002', '0800 0200 0a000001'), 'hex')
	assert.deepEqual(readAddress({ type: 20, flags: 0, sequence: 1, body })?.cidr, parseCidr('10.0.0.1/32'))
})
