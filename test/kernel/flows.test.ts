/** Which connections are forgotten when published ports change, and how few the kernel is asked to list for that. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connectionless, filtersOf, staleness } from '../../src/kernel/flows.ts'
import type { End, Flow } from '../../src/kernel/netlink/conntrack.ts'
import { parseIp } from '../../src/model/address.ts'
import type { Protocol, PublishedPort } from '../../src/model/network.ts'

const LOCAL = ['203.0.113.2', '203.0.113.3', '2001:db8::2'].map(parseIp)

function published(hostIp: string, containerIp = '10.0.0.2', more: Partial<PublishedPort> = {}): PublishedPort {
	return { protocol: 'udp', hostIp, hostPort: 8080, containerIp, containerPort: 80, ...more }
}

function end(text: string): End {
	const [ip = '', port] = text.split(' ')
	return { ip: parseIp(ip), port: Number(port) }
}

/** `CLIENT > SERVER = BEHIND > SEEN`: packets as they come, and where the answers come from and go to. */
function flow(text: string, protocol: Protocol = 'udp'): Flow {
	const [[source, destination], [from, to]] = text.split(' = ').map((direction) => direction.split(' > ').map(end)) as [
		[End, End],
		[End, End],
	]
	return {
		protocol,
		original: { source, destination },
		reply: { source: from, destination: to },
		name: Buffer.alloc(0),
	}
}

const CLIENT = '198.51.100.9 4000'
const THROUGH = flow(`${CLIENT} > 203.0.113.2 8080 = 10.0.0.2 80 > ${CLIENT}`)
const TO_HOST = flow(`${CLIENT} > 203.0.113.2 8080 = 203.0.113.2 8080 > ${CLIENT}`)
/** The container began it, and left by the number that is published. */
const OUTWARD = flow(`10.0.0.2 80 > ${CLIENT} = ${CLIENT} > 203.0.113.2 8080`)

describe('a port that is closed', () => {
	const stale = staleness({ closed: [published('0.0.0.0')], opened: [] }, [])

	it('takes the connections with it that led through it, whoever began them', () => {
		assert.deepEqual([THROUGH, OUTWARD].map(stale), [true, true])
	})

	it('leaves those of others, of other ports and of other protocols', () => {
		const others = [
			TO_HOST,
			flow(`${CLIENT} > 203.0.113.2 8080 = 10.0.0.3 80 > ${CLIENT}`),
			flow(`${CLIENT} > 203.0.113.2 8081 = 10.0.0.2 80 > ${CLIENT}`),
			flow(`10.0.0.2 53 > ${CLIENT} = ${CLIENT} > 203.0.113.2 53`),
			{ ...THROUGH, protocol: 'sctp' as const },
		]
		assert.deepEqual(others.map(stale), [false, false, false, false, false])
	})
})

describe('a port that is opened', () => {
	const through = (...opened: PublishedPort[]) => staleness({ closed: [], opened }, LOCAL)

	it('takes away the connections that go past it: to the host, to another container, to another port', () => {
		const past = [
			TO_HOST,
			flow(`${CLIENT} > 203.0.113.3 8080 = 10.0.0.3 80 > ${CLIENT}`),
			flow(`${CLIENT} > 203.0.113.2 8080 = 10.0.0.2 81 > ${CLIENT}`),
			flow('127.0.0.1 4000 > 127.0.0.2 8080 = 127.0.0.2 8080 > 127.0.0.1 4000'),
		]
		assert.deepEqual(past.map(through(published('0.0.0.0'))), [true, true, true, true])
		const past6 = flow('2001:db8::9 4000 > 2001:db8::2 8080 = 2001:db8::2 8080 > 2001:db8::9 4000')
		assert.equal(through(published('::', 'fd00::2'))(past6), true)
	})

	it('leaves those that go where it leads, and those to the same number elsewhere', () => {
		const right = [
			THROUGH,
			OUTWARD,
			flow('10.0.0.3 4000 > 8.8.8.8 8080 = 8.8.8.8 8080 > 203.0.113.2 4000'),
			flow('203.0.113.2 4000 > 8.8.8.8 8080 = 8.8.8.8 8080 > 203.0.113.2 4000'),
			flow('10.0.0.3 4000 > 10.96.0.10 8080 = 10.0.0.7 8080 > 10.0.0.3 4000'),
		]
		const both = through(published('0.0.0.0'), published('::', 'fd00::2'))
		assert.deepEqual(right.map(both), [false, false, false, false, false])
	})

	it('on one address leaves the others', () => {
		const stale = through(published('203.0.113.2'))
		const elsewhere = flow(`${CLIENT} > 203.0.113.3 8080 = 203.0.113.3 8080 > ${CLIENT}`)
		assert.deepEqual([TO_HOST, elsewhere].map(stale), [true, false])
	})
})

describe('the kernel is asked', () => {
	const opened = (...ports: PublishedPort[]) => filtersOf({ closed: [], opened: ports })

	it('for nothing where no port is without connections', () => {
		const ports = [
			published('0.0.0.0', '10.0.0.2', { protocol: 'tcp' }),
			published('0.0.0.0', '10.0.0.2', { hostPort: 0 }),
		]
		assert.deepEqual(connectionless({ closed: ports, opened: ports }), { closed: [], opened: [] })
		assert.deepEqual(opened(), [])
	})

	it('for the connections to each number that is opened, as long as there are few', () => {
		const ports = [published('0.0.0.0'), published('127.0.0.1'), published('::', 'fd00::2', { protocol: 'sctp' })]
		assert.deepEqual(opened(...ports), [
			{ family: 4, protocol: 'udp', toPort: 8080 },
			{ family: 6, protocol: 'sctp', toPort: 8080 },
		])
	})

	it('once for all of a protocol where there are many', () => {
		const ports = Array.from({ length: 100 }, (_, i) => published('0.0.0.0', '10.0.0.2', { hostPort: 9000 + i }))
		assert.deepEqual(opened(...ports), [{ family: 4, protocol: 'udp' }])
	})

	it('for the connections of a container whose ports are closed, however many', () => {
		const closed = Array.from({ length: 100 }, (_, i) => published('0.0.0.0', '10.0.0.2', { hostPort: 9000 + i }))
		const ip = parseIp('10.0.0.2')
		assert.deepEqual(filtersOf({ closed, opened: [] }), [
			{ family: 4, protocol: 'udp', from: { direction: 'reply', ip } },
			{ family: 4, protocol: 'udp', from: { direction: 'original', ip } },
		])
	})
})
