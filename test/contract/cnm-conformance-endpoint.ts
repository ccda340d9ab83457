/** docker run, connect, disconnect and stop, in the order of old and of new versions. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DockerError, isCidr, newId, text } from '../support/wire.ts'
import type { Subject } from './cnm-conformance.ts'
import { ERAS, withNetwork } from './cnm-conformance-network.ts'
import { base64Mac, connect, disconnect, run, stop } from './cnm-order-endpoint.ts'
import { networkCreate, networkRm, plain } from './cnm-order-network.ts'

const MAC = '02:42:ac:11:00:02'

export function endpointTests(subject: Subject): void {
	const failing = (method: string, args: object): Promise<unknown> =>
		subject.refuses(() => subject.wire.call(`NetworkDriver.${method}`, { ...args }), DockerError)

	for (const era of ERAS) {
		describe(`containers in the order of ${era}`, () => {
			it('a container gets a MAC, a link, a name prefix and the gateway, and nothing is echoed', async () => {
				await withNetwork(subject, era, {}, async (network) => {
					const container = await run(subject.wire, era, network)
					assert.match(container.mac, /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/)
					assert.match(container.link, /^.{1,15}$/)
					assert.equal(text(container.join.InterfaceName, 'DstPrefix'), 'eth')
					assert.equal(text(container.join, 'Gateway'), plain(network.ipv4[0]?.gateway ?? ''))
					await stop(subject.wire, container)
				})
			})

			it('--mac-address is used and not answered', async () => {
				await withNetwork(subject, era, {}, async (network) => {
					const container = await run(subject.wire, era, network, { mac: MAC })
					assert.equal(container.mac, MAC)
					await stop(subject.wire, container)
				})
			})

			it('the name that is asked for the interface is answered beside the prefix', async () => {
				await withNetwork(subject, era, {}, async (network) => {
					const driverOptions = { 'com.docker.network.endpoint.ifname': 'lan0', 'com.example.unknown': 'x' }
					const container = await run(subject.wire, era, network, { driverOptions })
					const { InterfaceName } = container.join
					assert.deepEqual([text(InterfaceName, 'DstPrefix'), text(InterfaceName, 'DstName')], ['eth', 'lan0'])
					await stop(subject.wire, container)
				})
			})

			it('--ip and --ip6, and an IPv6 gateway', async () => {
				const [four, six] = [subject.prefix4(), subject.prefix6()]
				const flags = { ipv4: [{ subnet: `${four}.0/24` }], ipv6: [{ subnet: `${six}::/64` }] }
				await withNetwork(subject, era, flags, async (network) => {
					const container = await run(subject.wire, era, network, { ip: `${four}.20`, ip6: `${six}::20` })
					assert.deepEqual([container.ipv4, container.ipv6], [`${four}.20/24`, `${six}::20/64`])
					assert.equal(text(container.join, 'GatewayIPv6'), plain(network.ipv6[0]?.gateway ?? ''))
					await stop(subject.wire, container)
				})
			})

			it('on an internal network there is no gateway, and no interface of docker_gwbridge instead', async () => {
				await withNetwork(subject, era, { internal: true }, async (network) => {
					const container = await run(subject.wire, era, network, { isGateway: false })
					assert.deepEqual([text(container.join, 'Gateway'), text(container.join, 'GatewayIPv6')], ['', ''])
					await stop(subject.wire, container)
				})
			})

			it('on a network of mode none there are addresses, and neither a link nor a gateway', async () => {
				await withNetwork(subject, era, { options: { mode: 'none' } }, async (network) => {
					const container = await run(subject.wire, era, network, { isGateway: false })
					assert.ok(isCidr(container.ipv4))
					const { InterfaceName, Gateway, StaticRoutes, DisableGatewayService } = container.join
					assert.deepEqual([container.mac, InterfaceName, Gateway], ['', undefined, undefined])
					assert.deepEqual([StaticRoutes, DisableGatewayService], [[], true])
					await stop(subject.wire, container)
				})
			})

			it('connect, disconnect and stop', async () => {
				await withNetwork(subject, era, {}, async (first) => {
					await withNetwork(subject, era, {}, async (second) => {
						const one = await run(subject.wire, era, first)
						const two = await connect(subject.wire, era, second, { existing: [one], isGateway: false })
						assert.notEqual(one.link, two.link)
						await disconnect(subject.wire, two, { remaining: [one] })
						await stop(subject.wire, one)
					})
				})
			})

			it('a restart has a new endpoint and may ask for the same address', async () => {
				const prefix = subject.prefix4()
				await withNetwork(subject, era, { ipv4: [{ subnet: `${prefix}.0/24` }] }, async (network) => {
					for (let i = 0; i < 3; i++) {
						const container = await run(subject.wire, era, network, { ip: `${prefix}.30`, mac: MAC })
						await stop(subject.wire, container, { revoke: i % 2 === 0 })
					}
				})
			})
		})
	}

	describe('endpoints', () => {
		it('containers started at once get addresses, MACs and links of their own', async () => {
			await withNetwork(subject, '28', {}, async (network) => {
				const all = await Promise.all(Array.from({ length: 5 }, () => run(subject.wire, '28', network)))
				for (const key of ['ipv4', 'mac', 'link'] as const)
					assert.equal(new Set(all.map((one) => one[key])).size, 5, key)
				await Promise.all(all.map((one) => stop(subject.wire, one)))
			})
		})

		it('a call that is repeated gives the same answer', async () => {
			const prefix = subject.prefix4()
			await withNetwork(subject, '28', { ipv4: [{ subnet: `${prefix}.0/24` }] }, async (network) => {
				const ref = { NetworkID: network.id, EndpointID: newId() }
				const Interface = { Address: `${prefix}.40/24`, AddressIPv6: '', MacAddress: '' }
				for (const [method, args] of [
					['CreateEndpoint', { ...ref, Interface, Options: null }],
					['Join', { ...ref, SandboxKey: '/var/run/docker/netns/0123456789ab', Options: null }],
				] as const) {
					const answer = await subject.wire.call(`NetworkDriver.${method}`, args)
					assert.deepEqual(await subject.wire.call(`NetworkDriver.${method}`, args), answer, method)
				}
				for (const method of ['RevokeExternalConnectivity', 'Leave', 'DeleteEndpoint', 'Leave', 'DeleteEndpoint']) {
					for (let i = 0; i < 2; i++) await subject.wire.call(`NetworkDriver.${method}`, ref)
				}
				await failing('Join', ref)
			})
		})

		it('a MAC that comes only as base64 bytes is a MAC asked for', async () => {
			const prefix = subject.prefix4()
			await withNetwork(subject, '28', { ipv4: [{ subnet: `${prefix}.0/24` }] }, async (network) => {
				const ref = { NetworkID: network.id, EndpointID: newId() }
				const Options = { 'com.docker.network.endpoint.macaddress': base64Mac(MAC) }
				const Interface = { Address: `${prefix}.50/24`, AddressIPv6: '', MacAddress: '' }
				const answer = await subject.wire.call('NetworkDriver.CreateEndpoint', { ...ref, Interface, Options })
				assert.match(text(answer.Interface, 'MacAddress'), new RegExp(`^(${MAC})?$`), 'no other MAC than the wish')
				await subject.wire.call('NetworkDriver.DeleteEndpoint', ref)
				const bad = { 'com.docker.network.endpoint.macaddress': 'not base64' }
				await failing('CreateEndpoint', { ...ref, Interface, Options: bad })
			})
		})

		it('Leave and DeleteEndpoint succeed after a CreateEndpoint that failed, and the address is free again', async () => {
			const prefix = subject.prefix4()
			await withNetwork(subject, '28', { ipv4: [{ subnet: `${prefix}.0/24` }] }, async (network) => {
				const ip = `${prefix}.60`
				const multicast = { ip, mac: '03:00:00:00:00:01' }
				await subject.refuses(() => run(subject.wire, '28', network, multicast), /03:00:00:00:00:01/)
				const container = await run(subject.wire, '28', network, { ip })
				await stop(subject.wire, container)
			})
		})

		it('the teardown of a network that is gone already succeeds', async () => {
			const network = await networkCreate(subject.wire, '28', {})
			const container = await run(subject.wire, '28', network)
			await networkRm(subject.wire, network)
			await stop(subject.wire, container)
			assert.deepEqual(subject.wire.logged.splice(0), [])
			await failing('CreateEndpoint', { NetworkID: network.id, EndpointID: newId(), Interface: {}, Options: null })
		})

		it('EndpointOperInfo has a value for the known and the unknown', async () => {
			for (const EndpointID of [newId(), newId()]) {
				const answer = await subject.wire.call('NetworkDriver.EndpointOperInfo', { NetworkID: newId(), EndpointID })
				assert.deepEqual(answer.Value, {})
			}
		})
	})
}
