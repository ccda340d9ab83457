/** A container's own wishes: fixed addresses and MACs, several networks, coming and going, restarts. */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { run } from '../support/command.ts'
import { isSince } from '../support/engine.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4, INTERNET_V4 } from '../support/host-namespaces.ts'
import { IMAGE } from '../support/image.ts'
import { assertPings, dial, inContainer, outsideOf, type Server, serve } from '../support/traffic.ts'
import { addressOf, createNetwork, endpointOf, onEngines, refused, runContainer, startDockerHost } from './networks.ts'

const PORT = 9000

onEngines('a container on a network', (engine) => {
	let host: Host
	let server: Server | undefined

	before(async () => {
		host = await startDockerHost(engine)
		server = await serve(outsideOf(host), 'tcp', PORT)
		await createNetwork(host, 'home', '--subnet', '10.70.0.0/24', '--gateway', '10.70.0.254')
		await runContainer(host, 'peer', 'home')
	})
	after(async () => {
		await server?.stop()
		await host?.stop()
	})

	async function assertAtHome(name: string): Promise<void> {
		const place = await inContainer(host, name)
		await assertPings(place, await addressOf(host, 'peer', 'home'))
		await assertPings(await inContainer(host, 'peer'), await addressOf(host, name, 'home'))
		assert.equal(await dial(place, 'tcp', INTERNET_V4, PORT), HOST_V4)
	}

	it('gets the subnet and the gateway that were asked for', async () => {
		const { Gateway, IPAddress } = await endpointOf(host, 'peer', 'home')
		assert.equal(Gateway, '10.70.0.254')
		assert.match(IPAddress, /^10\.70\.0\.\d+$/)
		assert.match(await host.docker('exec', 'peer', 'ip', 'route'), /default via 10\.70\.0\.254 /)
	})

	it('gets the address that it asks for, and nobody else does', async () => {
		await runContainer(host, 'fixed', 'home', '--ip', '10.70.0.77')
		assert.equal(await addressOf(host, 'fixed', 'home'), '10.70.0.77')
		await assertAtHome('fixed')
		await refused(host, ['run', '-d', '--net', 'home', '--ip', '10.70.0.77', IMAGE], /10\.70\.0\.77/)
		await host.docker('rm', '-f', 'fixed')
		await runContainer(host, 'fixed', 'home', '--ip', '10.70.0.77')
		await assertAtHome('fixed')
	})

	it('gets the MAC address that it asks for', async () => {
		await runContainer(host, 'marked', 'home', '--mac-address', '02:aa:bb:cc:dd:01')
		assert.equal(await host.docker('exec', 'marked', 'cat', '/sys/class/net/eth0/address'), '02:aa:bb:cc:dd:01')
		assert.equal((await endpointOf(host, 'marked', 'home')).MacAddress, '02:aa:bb:cc:dd:01')
		await assertAtHome('marked')
	})

	it('is refused with a MAC address that no link can have', async () => {
		for (const mac of ['00:00:00:00:00:00', '01:00:5e:00:00:01']) {
			await refused(host, ['run', '--rm', '--net', 'home', '--mac-address', mac, IMAGE, 'true'], new RegExp(mac))
		}
	})

	it('takes options of the endpoint, and refuses a name that no interface can have', async () => {
		await createNetwork(host, 'named')
		const option = (name: string) => ['--driver-opt', `com.docker.network.endpoint.ifname=${name}`]
		await runContainer(host, 'caller', 'home')
		await refused(host, ['network', 'connect', ...option('a/b'), 'named', 'caller'], /ifname="a\/b"/)
		await host.docker('network', 'connect', ...option('lan0'), '--driver-opt', 'com.example.any=1', 'named', 'caller')
		await assertPings(await inContainer(host, 'caller'), (await endpointOf(host, 'caller', 'named')).Gateway)
	})

	it('has the MAC address that docker inspect shows', async () => {
		const { MacAddress } = await endpointOf(host, 'peer', 'home')
		assert.match(MacAddress, /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/)
		assert.equal(await host.docker('exec', 'peer', 'cat', '/sys/class/net/eth0/address'), MacAddress)
	})

	it('keeps to the --ip-range and leaves the --aux-address alone', async () => {
		const pool = ['--subnet', '10.71.0.0/24', '--ip-range', '10.71.0.128/30', '--aux-address', 'router=10.71.0.129']
		await createNetwork(host, 'ranged', ...pool, '--gateway', '10.71.0.1')
		await runContainer(host, 'ranged-1', 'ranged')
		await runContainer(host, 'ranged-2', 'ranged')
		const taken = [await addressOf(host, 'ranged-1', 'ranged'), await addressOf(host, 'ranged-2', 'ranged')]
		for (const address of taken) assert.match(address, /^10\.71\.0\.(128|130|131)$/)
	})

	it('comes and goes while it runs', async () => {
		await createNetwork(host, 'start', '--internal')
		await runContainer(host, 'guest', 'start')
		await host.docker('network', 'connect', 'home', 'guest')
		await assertAtHome('guest')
		assert.equal(await host.docker('exec', 'guest', 'ls', '/sys/class/net'), 'eth0\neth1\nlo')
		await host.docker('network', 'disconnect', 'home', 'guest')
		assert.equal(await host.docker('exec', 'guest', 'ls', '/sys/class/net'), 'eth0\nlo')
		await host.docker('network', 'connect', '--ip', '10.70.0.99', 'home', 'guest')
		assert.equal(await addressOf(host, 'guest', 'home'), '10.70.0.99')
		await assertAtHome('guest')
	})

	it('works again after a restart, a stop and a kill', async () => {
		await runContainer(host, 'phoenix', 'home')
		await assertAtHome('phoenix')
		await host.docker('restart', '-t', '0', 'phoenix')
		await assertAtHome('phoenix')
		await host.docker('stop', '-t', '0', 'phoenix')
		await host.docker('start', 'phoenix')
		await assertAtHome('phoenix')
		await host.docker('kill', 'phoenix')
		await host.docker('start', 'phoenix')
		await assertAtHome('phoenix')
	})

	it('talks on each of its networks, and out through one of them', async () => {
		await createNetwork(host, 'second')
		await runContainer(host, 'second-peer', 'second')
		await runContainer(host, 'both', 'home')
		await host.docker('network', 'connect', 'second', 'both')
		await assertAtHome('both')
		await assertPings(await inContainer(host, 'both'), await addressOf(host, 'second-peer', 'second'))
		await host.docker('exec', 'both', 'ping', '-c', '1', '-W', '1', 'second-peer')
		// The way out moves to the network that is left.
		await host.docker('network', 'disconnect', 'home', 'both')
		assert.equal(await dial(await inContainer(host, 'both'), 'tcp', INTERNET_V4, PORT), HOST_V4)
	})

	it("talks on a weft network and on one of Docker's", async () => {
		await host.docker('network', 'create', 'theirs')
		await runContainer(host, 'theirs-peer', 'theirs')
		await runContainer(host, 'mixed', 'theirs')
		await host.docker('network', 'connect', 'home', 'mixed')
		await assertAtHome('mixed')
		await assertPings(await inContainer(host, 'mixed'), await addressOf(host, 'theirs-peer', 'theirs'))
	})

	it('may leave at once', async () => {
		await run(host.enter(['docker', 'run', '--rm', '--net', 'home', IMAGE, 'true']))
		const left = await Promise.all(
			[1, 2, 3, 4, 5, 6].map((n) => host.docker('run', '--rm', '--net', 'home', IMAGE, 'echo', `${n}`)),
		)
		assert.deepEqual(left, ['1', '2', '3', '4', '5', '6'])
	})

	it('takes ranges of 64 bits and their last addresses, which Docker cannot give', async () => {
		const [subnet, larger] = ['fd00:70:1::/64', 'fd00:70:1::/56']
		const [own, last, another] = [
			'fd00:70:1::/64',
			'fd00:70:1:0:ffff:ffff:ffff:fffe/127',
			'fd00:70:1:aa:ffff:ffff:ffff:fffe/127',
		]
		for (const [pool, range, gateway, address] of [
			[subnet, own, 'fd00:70:1::9', 'fd00:70:1::1'],
			[larger, own, 'fd00:70:1::1', 'fd00:70:1::2'],
			[subnet, last, 'fd00:70:1:0:ffff:ffff:ffff:fffe', 'fd00:70:1:0:ffff:ffff:ffff:ffff'],
			[larger, another, 'fd00:70:1:aa:ffff:ffff:ffff:fffe', 'fd00:70:1:aa:ffff:ffff:ffff:ffff'],
		] as const) {
			const wish = gateway.endsWith(':9') ? ['--gateway', gateway] : []
			await createNetwork(host, 'vast', '--ipv6', '--subnet', pool, '--ip-range', range, ...wish)
			await runContainer(host, 'settler', 'vast')
			const { GlobalIPv6Address, IPv6Gateway } = await endpointOf(host, 'settler', 'vast')
			assert.deepEqual([IPv6Gateway, GlobalIPv6Address], [gateway, address])
			await host.docker('rm', '-f', 'settler')
			await host.docker('network', 'rm', 'vast')
		}
	})

	it('is refused a network whose gateway it cannot take, and comes when it can', async () => {
		await createNetwork(host, 'yard', '--internal', '--subnet', '10.73.0.0/24', '--gateway', '10.73.0.1')
		await runContainer(host, 'stubborn', 'yard', '--cap-add', 'NET_ADMIN')
		const own = ['default', 'via', '10.73.0.1']
		await host.docker('exec', 'stubborn', 'ip', 'route', 'add', ...own)
		await refused(host, ['network', 'connect', 'home', 'stubborn'], /file exists/)
		assert.equal(await host.docker('exec', 'stubborn', 'ls', '/sys/class/net'), 'eth0\nlo')
		await host.docker('exec', 'stubborn', 'ip', 'route', 'del', ...own)
		await host.docker('network', 'connect', 'home', 'stubborn')
		await assertAtHome('stubborn')
	})

	it('leaves the network of its gateway also where the next one cannot be reached', async () => {
		await createNetwork(host, 'away')
		await runContainer(host, 'lame', 'away', '--cap-add', 'NET_ADMIN')
		await host.docker('network', 'connect', 'home', 'lame')
		await host.docker('exec', 'lame', 'ip', 'link', 'set', 'eth1', 'down')
		await host.docker('network', 'disconnect', 'away', 'lame')
		await host.docker('network', 'connect', 'away', 'lame')
		await assertPings(await inContainer(host, 'lame'), (await endpointOf(host, 'lame', 'away')).Gateway)
		await host.docker('restart', '-t', '0', 'lame')
		await assertAtHome('lame')
		await assertPings(await inContainer(host, 'lame'), (await endpointOf(host, 'lame', 'away')).Gateway)
	})

	if (isSince(engine, 28)) {
		it('goes out by the network that has the highest priority', async () => {
			const way = async () => /via (\S+)/.exec(await host.docker('exec', 'ranked', 'ip', 'route'))?.[1]
			const wish = (name: string, priority: number) => ['--network', `name=${name},gw-priority=${priority}`]
			for (const [name, number] of [
				['low', 81],
				['high', 82],
				['mid', 83],
			] as const) {
				await createNetwork(host, name, '--subnet', `10.${number}.0.0/24`, '--gateway', `10.${number}.0.1`)
			}
			await host.docker('run', '-d', '--name', 'ranked', ...wish('low', 10), ...wish('high', 100), IMAGE)
			assert.equal(await way(), '10.82.0.1')
			await host.docker('network', 'connect', '--gw-priority', '50', 'mid', 'ranked')
			assert.equal(await way(), '10.82.0.1')
			await host.docker('network', 'disconnect', 'high', 'ranked')
			assert.equal(await way(), '10.83.0.1')
			await host.docker('network', 'connect', '--gw-priority', '60', 'high', 'ranked')
			assert.equal(await way(), '10.82.0.1')
			assert.equal(await dial(await inContainer(host, 'ranked'), 'tcp', INTERNET_V4, PORT), HOST_V4)
		})

		it('has its interface set as it was asked', async () => {
			const read = ['cat', '/proc/sys/net/ipv4/conf/eth0/forwarding']
			const option = (text: string) => {
				return ['run', '--rm', '--network', `name=home,driver-opt=com.docker.network.endpoint.sysctls=${text}`, IMAGE]
			}
			for (const name of ['IFNAME', 'ifname']) {
				for (const value of ['0', '1']) {
					assert.equal(await host.docker(...option(`net.ipv4.conf.${name}.forwarding=${value}`), ...read), value)
				}
			}
			await refused(host, [...option('net.ipv4.conf.IFNAME.nothing=1'), 'true'], /nothing/)
			// Clients of before name the interface themselves.
			const old = [
				'docker',
				'run',
				'--rm',
				'--net',
				'home',
				'--sysctl',
				'net.ipv4.conf.eth0.forwarding=1',
				IMAGE,
				...read,
			]
			assert.equal(await host.exec(old, { env: { DOCKER_API_VERSION: '1.46' } }), '1')
		})
	}
})
