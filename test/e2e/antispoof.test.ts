/** A container that may change its own addresses is heard only with those that Docker gave it, unless it is let. */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { attempt, run } from '../support/command.ts'
import type { Host } from '../support/host.ts'
import { assertPings, inContainer, pings } from '../support/traffic.ts'
import { addressOf, createNetwork, endpointOf, onEngines, runContainer, startDockerHost } from './networks.ts'

const CAPABLE = ['--cap-add', 'NET_ADMIN']
const ANOTHER_MAC = '02:66:00:00:00:01'

onEngines('a container that changes its addresses', (engine) => {
	let host: Host
	before(async () => {
		host = await startDockerHost(engine)
		await createNetwork(host, 'held', '--ipv6', '--subnet', '10.89.1.0/24', '--subnet', 'fd00:89:1::/64')
		await createNetwork(
			host,
			'free',
			...['--ipv6', '--subnet', '10.89.2.0/24', '--subnet', 'fd00:89:2::/64', '-o', 'antispoof=false'],
		)
		for (const network of ['held', 'free']) {
			await runContainer(host, `${network}-1`, network, ...CAPABLE)
			await runContainer(host, `${network}-2`, network)
		}
	})
	after(() => host?.stop())

	/** Whether somebody answers to an address of the container. */
	async function isHeard(name: string, source: string, destination: string): Promise<boolean> {
		const argv = ['busybox', 'ping', '-c', '1', '-W', '1', '-I', source, destination]
		return (await attempt((await inContainer(host, name))(argv))).code === 0
	}

	async function neighbourOf(network: string): Promise<{ readonly 4: string; readonly 6: string }> {
		const { IPAddress, GlobalIPv6Address } = await endpointOf(host, `${network}-2`, network)
		return { 4: IPAddress, 6: GlobalIPv6Address }
	}

	async function assertHeardAs(network: string, heard: boolean): Promise<void> {
		const subnet = network === 'held' ? 1 : 2
		const [name, neighbour] = [`${network}-1`, await neighbourOf(network)]
		const [more4, more6] = [`10.89.${subnet}.200`, `fd00:89:${subnet}::200`]
		await host.docker('exec', name, 'ip', 'addr', 'add', `${more4}/24`, 'dev', 'eth0')
		// busybox's ip knows no nodad.
		await run((await inContainer(host, name))(['ip', 'addr', 'add', `${more6}/64`, 'dev', 'eth0', 'nodad']))
		assert.equal(await isHeard(name, more4, neighbour[4]), heard, more4)
		assert.equal(await isHeard(name, more6, neighbour[6]), heard, more6)
		await host.docker('exec', name, 'ip', 'addr', 'del', `${more4}/24`, 'dev', 'eth0')
		await host.docker('exec', name, 'ip', '-6', 'addr', 'del', `${more6}/64`, 'dev', 'eth0')
		// A question that nobody answered is asked again as it was, for some seconds.
		await run((await inContainer(host, name))(['ip', 'neigh', 'flush', 'dev', 'eth0']))
		const { IPAddress, GlobalIPv6Address } = await endpointOf(host, name, network)
		assert.ok(await isHeard(name, IPAddress, neighbour[4]))
		assert.ok(await isHeard(name, GlobalIPv6Address, neighbour[6]))
	}

	async function changeMac(name: string, mac: string): Promise<void> {
		await host.docker('exec', name, 'ip', 'link', 'set', 'eth0', 'address', mac)
	}

	it('is not heard with an address that it gave itself, and is with antispoof=false', async () => {
		await assertHeardAs('held', false)
		await assertHeardAs('free', true)
	})

	it('is not heard with another MAC, and is with antispoof=false', async () => {
		for (const [network, heard] of [
			['held', false],
			['free', true],
		] as const) {
			const [name, neighbour] = [`${network}-1`, await neighbourOf(network)]
			const { MacAddress } = await endpointOf(host, name, network)
			await changeMac(name, ANOTHER_MAC)
			assert.equal(await pings(await inContainer(host, name), neighbour[4]), heard, network)
			await changeMac(name, MacAddress)
			await assertPings(await inContainer(host, name), neighbour[4], network)
		}
	})

	it('is held on each of its networks to what it has there, also after a restart of weft', async () => {
		await createNetwork(host, 'more', '--subnet', '10.89.3.0/24')
		await runContainer(host, 'more-2', 'more')
		await host.docker('network', 'connect', 'more', 'held-1')
		const [own, neighbour] = [await addressOf(host, 'held-1', 'more'), await addressOf(host, 'more-2', 'more')]
		await host.docker('exec', 'held-1', 'ip', 'addr', 'add', '10.89.3.200/24', 'dev', 'eth1')
		const heard = async () => [
			await isHeard('held-1', own, neighbour),
			await isHeard('held-1', '10.89.3.200', neighbour),
		]
		assert.deepEqual(await heard(), [true, false])
		await host.killWeftd('SIGKILL')
		assert.deepEqual(await heard(), [true, false])
		await host.startWeftd()
		assert.deepEqual(await heard(), [true, false])
		await assertHeardAs('held', false)
		await host.docker('network', 'disconnect', 'more', 'held-1')
	})

	it('is heard with the MAC and the link-local address that it asked for', async () => {
		await runContainer(host, 'wishful', 'held', '--mac-address', '02:AA:BB:CC:DD:07')
		await assertPings(await inContainer(host, 'wishful'), (await neighbourOf('held'))[4])
		await createNetwork(host, 'local')
		for (const [name, address] of [
			['wishful', '169.254.9.7'],
			['held-2', '169.254.9.8'],
		] as const) {
			await host.docker('network', 'connect', '--link-local-ip', address, 'local', name)
		}
		assert.ok(await isHeard('wishful', '169.254.9.7', '169.254.9.8'))
		assert.ok(
			await isHeard('wishful', await addressOf(host, 'wishful', 'local'), await addressOf(host, 'held-2', 'local')),
		)
	})

	it('is heard with any address and its own MAC where Docker gives no addresses', async () => {
		await createNetwork(host, 'bare', '--ipam-driver', 'null')
		await runContainer(host, 'bare-1', 'bare', ...CAPABLE)
		await runContainer(host, 'bare-2', 'bare', ...CAPABLE)
		await host.docker('exec', 'bare-1', 'ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'eth0')
		await host.docker('exec', 'bare-2', 'ip', 'addr', 'add', '192.0.2.2/24', 'dev', 'eth0')
		assert.ok(await isHeard('bare-1', '192.0.2.1', '192.0.2.2'))
		await changeMac('bare-1', ANOTHER_MAC)
		assert.ok(!(await isHeard('bare-1', '192.0.2.1', '192.0.2.2')))
	})
})
