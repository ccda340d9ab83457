/** Docker's own labels on a bridge network: what a person types with -o, and what then reaches whom. */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { isSince } from '../support/engine.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4, HOST_V6, INTERNET_V4, OUTSIDE_V4, OUTSIDE_V6 } from '../support/host-namespaces.ts'
import {
	assertPings,
	assertReaches,
	dial,
	inContainer,
	onHost,
	outsideOf,
	pings,
	reaches,
	type Server,
	serve,
} from '../support/traffic.ts'
import { assertFootprint, footprint } from './footprint.ts'
import { addressOf, createNetwork, endpointOf, onEngines, runContainer, startDockerHost } from './networks.ts'

const PORT = 9000
const BRIDGE = 'com.docker.network.bridge'

function option(name: string, value: string): string[] {
	return ['-o', `${name}=${value}`]
}

onEngines('the options of a bridge network', (engine) => {
	let host: Host
	const servers: Server[] = []
	let number = 100

	before(async () => {
		host = await startDockerHost(engine)
		servers.push(await serve(outsideOf(host), 'tcp', PORT, '::'))
		await settle('plain', [], '-p', '8000:80')
	})
	after(async () => {
		await Promise.all(servers.map((server) => server.stop()))
		await host?.stop()
	})

	/** A network that the outside has a route to, and a container of the same name that listens on ports 80 and 81. */
	async function settle(name: string, words: readonly string[], ...options: string[]): Promise<void> {
		const [four, six] = [`10.90.${++number}.0/24`, `fd00:90:${number}::/64`]
		await createNetwork(host, name, '--subnet', four, '--ipv6', '--subnet', six, ...words)
		await runContainer(host, name, name, ...options)
		const place = await inContainer(host, name)
		for (const port of [80, 81]) servers.push(await serve(place, 'tcp', port, '::'))
		await host.outside(['ip', 'route', 'add', four, 'via', HOST_V4])
		await host.outside(['ip', 'route', 'add', six, 'via', HOST_V6])
	}

	async function address6(name: string): Promise<string> {
		return (await endpointOf(host, name, name)).GlobalIPv6Address
	}

	it('route to a container with gateway_mode_ipv4=routed, without NAT and without a port of the host', async () => {
		await settle('routed', option(`${BRIDGE}.gateway_mode_ipv4`, 'routed'), '-p', '8001:80')
		const [outside, address] = [outsideOf(host), await addressOf(host, 'routed', 'routed')]
		assert.equal(await dial(outside, 'tcp', address, 80), OUTSIDE_V4)
		assert.ok(!(await reaches(outside, 'tcp', address, 81)))
		await assertPings(outside, address)
		assert.ok(!(await reaches(outside, 'tcp', HOST_V4, 8001)))
		assert.equal(await dial(outside, 'tcp', HOST_V6, 8001), OUTSIDE_V6)
		assert.equal(await dial(await inContainer(host, 'routed'), 'tcp', INTERNET_V4, PORT), address)
		const plain = await addressOf(host, 'plain', 'plain')
		assert.ok(!(await reaches(outside, 'tcp', plain, 80)) && !(await pings(outside, plain)))
	})

	it('let other networks in where they let the outside in, with gateway_mode_ipv4=routed', async () => {
		await settle('open', option(`${BRIDGE}.gateway_mode_ipv4`, 'routed'), '-p', '8003:80')
		const [address, plain] = [await addressOf(host, 'open', 'open'), await inContainer(host, 'plain')]
		await assertReaches(plain, 'tcp', address, 80)
		await assertPings(plain, address)
		assert.ok(!(await reaches(plain, 'tcp', address, 81)))
		assert.ok(!(await reaches(await inContainer(host, 'open'), 'tcp', await addressOf(host, 'plain', 'plain'), 80)))
	})

	it('move published ports from a network with NAT to a routed one and back, as the gateway moves', async () => {
		await settle('nat', [], '-p', '8010:80')
		// Docker takes one with both families as the gateway, and of those the first by name.
		const subnets = ['--subnet', '10.94.0.0/24', '--ipv6', '--subnet', 'fd00:94::/64']
		await createNetwork(host, 'highway', ...subnets, ...option(`${BRIDGE}.gateway_mode_ipv4`, 'routed'))
		await host.outside(['ip', 'route', 'add', '10.94.0.0/24', 'via', HOST_V4])
		const outside = outsideOf(host)
		assert.equal(await dial(outside, 'tcp', HOST_V4, 8010), OUTSIDE_V4)
		await host.docker('network', 'connect', 'highway', 'nat')
		assert.equal(await dial(outside, 'tcp', await addressOf(host, 'nat', 'highway'), 80), OUTSIDE_V4)
		assert.ok(!(await reaches(outside, 'tcp', HOST_V4, 8010)))
		await (await serve(onHost(host), 'tcp', 8010)).stop()
		await host.docker('network', 'disconnect', 'highway', 'nat')
		assert.equal(await dial(outside, 'tcp', HOST_V4, 8010), OUTSIDE_V4)
		await assert.rejects(serve(onHost(host), 'tcp', 8010))
	})

	it('open every port with gateway_mode_ipv6=nat-unprotected, of that family', async () => {
		await settle('bare', option(`${BRIDGE}.gateway_mode_ipv6`, 'nat-unprotected'), '-p', '8002:80')
		const outside = outsideOf(host)
		await assertReaches(outside, 'tcp', await address6('bare'), 81)
		await assertReaches(await inContainer(host, 'plain'), 'tcp', await address6('bare'), 81)
		assert.ok(!(await reaches(outside, 'tcp', await addressOf(host, 'bare', 'bare'), 81)))
		assert.equal(await dial(outside, 'tcp', HOST_V6, 8002), OUTSIDE_V6)
		assert.equal(await dial(await inContainer(host, 'bare'), 'tcp', INTERNET_V4, PORT), HOST_V4)
	})

	it('keep the host out of an internal network with gateway mode isolated', async () => {
		const isolated = option(`${BRIDGE}.gateway_mode_ipv4`, 'isolated')
		await settle('island', ['--internal', ...isolated])
		await settle('inner', ['--internal'])
		await runContainer(host, 'islander', 'island')
		await host.docker('exec', 'islander', 'ping', '-c', '1', '-W', '1', 'island')
		assert.ok(!(await pings(onHost(host), await addressOf(host, 'island', 'island'))))
		await assertPings(onHost(host), await address6('island'))
		await assertPings(onHost(host), await addressOf(host, 'inner', 'inner'))
	})

	it('leave with the address of host_ipv4', async () => {
		await host.exec(['ip', 'addr', 'add', '192.0.2.7/32', 'dev', 'lo'])
		await host.outside(['ip', 'route', 'add', '192.0.2.7', 'via', HOST_V4])
		await settle('sourced', option('com.docker.network.host_ipv4', '192.0.2.7'))
		assert.equal(await dial(await inContainer(host, 'sourced'), 'tcp', INTERNET_V4, PORT), '192.0.2.7')
		assert.equal(await dial(await inContainer(host, 'plain'), 'tcp', INTERNET_V4, PORT), HOST_V4)
	})

	it('let trusted_host_interfaces reach open ports directly', async () => {
		await settle('trusting', option(`${BRIDGE}.trusted_host_interfaces`, 'lo:eth0'), '-p', '127.0.0.1:8003:80')
		const [outside, address] = [outsideOf(host), await addressOf(host, 'trusting', 'trusting')]
		await assertReaches(outside, 'tcp', address, 80)
		assert.ok(!(await reaches(outside, 'tcp', address, 81)))
	})

	it('keep IPv4 off the bridge with inhibit_ipv4', async () => {
		await settle('inhibited', [...option(`${BRIDGE}.inhibit_ipv4`, 'true'), ...option(`${BRIDGE}.name`, 'mute')])
		assert.equal(await host.exec(['ip', '-4', '-br', 'addr', 'show', 'dev', 'mute']), '')
		const { Gateway } = await endpointOf(host, 'inhibited', 'inhibited')
		assert.match(await host.docker('exec', 'inhibited', 'ip', 'route'), new RegExp(`default via ${Gateway} `))
	})

	it('take the families of their labels where the flags agree', async () => {
		await settle('labelled', [
			...option('com.docker.network.enable_ipv6', 'true'),
			...option('com.docker.network.enable_ipv4', 'true'),
		])
		await assertPings(onHost(host), await address6('labelled'))
	})

	if (isSince(engine, 28)) {
		it('take the families of their labels as flags, which go before them', async () => {
			const [four, six] = ['com.docker.network.enable_ipv4', 'com.docker.network.enable_ipv6']
			for (const [words, families, left] of [
				[option(six, 'true'), 'true true', 1],
				[[...option(six, 'true'), ...option(four, 'false')], 'false true', 2],
				[['--ipv6', ...option(six, 'false')], 'true true', 0],
				[['--ipv6=false', ...option(six, 'true')], 'true false', 0],
				[['--ipv4=false', '--ipv6', ...option(four, 'true')], 'false true', 0],
			] as const) {
				await createNetwork(host, 'families', ...words)
				const seen = ['network', 'inspect', '-f', '{{.EnableIPv4}} {{.EnableIPv6}} {{len .Options}}', 'families']
				assert.equal(await host.docker(...seen), `${families} ${left}`)
				await host.docker('network', 'rm', 'families')
			}
		})
	}

	it('give containers the gateway that is named in the place of the bridge', async () => {
		const aux = ['--aux-address', 'DefaultGatewayIPv4=10.91.0.9', '--aux-address', 'printer=10.91.0.2']
		// The router has another address than the one that Docker gave it.
		const options = [...aux, '-o', 'antispoof=false']
		await createNetwork(host, 'elsewhere', '--subnet', '10.91.0.0/24', '--gateway', '10.91.0.1', ...options)
		await runContainer(host, 'router', 'elsewhere', '--cap-add', 'NET_ADMIN')
		await runContainer(host, 'elsewhere', 'elsewhere')
		assert.match(await host.docker('exec', 'elsewhere', 'ip', 'route'), /default via 10\.91\.0\.9 /)
		await host.docker('exec', 'router', 'ip', 'addr', 'add', '10.91.0.9/24', 'dev', 'eth0')
		await assertPings(await inContainer(host, 'elsewhere'), '10.91.0.9')
		await assertPings(onHost(host), await addressOf(host, 'elsewhere', 'elsewhere'))
	})

	it('take over a bridge that is there, and leave it as it was', async () => {
		await host.exec(['ip', 'link', 'add', 'brook', 'mtu', '1400', 'type', 'bridge'])
		await host.exec(['ip', 'addr', 'add', '10.92.0.1/24', 'dev', 'brook'])
		await host.exec(['ip', 'link', 'set', 'brook', 'up'])
		const clean = await footprint(host)
		const subnet = ['--subnet', '10.92.0.0/24', '--gateway', '10.92.0.1']
		await createNetwork(host, 'brook', ...subnet, ...option(`${BRIDGE}.name`, 'brook'))
		await runContainer(host, 'angler', 'brook', '-p', '8005:80')
		const place = await inContainer(host, 'angler')
		servers.push(await serve(place, 'tcp', 80))
		await assertPings(place, '10.92.0.1')
		assert.equal(await host.docker('exec', 'angler', 'cat', '/sys/class/net/eth0/mtu'), '1400')
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 8005), OUTSIDE_V4)
		await host.docker('rm', '-f', 'angler')
		await host.docker('network', 'rm', 'brook')
		await assertFootprint(host, clean)
	})

	it('make a bridge that was taken over anew where it is gone after a boot', async () => {
		await host.exec(['ip', 'link', 'add', 'ford', 'type', 'bridge'])
		await createNetwork(host, 'ford', '--subnet', '10.93.0.0/24', ...option(`${BRIDGE}.name`, 'ford'))
		await host.killWeftd('SIGKILL')
		await host.exec(['ip', 'link', 'del', 'ford'])
		await host.startWeftd()
		await runContainer(host, 'ford', 'ford')
		await assertPings(onHost(host), await addressOf(host, 'ford', 'ford'))
		await host.docker('rm', '-f', 'ford')
		await host.docker('network', 'rm', 'ford')
		assert.equal(await host.exec(['ip', '-4', '-br', 'addr', 'show', 'dev', 'ford']), '')
	})

	it('bind to an IPv6 address by default', async () => {
		await settle('six', option(`${BRIDGE}.host_binding_ipv4`, '::'), '-p', '8004:80')
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V6, 8004), OUTSIDE_V6)
		assert.ok(!(await reaches(outsideOf(host), 'tcp', HOST_V4, 8004)))
	})

	if (isSince(engine, 28)) {
		for (const [title, label] of [
			['inhibit_ipv4', option(`${BRIDGE}.inhibit_ipv4`, 'true')],
			['isolated', option(`${BRIDGE}.gateway_mode_ipv4`, 'isolated')],
		] as const) {
			it(`leave both addresses of a /31 to containers inside an internal network, ${title}`, async () => {
				await createNetwork(host, 'pair', '--internal', '--subnet', '10.95.0.0/31', ...label)
				for (const name of ['pair-1', 'pair-2']) await runContainer(host, name, 'pair')
				await host.docker('exec', 'pair-1', 'ping', '-c', '1', '-W', '1', 'pair-2')
				const addresses = await Promise.all(['pair-1', 'pair-2'].map((name) => addressOf(host, name, 'pair')))
				assert.deepEqual(addresses, ['10.95.0.0', '10.95.0.1'])
				await host.docker('rm', '-f', 'pair-1', 'pair-2')
				await host.docker('network', 'rm', 'pair')
			})
		}
	}
})
