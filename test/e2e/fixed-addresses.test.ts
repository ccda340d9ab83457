/** Addresses that people choose: had on every network, kept over stops and restarts, refused where nobody can have them. */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import type { Host } from '../support/host.ts'
import { IMAGE } from '../support/image.ts'
import { assertPings, inContainer } from '../support/traffic.ts'
import { createNetwork, endpointOf, onEngines, refused, runContainer, startDockerHost } from './networks.ts'

onEngines('fixed addresses', (engine) => {
	let host: Host

	before(async () => {
		host = await startDockerHost(engine)
		for (const [name, number] of [
			['one', 72],
			['two', 73],
		] as const) {
			const subnets = ['--subnet', `10.${number}.0.0/24`, '--ipv6', '--subnet', `fd00:${number}::/64`]
			await createNetwork(host, name, ...subnets)
		}
		await createNetwork(host, 'free')
		await runContainer(host, 'peer', 'one', '--ip', '10.72.0.200')
		await host.docker('network', 'connect', '--ip', '10.73.0.200', 'two', 'peer')
	})
	after(() => host?.stop())

	/** Docker says so, and the neighbours on both networks say so too. */
	async function assertHas(name: string, last: string): Promise<void> {
		const peer = await inContainer(host, 'peer')
		for (const [network, number] of [
			['one', 72],
			['two', 73],
		] as const) {
			const { IPAddress, GlobalIPv6Address } = await endpointOf(host, name, network)
			const expected = { IPAddress: `10.${number}.0.${last}`, GlobalIPv6Address: `fd00:${number}::${last}` }
			assert.deepEqual({ IPAddress, GlobalIPv6Address }, expected)
			await assertPings(peer, IPAddress, IPAddress)
			await assertPings(peer, GlobalIPv6Address, GlobalIPv6Address)
		}
	}

	it('are had on two networks in both families, and kept over stop, start and restart', async () => {
		await runContainer(host, 'pair', 'one', '--ip', '10.72.0.10', '--ip6', 'fd00:72::10')
		await host.docker('network', 'connect', '--ip', '10.73.0.10', '--ip6', 'fd00:73::10', 'two', 'pair')
		await assertHas('pair', '10')
		await host.docker('stop', '-t', '0', 'pair')
		await runContainer(host, 'thief', 'one')
		await host.docker('start', 'pair')
		await assertHas('pair', '10')
		await host.docker('restart', '-t', '0', 'pair')
		await assertHas('pair', '10')
	})

	it('are given to a container that does not run yet', async () => {
		await host.docker('create', '--name', 'late', '--net', 'one', '--ip', '10.72.0.20', '--ip6', 'fd00:72::20', IMAGE)
		await host.docker('network', 'connect', '--ip', '10.73.0.20', '--ip6', 'fd00:73::20', 'two', 'late')
		await host.docker('start', 'late')
		await assertHas('late', '20')
		await host.docker('stop', '-t', '0', 'late')
		await host.docker('start', 'late')
		await assertHas('late', '20')
	})

	it('are refused where the network has no subnet that somebody chose, and on networks of Docker', async () => {
		await refused(host, ['run', '--rm', '--net', 'free', '--ip', '10.210.0.77', IMAGE, 'true'], /configured subnet/)
		await refused(host, ['network', 'connect', '--ip', '10.210.0.77', 'free', 'peer'], /configured subnet/)
		await refused(
			host,
			['run', '--rm', '--net', 'bridge', '--ip', '172.17.0.9', IMAGE, 'true'],
			/user defined networks/,
		)
		await refused(host, ['run', '--rm', '--net', 'host', '--ip', '172.17.0.9', IMAGE, 'true'], /user defined networks/)
		await host.docker('network', 'connect', 'free', 'peer')
		await host.docker('network', 'disconnect', 'free', 'peer')
	})

	it('are refused when they are none, of the other family, or somebody else has them', async () => {
		const attempt = (...words: string[]) => ['run', '--rm', '--net', 'one', ...words, IMAGE, 'true']
		await refused(host, attempt('--ip', '300.1.2.3'), /300\.1\.2\.3|invalid IP/)
		await refused(host, attempt('--ip6', 'home'), /home|invalid IP/)
		await refused(host, attempt('--ip', 'fd00:72::30'), /fd00:72::30/)
		await refused(host, attempt('--ip6', '10.72.0.30'), /10\.72\.0\.30/)
		await refused(host, attempt('--ip', '10.72.0.200'), /10\.72\.0\.200/)
		await host.docker(...attempt('--ip', '10.72.0.30', '--ip6', 'fd00:72::30'))
	})

	it('of the link alone are had beside, and kept over a restart', async () => {
		await runContainer(host, 'near', 'one', '--link-local-ip', '169.254.7.7')
		await runContainer(host, 'far', 'one', '--link-local-ip', '169.254.7.8')
		await assertPings(await inContainer(host, 'near'), '169.254.7.8')
		await host.docker('restart', '-t', '0', 'near')
		await assertPings(await inContainer(host, 'near'), '169.254.7.8')
		await assertPings(await inContainer(host, 'far'), '169.254.7.7')
		await assertPings(await inContainer(host, 'far'), (await endpointOf(host, 'near', 'one')).IPAddress)
		const words = ['run', '--rm', '--net', 'one', '--link-local-ip', '169.253.7.9', IMAGE, 'true']
		await refused(host, words, /link.local/i)
	})
})
