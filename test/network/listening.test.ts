/** Which ports of the host the sockets of a container are. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Listener } from '../../src/kernel/verbs.ts'
import { parseIp } from '../../src/model/address.ts'
import type { Endpoint, Protocol, PublishedPort, SharedNetwork } from '../../src/model/network.ts'
import { listeningOf, MOST_PORTS } from '../../src/network/listening.ts'
import type { Raw } from '../../src/network/option-values.ts'
import { parseOptions } from '../../src/network/options.ts'

const LINK = 5

function network(raw: Raw = {}): SharedNetwork {
	const options = parseOptions({ mode: 'host', ...raw })
	assert.ok(options.mode === 'host')
	const made = { id: 'n', bridge: 'weft0', mtu: 1500, internal: false, ipv4: [], ipv6: [], settled: true }
	return { ...made, options }
}

function endpoint(more: Partial<Endpoint> = {}): Endpoint {
	const both = { ipv4: '10.0.0.2/24', ipv6: 'fd00::2/64' }
	return { id: 'e', networkId: 'n', ...both, mac: '02:42:0a:00:00:02', link: 'wv0', published: [], ...more }
}

function listener(ip: string, port: number, more: Partial<Listener> = {}): Listener {
	return { protocol: 'tcp', ip: parseIp(ip), port, both: false, ...more }
}

function textOf({ protocol, hostIp, hostPort, containerIp, containerPort }: PublishedPort): string {
	return `${protocol} ${hostIp} ${hostPort} > ${containerIp} ${containerPort}`
}

function listed(listeners: readonly Listener[], raw?: Raw, more?: Partial<Endpoint>): string[] {
	const { ports } = listeningOf(network(raw), endpoint(more), listeners, LINK)
	assert.ok(ports.every(({ found }) => found === true))
	return ports.map(textOf)
}

describe('listening sockets', () => {
	it('are at the same number on every address of their family', () => {
		assert.deepEqual(listed([listener('0.0.0.0', 80)]), ['tcp 0.0.0.0 80 > 10.0.0.2 80'])
		assert.deepEqual(listed([listener('::', 53, { protocol: 'udp' })]), ['udp :: 53 > fd00::2 53'])
		assert.deepEqual(listed([listener('10.0.0.2', 80)]), ['tcp 0.0.0.0 80 > 10.0.0.2 80'])
	})

	it('are on both families where they hear both, as far as the container has them', () => {
		const both = [listener('::', 80, { both: true })]
		assert.deepEqual(listed(both), ['tcp 0.0.0.0 80 > 10.0.0.2 80', 'tcp :: 80 > fd00::2 80'])
		const { ipv6: _ipv6, ...four } = endpoint()
		assert.deepEqual(listeningOf(network(), four, both, LINK).ports.map(textOf), ['tcp 0.0.0.0 80 > 10.0.0.2 80'])
	})

	it('are on the host’s loopback where they are on the container’s', () => {
		assert.deepEqual(listed([listener('127.0.0.1', 80)]), ['tcp 127.0.0.1 80 > 10.0.0.2 80'])
		assert.deepEqual(listed([listener('::1', 80)]), ['tcp ::1 80 > fd00::2 80'])
	})

	it('are on every address where they are on the loopback and on another one as well', () => {
		for (const wide of [listener('0.0.0.0', 80), listener('10.0.0.2', 80)]) {
			const narrow = listener('127.0.0.1', 80)
			assert.deepEqual(listed([wide, narrow]), ['tcp 0.0.0.0 80 > 10.0.0.2 80'])
			assert.deepEqual(listed([narrow, wide]), ['tcp 0.0.0.0 80 > 10.0.0.2 80'])
		}
	})

	it('are nowhere where they are on another address, or on another link', () => {
		for (const ip of ['127.0.0.2', '127.0.0.11', '10.9.0.2', 'fe80::2'])
			assert.deepEqual(listed([listener(ip, 80)]), [])
		assert.deepEqual(listed([listener('0.0.0.0', 80, { link: LINK + 1 })]), [])
		assert.equal(listed([listener('0.0.0.0', 80, { link: LINK })]).length, 1)
	})

	it('are one port where several share it', () => {
		const sharing = [listener('0.0.0.0', 80), listener('0.0.0.0', 80), listener('10.0.0.2', 80)]
		assert.equal(listed([...sharing, listener('::', 80, { both: true })]).length, 2)
	})

	it('are those that are allowed and not excluded, of the protocol that is named', () => {
		const all = (['tcp', 'udp', 'sctp'] as const).flatMap((protocol: Protocol) =>
			[80, 81, 443].map((port) => listener('0.0.0.0', port, { protocol })),
		)
		const names = (raw: Raw) => listed(all, raw).map((text) => text.split(' ').slice(0, 3).join(' '))
		assert.equal(names({}).length, 9)
		assert.deepEqual(names({ ports: '80' }), ['tcp 0.0.0.0 80', 'udp 0.0.0.0 80', 'sctp 0.0.0.0 80'])
		assert.deepEqual(names({ ports: '80-81/udp,443/tcp' }), ['tcp 0.0.0.0 443', 'udp 0.0.0.0 80', 'udp 0.0.0.0 81'])
		assert.deepEqual(names({ ports: '80', exclude: '80/tcp' }), ['udp 0.0.0.0 80', 'sctp 0.0.0.0 80'])
		assert.deepEqual(names({ exclude: '1-65535' }), [])
	})

	it('are no more than a container may have: first what it has already, then the lowest', () => {
		fc.assert(
			fc.property(
				fc.uniqueArray(fc.integer({ min: 1, max: 65535 }), { minLength: 1000, maxLength: 1200 }),
				(numbers) => {
					const listeners = numbers.map((port) => listener('::', port, { both: true }))
					const last = Math.max(...numbers)
					const published: PublishedPort[] = [
						{
							protocol: 'tcp',
							hostIp: '0.0.0.0',
							hostPort: last,
							containerIp: '10.0.0.2',
							containerPort: last,
							found: true,
						},
					]
					const { ports, beyond } = listeningOf(network(), endpoint({ published }), listeners, LINK)
					const kept = [...new Set(ports.map(({ hostPort }) => hostPort))]
					assert.equal(kept.length, Math.min(numbers.length, MOST_PORTS))
					assert.equal(beyond, numbers.length - kept.length)
					assert.equal(ports.length, 2 * kept.length)
					assert.ok(kept.includes(last) && kept.includes(Math.min(...numbers)))
				},
			),
			{ numRuns: 20 },
		)
	})
})
