/** weft as a managed plugin: what `make plugin` builds, made, enabled, used, set, disabled and removed by Docker. */

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { run } from '../support/command.ts'
import { OWN_ENGINE } from '../support/engine.ts'
import { eventually } from '../support/eventually.ts'
import { type Host, startHost } from '../support/host.ts'
import { HOST_V4, OUTSIDE_V4 } from '../support/host-namespaces.ts'
import { IMAGE } from '../support/image.ts'
import { noRegistry, REGISTRY, startRegistry } from '../support/registry.ts'
import { assertPings, converse, dial, inContainer, outsideOf, pings, serve } from '../support/traffic.ts'
import { assertFootprint, type Footprint, footprint } from './footprint.ts'
import { buildPlugin, builtPlugin, DRIVER, enablePlugin, STATE } from './managed.ts'
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

	async function createNetwork(name: string, ...words: readonly string[]): Promise<void> {
		await host.docker('network', 'create', '--driver', DRIVER, '--ipam-driver', DRIVER, ...words, name)
	}

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
	})

	it('goes, and another does not start with a setting that it does not accept, and says so in the log of dockerd', async () => {
		await host.docker('plugin', 'rm', 'weft')
		// Docker tries for half a minute from 26 on, and comes to the same end.
		if (engine !== OWN_ENGINE) return
		await host.docker('plugin', 'create', 'wrong', folder())
		await host.docker('plugin', 'set', 'wrong', 'WEFT_POOLS=10.0.0.0')
		await refused(host, ['plugin', 'enable', 'wrong'], /weft\.sock/)
		assert.match(host.dockerd.log, /WEFT_POOLS=.*10\.0\.0\.0.* is not accepted/)
	})
})

describe('weft as a managed plugin from a registry', { skip: noRegistry() }, () => {
	const ref = (tag: string) => `${REGISTRY}/weft:${tag}`
	let host: Host
	let second: string

	before(async () => {
		host = await startHost({ weftd: false })
		await startRegistry(host)
		second = await mkdtemp(join(tmpdir(), 'weft-plugin-'))
		await buildPlugin(second)
		await push('1', folder())
		await push('2', second)
	})
	after(async () => {
		await host?.stop()
		await rm(second, { recursive: true, force: true })
	})

	async function push(tag: string, from: string): Promise<void> {
		await host.docker('plugin', 'create', ref(tag), from)
		await host.docker('plugin', 'push', ref(tag))
		await host.docker('plugin', 'rm', ref(tag))
	}

	/** What the registry has of it: digests of all that it consists of. */
	function manifest(tag: string): Promise<string> {
		const accept = 'Accept: application/vnd.docker.distribution.manifest.v2+json'
		const url = `http://${REGISTRY}/v2/weft/manifests/${tag}`
		return host.exec(['busybox', 'wget', '-q', '-O', '-', '--header', accept, url])
	}

	it('is the same, to the byte, each time that it is built, and has less than 130 MB', async () => {
		assert.match(await manifest('1'), /"digest": *"sha256:/)
		assert.equal(await manifest('1'), await manifest('2'))
		assert.ok(Number.parseInt(await run(['du', '-s', '-BMB', folder()]), 10) < 130)
	})

	it('is installed with its settings, and upgraded under running containers', async () => {
		const words = ['--alias', 'weft', '--grant-all-permissions']
		await host.docker('plugin', 'install', ...words, ref('1'), STATE, 'WEFT_POOLS=10.99.0.0/16:24')
		await host.docker('network', 'create', '--driver', DRIVER, '--ipam-driver', DRIVER, 'net')
		await host.docker('run', '-d', '--name', 'one', '--net', 'net', '-p', '8080:80', IMAGE)
		const server = await serve(await inContainer(host, 'one'), 'tcp', 80)
		const conversation = await converse(outsideOf(host), HOST_V4, 8080)

		await host.docker('plugin', 'disable', '-f', 'weft')
		await host.docker('plugin', 'upgrade', '--skip-remote-check', '--grant-all-permissions', 'weft', ref('2'))
		await conversation.echo('while there is no plugin')
		await host.docker('plugin', 'enable', 'weft')
		await conversation.echo('with the new one')
		await conversation.stop()
		assert.match(await host.docker('plugin', 'inspect', '-f', '{{.PluginReference}}', 'weft'), /:2$/)

		await host.docker('run', '-d', '--name', 'two', '--net', 'net', IMAGE)
		assert.match(await addressOf(host, 'two', 'net'), /^10\.99\.0\./)
		await assertPings(await inContainer(host, 'two'), await addressOf(host, 'one', 'net'))
		await server.stop()
		await host.docker('rm', '-f', 'one', 'two')
		await host.docker('network', 'rm', 'net')
	})
})
