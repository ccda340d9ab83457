/** A bridge network from Docker's side: who talks to whom, how the world sees it, and what the options change. */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { run } from '../support/command.ts'
import { isSince } from '../support/engine.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4, HOST_V6, INTERNET_V4, INTERNET_V6, OUTSIDE_V4 } from '../support/host-namespaces.ts'
import {
	assertPings,
	assertReaches,
	dial,
	inContainer,
	onHost,
	outsideOf,
	reaches,
	type Server,
	serve,
} from '../support/traffic.ts'
import {
	addressOf,
	createNetwork,
	endpointOf,
	onEngines,
	refused,
	runContainer,
	startDockerHost,
	subnetOf,
	WEFT_IPAM,
} from './networks.ts'

const PORT = 9000

onEngines('a bridge network', (engine) => {
	let host: Host
	const servers: Server[] = []

	before(async () => {
		host = await startDockerHost(engine)
		servers.push(await serve(outsideOf(host), 'tcp', PORT, '::'))
		servers.push(await serve(outsideOf(host), 'udp', PORT, INTERNET_V4))
		await createNetwork(host, 'plain')
		await runContainer(host, 'plain-a', 'plain')
		await runContainer(host, 'plain-b', 'plain')
	})
	after(async () => {
		await Promise.all(servers.map((server) => server.stop()))
		await host?.stop()
	})

	for (const [title, ipam] of [
		['weft', WEFT_IPAM],
		['default', ['--ipam-driver', 'default']],
	] as const) {
		it(`lets containers talk by name and by address, with the ${title} IPAM driver`, async () => {
			const net = `ipam-${title}`
			await createNetwork(host, net, ...ipam)
			await runContainer(host, `${net}-a`, net)
			await runContainer(host, `${net}-b`, net, '--network-alias', 'bee')
			await host.docker('exec', `${net}-a`, 'ping', '-c', '1', '-W', '1', `${net}-b`)
			await host.docker('exec', `${net}-a`, 'ping', '-c', '1', '-W', '1', 'bee')
			const a = await inContainer(host, `${net}-a`)
			await assertPings(a, await addressOf(host, `${net}-b`, net))
			await assertPings(await inContainer(host, `${net}-b`), await addressOf(host, `${net}-a`, net))
			assert.equal(await dial(a, 'tcp', INTERNET_V4, PORT), HOST_V4)
		})
	}

	it('takes addresses from the default pool, one /24 per network', { skip: WEFT_IPAM.length === 0 }, async () => {
		await createNetwork(host, 'pool-1')
		await createNetwork(host, 'pool-2')
		const [one, two] = [await subnetOf(host, 'pool-1'), await subnetOf(host, 'pool-2')]
		assert.match(one.Subnet, /^10\.210\.\d+\.0\/24$/)
		assert.match(two.Subnet, /^10\.210\.\d+\.0\/24$/)
		assert.notEqual(one.Subnet, two.Subnet)
	})

	it('hides the containers behind the address of the host', async () => {
		const a = await inContainer(host, 'plain-a')
		await assertPings(a, INTERNET_V4)
		assert.equal(await dial(a, 'tcp', INTERNET_V4, PORT), HOST_V4)
		assert.equal(await dial(a, 'udp', INTERNET_V4, PORT), HOST_V4)
	})

	it('keeps the address of the containers when masquerading is off', async () => {
		await createNetwork(host, 'bare', '-o', 'com.docker.network.bridge.enable_ip_masquerade=false')
		await runContainer(host, 'bare-a', 'bare')
		const { Subnet } = await subnetOf(host, 'bare')
		await host.outside(['ip', 'route', 'add', Subnet, 'via', HOST_V4])
		const seen = await dial(await inContainer(host, 'bare-a'), 'tcp', INTERNET_V4, PORT)
		assert.equal(seen, await addressOf(host, 'bare-a', 'bare'))
	})

	it('gives one interface and no second network for the way out', async () => {
		assert.equal(await host.docker('exec', 'plain-a', 'ls', '/sys/class/net'), 'eth0\nlo')
		assert.ok(!(await host.docker('network', 'ls', '--format', '{{.Name}}')).includes('docker_gwbridge'))
	})

	it('lets containers and the host talk', async () => {
		const { Gateway } = await endpointOf(host, 'plain-a', 'plain')
		const a = await inContainer(host, 'plain-a')
		const server = await serve(onHost(host), 'tcp', 9100)
		await assertPings(a, Gateway)
		await assertReaches(a, 'tcp', Gateway, 9100)
		await assertReaches(a, 'tcp', HOST_V4, 9100)
		await assertPings(onHost(host), await addressOf(host, 'plain-a', 'plain'))
		await server.stop()
	})

	it('shuts an internal network off, and only that', async () => {
		await createNetwork(host, 'inner', '--internal')
		await runContainer(host, 'inner-a', 'inner')
		await runContainer(host, 'inner-b', 'inner')
		const a = await inContainer(host, 'inner-a')
		await assertPings(a, await addressOf(host, 'inner-b', 'inner'))
		await host.docker('exec', 'inner-a', 'ping', '-c', '1', '-W', '1', 'inner-b')
		assert.equal(await run(a(['ip', 'route', 'show', 'default'])), '')
		assert.ok(!(await reaches(a, 'tcp', INTERNET_V4, PORT)))
		await assertReaches(await inContainer(host, 'plain-a'), 'tcp', INTERNET_V4, PORT)
	})

	it('keeps an internal network shut when a container makes itself a route', async () => {
		await createNetwork(host, 'sly', '--internal', '--subnet', '10.77.0.0/24', '--gateway', '10.77.0.1')
		await runContainer(host, 'sly-a', 'sly')
		const a = await inContainer(host, 'sly-a')
		await run(a(['ip', 'route', 'add', 'default', 'via', '10.77.0.1', 'dev', 'eth0']))
		assert.ok(!(await reaches(a, 'tcp', INTERNET_V4, PORT)))
		assert.ok(!(await reaches(a, 'tcp', await addressOf(host, 'plain-a', 'plain'), PORT)))
	})

	it('speaks IPv6 inside and out', async () => {
		await createNetwork(host, 'six', '--ipv6', '--subnet', 'fd00:77:1::/64')
		await runContainer(host, 'six-a', 'six')
		await runContainer(host, 'six-b', 'six')
		const a = await inContainer(host, 'six-a')
		const { GlobalIPv6Address } = await endpointOf(host, 'six-b', 'six')
		assert.match(GlobalIPv6Address, /^fd00:77:1::/)
		await assertPings(a, GlobalIPv6Address)
		await assertPings(a, await addressOf(host, 'six-b', 'six'))
		await assertPings(a, INTERNET_V6)
		assert.equal(await dial(a, 'tcp', INTERNET_V6, PORT), HOST_V6)
		assert.equal(await dial(a, 'tcp', INTERNET_V4, PORT), HOST_V4)
	})

	it('may have a subnet of the link alone', async () => {
		await createNetwork(host, 'near', '--ipv6', '--subnet', 'fe80:77::/64')
		for (const name of ['near-a', 'near-b']) await runContainer(host, name, 'near')
		const { GlobalIPv6Address } = await endpointOf(host, 'near-b', 'near')
		assert.match(GlobalIPv6Address, /^fe80:77::/)
		await assertPings(await inContainer(host, 'near-a'), GlobalIPv6Address)
	})

	it('has the MTU of the uplink, or the one that is asked for', async () => {
		assert.equal(await host.docker('exec', 'plain-a', 'cat', '/sys/class/net/eth0/mtu'), '1500')
		for (const [net, option] of [
			['mtu-weft', 'mtu=1400'],
			['mtu-docker', 'com.docker.network.driver.mtu=1300'],
			['mtu-least', 'mtu=68'],
		] as const) {
			await createNetwork(host, net, '-o', option)
			await runContainer(host, `${net}-a`, net)
			const mtu = await host.docker('exec', `${net}-a`, 'cat', '/sys/class/net/eth0/mtu')
			assert.equal(`${option.split('=')[0]}=${mtu}`, option)
		}
	})

	it('names the bridge and the interface as asked', async () => {
		const bridge = ['-o', 'com.docker.network.bridge.name=tubes']
		await createNetwork(host, 'named', ...bridge, '-o', 'com.docker.network.container_iface_prefix=port')
		await runContainer(host, 'named-a', 'named')
		assert.equal(await host.docker('exec', 'named-a', 'ls', '/sys/class/net'), 'lo\nport0')
		await host.exec(['ip', 'link', 'show', 'tubes'])
		await host.docker('rm', '-f', 'named-a')
		await host.docker('network', 'rm', 'named')
		assert.notEqual((await host.attempt(['ip', 'link', 'show', 'tubes'])).code, 0)
	})

	it('has IPv6 in its containers only where it has IPv6 itself, and the container lets it', async () => {
		const inet6 = async (name: string) => {
			return (await host.docker('exec', name, 'ip', 'addr', 'show', 'dev', 'eth0')).includes('inet6')
		}
		// Docker 28 writes a container's own name into its file of hosts only with its own IPAM.
		await createNetwork(host, 'both', '--ipam-driver', 'default', '--ipv6', '--subnet', 'fd00:77:2::/64')
		await runContainer(host, 'both-a', 'both')
		await runContainer(host, 'four-a', 'both', '--sysctl', 'net.ipv6.conf.all.disable_ipv6=1')
		assert.deepEqual([await inet6('plain-a'), await inet6('both-a'), await inet6('four-a')], [false, true, false])
		assert.equal(await host.docker('exec', 'plain-a', 'cat', '/proc/sys/net/ipv6/conf/eth0/disable_ipv6'), '1')
		const [both, { IPAddress }] = [await inContainer(host, 'both-a'), await endpointOf(host, 'four-a', 'both')]
		await assertPings(both, IPAddress)
		const hosts = await host.docker('exec', 'four-a', 'cat', '/etc/hosts')
		assert.match(hosts, new RegExp(`^${IPAddress}\t`, 'm'))
		if (!isSince(engine, 26)) return
		assert.ok(!hosts.includes('::'), hosts)
		if (!isSince(engine, 28)) return
		assert.equal((await endpointOf(host, 'four-a', 'both')).GlobalIPv6Address, '')
		await host.docker('exec', 'both-a', 'ping', '-c', '1', '-W', '1', 'four-a')
		await refused(host, ['exec', 'both-a', 'ping', '-6', '-c', '1', '-W', '1', 'four-a'], /bad address/)
	})

	if (isSince(engine, 28)) {
		it('has IPv6 alone where it is asked for', async () => {
			await createNetwork(host, 'only', '--ipv4=false', '--ipv6')
			await runContainer(host, 'only-a', 'only', '-p', '8089:80')
			const { IPAddress, GlobalIPv6Address } = await endpointOf(host, 'only-a', 'only')
			assert.equal(IPAddress, '')
			assert.ok(!/inet .*eth0/.test(await host.docker('exec', 'only-a', 'ip', 'addr')))
			const place = await inContainer(host, 'only-a')
			servers.push(await serve(place, 'tcp', 80, '::'))
			assert.equal(await dial(place, 'tcp', INTERNET_V6, PORT), HOST_V6)
			await assertPings(onHost(host), GlobalIPv6Address)
			await assertReaches(outsideOf(host), 'tcp', HOST_V6, 8089)
			assert.ok(!(await reaches(outsideOf(host), 'tcp', HOST_V4, 8089)))
		})

		it('gives an address of IPv6 to another container where the first one has IPv6 switched off', async () => {
			await createNetwork(host, 'half', '--ipv6', '--subnet', 'fd00:77:3::/64')
			const off = ['--sysctl', 'net.ipv6.conf.all.disable_ipv6=1', '-p', '8090:80']
			for (const [name, ...words] of [['half-a', ...off], ['half-b']] as const) {
				await runContainer(host, name, 'half', '--ip6', 'fd00:77:3::50', ...words)
			}
			servers.push(await serve(await inContainer(host, 'half-a'), 'tcp', 80))
			assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 8090), OUTSIDE_V4)
			assert.ok(!(await reaches(outsideOf(host), 'tcp', HOST_V6, 8090)))
			await assertPings(onHost(host), 'fd00:77:3::50')
			await assertPings(await inContainer(host, 'half-a'), await addressOf(host, 'half-b', 'half'))
		})
	}
})
