/** weft as a managed plugin: what `make plugin` builds, made, enabled, used, set, disabled and removed by Docker. */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4, OUTSIDE_V4 } from '../support/host-namespaces.ts'
import { IMAGE } from '../support/image.ts'
import { assertPings, dial, inContainer, outsideOf, pings, serve } from '../support/traffic.ts'
import { assertFootprint, type Footprint, footprint } from './footprint.ts'
import { builtPlugin, createManagedNetwork, enablePlugin } from './managed.ts'
import { addressOf, onEngines, refused, startDockerHost, subnetOf } from './networks.ts'

const WEFT = fileURLToPath(new URL('../../src/weft.js', import.meta.url))
const WEFTD = fileURLToPath(new URL('../../src/weftd.js', import.meta.url))
const folder = builtPlugin()

onEngines('weft as a managed plugin', (engine) => {
	let host: Host
	let clean: Footprint

	before(async () => {
		host = await startDockerHost(engine, { weftd: false })
		// weft switches it on and leaves it on, and the kernel has routes for it.
		await host.exec(['sysctl', '-q', 'net.ipv6.conf.all.forwarding=1'])
		clean = await footprint(host)
		await enablePlugin(host, folder(), 'WEFT_POOLS=10.99.0.0/16:24,fd99::/48:64')
	})
	after(() => host?.stop())

	const createNetwork = (name: string, ...words: readonly string[]) => createManagedNetwork(host, name, ...words)

	async function assertPublished(): Promise<void> {
		const server = await serve(await inContainer(host, 'one'), 'tcp', 80)
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 8080), OUTSIDE_V4)
		await server.stop()
	}

	it('has networks whose containers talk, and publish', async () => {
		await createNetwork('net', '--ipv6')
		await createNetwork('other')
		assert.match((await subnetOf(host, 'net')).Subnet, /^10\.99\./)
		await host.docker('run', '-d', '--name', 'one', '--net', 'net', '-p', '8080:80', IMAGE)
		await host.docker('run', '-d', '--name', 'two', '--net', 'net', IMAGE)
		await host.docker('run', '-d', '--name', 'far', '--net', 'other', IMAGE)
		await assertPings(await inContainer(host, 'two'), await addressOf(host, 'one', 'net'))
		await host.docker('exec', 'two', 'ping', '-c', '1', 'one')
		await assertPublished()
		assert.ok(!(await pings(await inContainer(host, 'far'), await addressOf(host, 'one', 'net'))))
	})

	it('has on the host what a container listens on', async () => {
		await createNetwork('ports', '-o', 'mode=host')
		await host.docker('run', '-d', '--name', 'open', '--net', 'ports', IMAGE)
		const server = await serve(await inContainer(host, 'open'), 'tcp', 8081)
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 8081), OUTSIDE_V4)
		await server.stop()
		await host.docker('rm', '-f', 'open')
		await host.docker('network', 'rm', 'ports')
	})

	it('is known to Docker by its name with the tag alone', async () => {
		await refused(host, ['network', 'create', '--driver', 'weft', 'trap'], /could not resolve driver weft in registry/)
		await refused(host, ['network', 'create', '--ipam-driver', 'weft', 'trap'], /weft/)
	})

	it('stays while it has networks, and they go on while it is disabled by force and enabled again', async () => {
		await refused(host, ['plugin', 'disable', 'weft'], /in use/)
		await host.docker('plugin', 'disable', '-f', 'weft')
		await assertPings(await inContainer(host, 'two'), await addressOf(host, 'one', 'net'))
		await host.docker('plugin', 'enable', 'weft')
		await assertPublished()
		await host.docker('run', '--rm', '--net', 'net', IMAGE, 'ping', '-c', '1', 'one')
	})

	it('comes back with dockerd, and so do its containers', async () => {
		await host.docker('update', '--restart', 'always', 'one')
		await host.stopDockerd()
		await host.startDockerd()
		await eventually(async () => (await host.docker('ps', '--format', '{{.Names}}')).includes('one'))
		await assertPublished()
	})

	it('makes good what others do to its rules', async () => {
		await host.exec(['nft', 'delete', 'table', 'inet', 'weft'])
		await assertPublished()
	})

	it('is asked by weft on the host, and finds the kernel as it should be', async () => {
		const weft = (...args: readonly string[]) => host.exec([process.execPath, WEFT, ...args])
		assert.match(await weft('status'), /^State: +serving$/m)
		assert.match(await weft('ports'), /^0\.0\.0\.0:8080 /m)
		assert.equal(await weft('diff'), '')
	})

	it('writes the settings of the kernel, which are read-only in its own /proc', async () => {
		const { bridge } = JSON.parse(await host.exec([process.execPath, WEFT, 'inspect', 'net', '--json'])).network
		assert.equal(await host.exec(['cat', `/proc/sys/net/ipv4/conf/${bridge}/route_localnet`]), '1')
		const [plugin = ''] = (await host.exec(['pgrep', '-f', '^/usr/bin/node /weftd.js'])).split('\n')
		const write = ['nsenter', '-t', plugin, '-m', '/usr/bin/node', '-e']
		const own = `require('fs').writeFileSync('/proc/sys/net/ipv4/conf/${bridge}/route_localnet', '1')`
		assert.match((await host.attempt([...write, own])).stderr, /EROFS/)
	})

	it('has macvlan networks, whose containers reach the host and others on the network of its link', async () => {
		await host.exec(['ip', 'addr', 'add', '192.168.9.2/24', 'dev', 'eth0'])
		await host.outside(['ip', 'addr', 'add', '192.168.9.1/24', 'dev', 'up0'])
		const words = ['-o', 'mode=macvlan', '-o', 'parent=eth0', '-o', 'host_access=true']
		await createNetwork('lan', ...words, '--subnet', '192.168.9.0/24', '--gateway', '192.168.9.1')
		await host.docker('run', '-d', '--name', 'three', '--net', 'lan', '--ip', '192.168.9.50', IMAGE)
		for (const address of ['192.168.9.1', '192.168.9.2']) await assertPings(await inContainer(host, 'three'), address)
		await assertPings(outsideOf(host), '192.168.9.50')
		await host.docker('rm', '-f', 'three')
		await host.docker('network', 'rm', 'lan')
		await host.exec(['ip', 'addr', 'del', '192.168.9.2/24', 'dev', 'eth0'])
	})

	it('is not joined by a daemon on the host', async () => {
		const env = { WEFT_SOCKET: '/run/own.sock', WEFT_ADMIN_SOCKET: '/run/own.admin', WEFT_STATE_DIR: '/run/data/own' }
		const own = await host.attempt([process.execPath, WEFTD], { env })
		assert.equal(own.code, 1)
		assert.match(own.stderr, /^weftd: another weftd has this network namespace /)
	})

	it('takes everything away with its networks', async () => {
		await host.docker('rm', '-f', 'one', 'two', 'far')
		await host.docker('network', 'rm', 'net', 'other')
		await host.docker('plugin', 'disable', 'weft')
		await host.exec(['sh', '-c', 'nft delete table inet weft; nft delete table bridge weft'])
		await assertFootprint(host, clean)
		await host.docker('plugin', 'rm', 'weft')
	})
})
