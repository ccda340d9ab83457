/** The bytes of route requests, field by field, and a route read as it was written. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
	deleteRoute,
	getRoute,
	getRoutes,
	newRoute,
	readDefaultRoute,
	readMainRoute,
	readRoute,
	readRouteOf,
	routeOfAddress,
} from '../../../src/kernel/netlink/route.ts'
import { parseCidr, parseIp } from '../../../src/model/address.ts'
import { anyIp, anyNetwork } from './arbitraries.ts'
import { hex } from './hex.ts'

test('a route on the link has the scope of the link, one through a gateway that of the universe', () => {
	const destination = parseCidr('10.9.0.0/16')
	const request = newRoute({ destination, linkIndex: 3 })
	assert.deepEqual([request.type, request.flags], [24, 0x500])
	const rest = '0800 0100 0a090000 0800 0400 03000000'
	assert.equal(request.body.toString('hex'), hex('02 10 00 00 fe 04 fd 01 00000000', rest))
	assert.equal(
		newRoute({ destination, linkIndex: 3, via: parseIp('10.0.0.1') }).body.toString('hex'),
		hex('02 10 00 00 fe 04 00 01 00000000', rest, '0800 0500 0a000001'),
	)
	assert.equal(
		newRoute({ destination, linkIndex: 3, via: parseIp('10.0.0.1'), onlink: true }).body.toString('hex'),
		hex('02 10 00 00 fe 04 00 01 04000000', rest, '0800 0500 0a000001'),
	)
})

test('a route says which address of the host packets leave with', () => {
	const route = { destination: parseCidr('10.9.0.5/32'), linkIndex: 3, source: parseIp('10.9.0.1') }
	const rest = '0800 0100 0a090005 0800 0400 03000000 0800 0700 0a090001'
	assert.equal(newRoute(route).body.toString('hex'), hex('02 20 00 00 fe 04 fd 01 00000000', rest))
	assert.equal(deleteRoute(route).body.toString('hex'), hex('02 20 00 00 fe 04 ff 01 00000000', rest))
})

test('a route of another table says so, and is one of no other', () => {
	const route = { destination: parseCidr('192.0.2.2/32'), linkIndex: 3, table: 7766 }
	const rest = '0800 0100 c0000202 0800 0400 03000000 0800 0f00 561e0000'
	const { body } = newRoute(route)
	assert.equal(body.toString('hex'), hex('02 20 00 00 fe 04 fd 01 00000000', rest))
	const message = { type: 24, flags: 0, sequence: 1, body }
	assert.deepEqual(readRouteOf(7766, message)?.destination, route.destination)
	assert.equal(readRouteOf(254, message), undefined)
})

test('a dead end comes after all other routes of its table, and is read as what it is', () => {
	const deadEnd = { destination: parseCidr('192.0.2.2/32'), table: 7766 }
	const { type, flags, body } = newRoute(deadEnd, 0x200)
	assert.deepEqual([type, flags], [24, 0x600])
	const rest = '0800 0100 c0000202 0800 0600 ffffffff 0800 0f00 561e0000'
	assert.equal(body.toString('hex'), hex('02 20 00 00 fe 04 00 07 00000000', rest))
	assert.equal(readRouteOf(7766, { type, flags, sequence: 1, body })?.unreachable, true)
	assert.equal(deleteRoute(deadEnd).body.toString('hex'), hex('02 20 00 00 fe 04 ff 07 00000000', rest))
})

test('the route of an address is as the kernel adds it', () => {
	const request = routeOfAddress(parseCidr('10.9.0.1/16'), 3)
	assert.deepEqual([request.type, request.flags], [24, 0x600])
	assert.equal(
		request.body.toString('hex'),
		hex('02 10 00 00 fe 02 fd 01 00000000', '0800 0100 0a090000 0800 0400 03000000 0800 0700 0a090001'),
	)
	const request6 = routeOfAddress(parseCidr('fd00::1/64'), 3)
	assert.equal(request6.flags, 0x400)
	assert.equal(
		request6.body.toString('hex'),
		hex('0a 40 00 00 fe 02 00 01 00000000', `1400 0100 fd00${'00'.repeat(14)} 0800 0400 03000000 0800 0600 00010000`),
	)
})

test('a gateway of the other family has an attribute of its own', () => {
	const route = newRoute({ destination: parseCidr('10.9.0.0/16'), linkIndex: 3, via: parseIp('fd00::1') })
	const via = '1600 1200 0a00 fd000000000000000000000000000001 0000'
	assert.equal(
		route.body.toString('hex'),
		hex('02 10 00 00 fe 04 00 01 00000000', '0800 0100 0a090000 0800 0400 03000000', via),
	)
})

test('a route is deleted whatever its scope, and asked for by family', () => {
	const request = deleteRoute({ destination: parseCidr('10.9.0.0/16'), linkIndex: 3 })
	assert.deepEqual([request.type, request.flags], [25, 0])
	assert.equal(
		request.body.toString('hex'),
		hex('02 10 00 00 fe 04 ff 01 00000000', '0800 0100 0a090000', '0800 0400 03000000'),
	)
	assert.equal(getRoutes(6).body.toString('hex'), hex('0a 00 00 00 fe 00 00 00 00000000'))
	assert.equal(
		getRoutes(6, 3, 7766).body.toString('hex'),
		hex('0a 00 00 00 00 00 00 00 00000000', '0800 0400 03000000', '0800 0f00 561e0000'),
	)
	assert.equal(getRoutes(6, 3).body.toString('hex'), hex('0a 00 00 00 fe 00 00 00 00000000', '0800 0400 03000000'))
})

test('the route to an address is asked for as an entry of the tables', () => {
	const request = getRoute(parseIp('10.9.0.1'))
	assert.deepEqual([request.type, request.flags], [26, 0])
	assert.equal(request.body.toString('hex'), hex('02 20 00 00 00 00 00 00 00200000', '0800 0100 0a090001'))
	assert.equal(
		getRoute(parseIp('fd00::1')).body.toString('hex'),
		hex('0a 80 00 00 00 00 00 00 00200000', '1400 0100 fd000000000000000000000000000001'),
	)
})

test('a route is read as it was written', () => {
	const via = fc.option(anyIp, { nil: undefined })
	const check = fc.property(
		anyNetwork,
		via,
		fc.integer({ min: 1, max: 0x7fffffff }),
		(destination, gateway, linkIndex) => {
			const route = { destination, linkIndex, ...(gateway === undefined ? {} : { via: gateway }) }
			const { type, flags, body } = newRoute(route)
			const { scope, ...found } = readRoute({ type, flags, sequence: 1, body }) ?? { scope: -1 }
			assert.deepEqual(found, { ...route, protocol: 4, local: false })
			assert.equal(scope, gateway === undefined && destination.family === 4 ? 253 : 0)
		},
	)
	fc.assert(check)
})

test('a default route has no destination in its message', () => {
	const body = Buffer.from(hex('02 00 00 00 fe 03 00 01 00000000', '0800 0500 0a000001', '0800 0f00 fe000000'), 'hex')
	assert.deepEqual(readRoute({ type: 24, flags: 0, sequence: 1, body }), {
		destination: parseCidr('0.0.0.0/0'),
		via: parseIp('10.0.0.1'),
		protocol: 3,
		scope: 0,
		local: false,
	})
	assert.deepEqual(
		readDefaultRoute({ type: 24, flags: 0, sequence: 1, body }),
		readRoute({ type: 24, flags: 0, sequence: 1, body }),
	)
	const other = newRoute({ destination: parseCidr('10.9.0.0/16'), linkIndex: 3 })
	assert.equal(readDefaultRoute({ ...other, sequence: 1 }), undefined)
})

test('a route of another table is none of ours', () => {
	const body = Buffer.from(hex('02 20 00 00 ff 02 fe 02 00000000', '0800 0100 0a000001', '0800 0400 03000000'), 'hex')
	assert.equal(readMainRoute({ type: 24, flags: 0, sequence: 1, body }), undefined)
	body.writeUInt8(254, 4)
	assert.deepEqual(readMainRoute({ type: 24, flags: 0, sequence: 1, body })?.destination, parseCidr('10.0.0.1/32'))
})
