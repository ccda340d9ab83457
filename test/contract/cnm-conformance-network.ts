/** docker network create and rm, and the calls of a Swarm manager. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCidr, newId } from '../support/wire.ts'
import type { Subject } from './cnm-conformance.ts'
import { type CreateFlags, type Era, type NetworkState, networkCreate, networkRm } from './cnm-order-network.ts'

export const ERAS: readonly Era[] = ['20.10', '28']

/** A network for the time of `work`; that it goes away without a complaint is part of every test. */
export async function withNetwork(
	subject: Subject,
	era: Era,
	flags: CreateFlags,
	work: (network: NetworkState) => Promise<void>,
): Promise<void> {
	const network = await networkCreate(subject.wire, era, flags)
	try {
		await work(network)
	} finally {
		await networkRm(subject.wire, network)
	}
	assert.deepEqual(subject.wire.logged.splice(0), [])
}

export function networkTests(subject: Subject): void {
	describe('networks', () => {
		for (const era of ERAS) {
			it(`one without a subnet gets a pool with a gateway (${era})`, async () => {
				await withNetwork(subject, era, {}, async ({ ipv4: [pool] }) => {
					assert.ok(pool !== undefined && isCidr(pool.pool) && isCidr(pool.gateway))
					assert.equal(pool.gateway.split('/')[1], pool.pool.split('/')[1], "the gateway has the pool's mask")
				})
			})

			it(`subnet, range, gateway and aux addresses are kept (${era})`, async () => {
				const prefix = subject.prefix4()
				const aux = { printer: `${prefix}.5`, outside_the_range: `${prefix}.9` }
				const subnet = { subnet: `${prefix}.0/24`, range: `${prefix}.64/26`, gateway: `${prefix}.254`, aux }
				await withNetwork(subject, era, { ipv4: [subnet] }, async ({ ipv4: [pool] }) => {
					assert.equal(pool?.pool, subnet.subnet)
					assert.equal(pool?.gateway, `${prefix}.254/24`)
					assert.deepEqual(pool?.aux, { printer: `${prefix}.5/24`, outside_the_range: `${prefix}.9/24` })
				})
			})

			it(`both families at once (${era})`, async () => {
				const [four, six] = [subject.prefix4(), subject.prefix6()]
				const flags = { ipv4: [{ subnet: `${four}.0/24` }], ipv6: [{ subnet: `${six}::/64` }] }
				await withNetwork(subject, era, flags, async ({ ipv4, ipv6 }) => {
					assert.deepEqual([ipv4[0]?.pool, ipv6[0]?.pool], [`${four}.0/24`, `${six}::/64`])
					assert.match(ipv6[0]?.gateway ?? '', /^fd99:77:.*\/64$/)
				})
			})

			it(`--ipv6 without a subnet gets a pool too (${era})`, async () => {
				await withNetwork(subject, era, { ipv6: [{}] }, async ({ ipv6: [pool] }) => {
					assert.ok(isCidr(pool?.pool ?? '') && pool?.pool.includes(':'))
				})
			})

			it(`an isolated family of an internal network has a gateway only where dockerd does not ask first (${era})`, async () => {
				const options = { 'com.docker.network.bridge.gateway_mode_ipv4': 'isolated' }
				const flags = { internal: true, ipv6: [{ subnet: `${subject.prefix6()}::/64` }], options }
				await withNetwork(subject, era, flags, async ({ ipv4: [four], ipv6: [six] }) => {
					assert.equal(four?.gateway === '', era === '28')
					assert.ok(isCidr(six?.gateway ?? ''))
				})
			})

			it(`--internal is accepted (${era})`, async () => {
				await withNetwork(subject, era, { internal: true }, async () => {})
			})
		}

		it('a pool that overlaps with a route of the host is replaced by a different one, again and again', async () => {
			const taken: string[] = []
			const isTaken = (pool: string): boolean => taken.length < 3 && taken.push(pool) > 0
			await withNetwork(subject, '28', { isTaken }, async ({ ipv4: [pool] }) => {
				assert.equal(new Set(taken).size, 3)
				assert.ok(!taken.includes(pool?.pool ?? ''))
			})
		})

		it('creating again with the same content succeeds, and the network is removed once for all', async () => {
			const id = newId()
			const prefix = subject.prefix4()
			const data = { AddressSpace: 'x', Pool: `${prefix}.0/24`, Gateway: `${prefix}.1/24` }
			const request = { NetworkID: id, Options: { 'com.docker.network.generic': {} }, IPv4Data: [data], IPv6Data: [] }
			await subject.wire.call('NetworkDriver.CreateNetwork', request)
			await subject.wire.call('NetworkDriver.CreateNetwork', request)
			await subject.wire.call('NetworkDriver.DeleteNetwork', { NetworkID: id })
			await subject.wire.call('NetworkDriver.DeleteNetwork', { NetworkID: id })
		})

		it('null for an absent map or list is fine', async () => {
			const NetworkID = newId()
			const prefix = subject.prefix4()
			const data = { AddressSpace: 'x', Pool: `${prefix}.0/24`, Gateway: `${prefix}.1/24`, AuxAddresses: null }
			await subject.wire.call('NetworkDriver.CreateNetwork', {
				NetworkID,
				Options: null,
				IPv4Data: [data],
				IPv6Data: null,
			})
			await subject.wire.call('NetworkDriver.DeleteNetwork', { NetworkID })
		})

		it('labels of Docker that weft does not know are ignored', async () => {
			await withNetwork(subject, '28', { options: { 'com.docker.network.no.such': 'x' } }, async () => {})
		})

		it('a failed create leaves nothing: pool and id are free for the next try', async () => {
			const id = newId()
			const ipv4 = [{ subnet: `${subject.prefix4()}.0/24` }]
			// From 28 on dockerd is told of bad options before it takes a pool.
			const refused = () => networkCreate(subject.wire, '20.10', { id, ipv4, options: { mode: 'no-such-mode' } })
			await subject.refuses(refused, /NetworkDriver.CreateNetwork: .*no-such-mode/)
			assert.deepEqual(subject.wire.logged.splice(0), [])
			await withNetwork(subject, '28', { id, ipv4 }, async () => {})
		})

		it("a Swarm network's id of base 36 is an id too; one that is a path is not", async () => {
			await withNetwork(subject, '28', { id: 'k3v9x0p2m4q6s8u1w5y7z0a2b' }, async () => {})
			const hostile = { NetworkID: '../../etc', Options: null }
			await subject.refuses(() => subject.wire.call('NetworkDriver.CreateNetwork', hostile), /NetworkID/)
		})

		it('AllocateNetwork gives the options back, each time, and FreeNetwork succeeds', async () => {
			const NetworkID = 'k3v9x0p2m4q6s8u1w5y7z0a2c'
			const Options = { mode: 'bridge', 'com.docker.network.driver.mtu': '1400' }
			const request = { NetworkID, Options, IPv4Data: [{ Pool: '10.231.0.0/24' }], IPv6Data: null }
			for (let i = 0; i < 2; i++) {
				assert.deepEqual((await subject.wire.call('NetworkDriver.AllocateNetwork', request)).Options, Options)
			}
			const empty = await subject.wire.call('NetworkDriver.AllocateNetwork', { ...request, Options: null })
			assert.deepEqual(empty.Options ?? {}, {})
			await subject.wire.call('NetworkDriver.FreeNetwork', { NetworkID })
			await subject.wire.call('NetworkDriver.FreeNetwork', { NetworkID })
		})
	})
}
