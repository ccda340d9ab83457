/** Which ports a `-p` tries, in which order, and where it binds. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isCode, WeftError } from '../../src/errors.ts'
import type { BridgeNetwork, Endpoint, PublishedPort } from '../../src/model/network.ts'
import type { GatewayMode } from '../../src/model/options.ts'
import { parseBridge } from '../../src/network/bridge-options.ts'
import { bindingOf, candidates, noPortLeft } from '../../src/network/ports.ts'
import { portRequest } from './host.ts'

const EPHEMERAL = [32768, 32772] as const

const NETWORK: BridgeNetwork = {
	id: 'a',
	options: parseBridge({}),
	internal: false,
	ipv4: [],
	ipv6: [],
	bridge: 'weft0',
	mtu: 1500,
	settled: true,
}
const ENDPOINT: Endpoint = {
	id: 'e',
	networkId: 'a',
	ipv4: '10.0.0.2/24',
	ipv6: 'fd00::2/64',
	mac: '02:42:0a:00:00:02',
	link: 'wv0',
	published: [],
}
const { ipv6: _, ...ONLY_V4 } = ENDPOINT
const { ipv4: __, ...ONLY_V6 } = ENDPOINT

function published(hostPort: number, more: Partial<PublishedPort> = {}): PublishedPort {
	return { protocol: 'tcp', hostIp: '0.0.0.0', hostPort, containerIp: '10.0.0.2', containerPort: 80, ...more }
}

function tried(request: ReturnType<typeof portRequest>, start = 0, before: readonly PublishedPort[] = []): number[] {
	return [...candidates(request, EPHEMERAL, start, before)]
}

describe('the ports to try', () => {
	it('are the one that is asked for', () => {
		assert.deepEqual(tried(portRequest(8080)), [8080])
		assert.deepEqual(tried(portRequest(8080, 80, { hostPortEnd: 0 })), [8080])
	})

	it('are each of a range, from its first on', () => {
		assert.deepEqual(tried(portRequest(9000, 80, { hostPortEnd: 9003 }), 2), [9000, 9001, 9002, 9003])
	})

	it('are the ephemeral ones from the start on and round', () => {
		assert.deepEqual(tried(portRequest(0), 0), [32768, 32769, 32770, 32771, 32772])
		assert.deepEqual(tried(portRequest(0), 3), [32771, 32772, 32768, 32769, 32770])
		assert.deepEqual(tried(portRequest(0), 4), [32772, 32768, 32769, 32770, 32771])
	})

	it('begin with what the same request has already', () => {
		assert.equal(tried(portRequest(0), 0, [published(32771)])[0], 32771)
		assert.equal(tried(portRequest(9000, 80, { hostPortEnd: 9003 }), 0, [published(9002)])[0], 9002)
	})

	it('do not begin with what another request has, or what lies outside', () => {
		for (const other of [
			published(9002, { protocol: 'udp' }),
			published(9002, { containerPort: 81 }),
			published(9004),
		]) {
			assert.equal(tried(portRequest(9000, 80, { hostPortEnd: 9003 }), 0, [other])[0], 9000)
		}
	})

	it('are all of the range and nothing else', () => {
		const port = fc.integer({ min: 1, max: 65535 })
		fc.assert(
			fc.property(port, fc.nat(50), fc.nat(70000), fc.boolean(), (from, more, start, ephemeral) => {
				const end = Math.min(from + more, 65535)
				const request = ephemeral ? portRequest(0) : portRequest(from, 80, { hostPortEnd: end })
				const range = [from, end] as const
				const ports = [...candidates(request, range, start % (end - from + 1), [published(from + 1)])]
				const expected = Array.from({ length: end - from + 1 }, (_, i) => from + i)
				assert.deepEqual(
					[...new Set(ports)].sort((a, b) => a - b),
					expected,
				)
			}),
		)
	})
})

describe('a binding', () => {
	const at = (network: BridgeNetwork, endpoint: Endpoint, hostIp = '') =>
		bindingOf(
			network,
			endpoint,
			portRequest(0, 80, { hostIp }),
		)(8080).map(
			({ hostIp: host, hostPort, containerIp, containerPort }) => `${host} ${hostPort} ${containerIp} ${containerPort}`,
		)

	it('is on every address of the families that the container has', () => {
		assert.deepEqual(at(NETWORK, ENDPOINT), ['0.0.0.0 8080 10.0.0.2 80', ':: 8080 fd00::2 80'])
		assert.deepEqual(at(NETWORK, ONLY_V4), ['0.0.0.0 8080 10.0.0.2 80'])
		assert.deepEqual(at(NETWORK, ONLY_V6), [':: 8080 fd00::2 80'])
	})

	it('is on the address that is asked for, in its usual spelling', () => {
		assert.deepEqual(at(NETWORK, ENDPOINT, '192.0.2.1'), ['192.0.2.1 8080 10.0.0.2 80'])
		assert.deepEqual(at(NETWORK, ENDPOINT, '2001:DB8:0::1'), ['2001:db8::1 8080 fd00::2 80'])
		assert.deepEqual(at(NETWORK, ENDPOINT, '0.0.0.0'), ['0.0.0.0 8080 10.0.0.2 80'])
		assert.deepEqual(at(NETWORK, ENDPOINT, '::'), [':: 8080 fd00::2 80'])
	})

	it("is on the network's default where none is asked for", () => {
		const bound = (hostBinding: string) => ({ ...NETWORK, options: { ...NETWORK.options, hostBinding } })
		assert.deepEqual(at(bound('127.0.0.1'), ENDPOINT), ['127.0.0.1 8080 10.0.0.2 80'])
		assert.deepEqual(at(bound('127.0.0.1'), ENDPOINT, '192.0.2.1'), ['192.0.2.1 8080 10.0.0.2 80'])
		assert.deepEqual(at(bound('2001:db8::1'), ENDPOINT), ['2001:db8::1 8080 fd00::2 80'])
		assert.deepEqual(at(bound('::'), ENDPOINT), [':: 8080 fd00::2 80'])
		assert.deepEqual(at(bound('0.0.0.0'), ENDPOINT), at(NETWORK, ENDPOINT))
	})

	it('on a routed network has no port of the host, and of its address only the family', () => {
		const routed = (four: GatewayMode, six: GatewayMode) => {
			return { ...NETWORK, options: { ...NETWORK.options, gatewayModes: { 4: four, 6: six } } }
		}
		assert.deepEqual(at(routed('routed', 'nat'), ENDPOINT), ['0.0.0.0 0 10.0.0.2 80', ':: 8080 fd00::2 80'])
		assert.deepEqual(at(routed('nat', 'routed'), ENDPOINT), ['0.0.0.0 8080 10.0.0.2 80', ':: 0 fd00::2 80'])
		assert.deepEqual(at(routed('routed', 'routed'), ENDPOINT, '192.0.2.1'), ['0.0.0.0 0 10.0.0.2 80'])
		assert.deepEqual(at(routed('routed', 'routed'), ENDPOINT, '2001:db8::1'), [':: 0 fd00::2 80'])
		assert.deepEqual(at(routed('nat-unprotected', 'isolated'), ENDPOINT), at(NETWORK, ENDPOINT))
	})

	it('is refused for an address that is none, and for a family that the container has not', () => {
		const invalid = (error: unknown) => isCode(error, 'invalid')
		assert.throws(() => at(NETWORK, ENDPOINT, 'localhost'), invalid)
		assert.throws(() => at(NETWORK, ONLY_V4, '::1'), /80\/tcp cannot be published on ::1: the container has no IPv6/)
		assert.throws(() => at(NETWORK, ONLY_V6, '127.0.0.1'), /has no IPv4/)
	})
})

describe('no port left', () => {
	const last = new WeftError('in-use', 'port 0.0.0.0:8080/tcp is already allocated')

	it('is told as the refusal of the one port that was asked for', () => {
		assert.equal(noPortLeft(portRequest(8080), last).message, last.message)
		assert.equal(noPortLeft(portRequest(8080), undefined).message, 'port 8080/tcp is already allocated')
	})

	it('is told with who has the port', () => {
		const message = 'port 0.0.0.0:8080/tcp is already allocated by nginx (pid 123)'
		assert.equal(noPortLeft(portRequest(8080), last, 'nginx (pid 123)').message, message)
	})

	it('is told with the range that was tried', () => {
		const range = noPortLeft(portRequest(9000, 80, { hostPortEnd: 9003 }), last)
		assert.equal(range.message, 'no port from 9000 to 9003 is free for 80/tcp')
		assert.equal(range.cause, last)
		assert.equal(noPortLeft(portRequest(0), last).message, 'no port of the ephemeral range is free for 80/tcp')
		assert.ok([range, last].every((error) => isCode(error, 'in-use')))
	})
})
