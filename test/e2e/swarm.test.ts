/** Networks for services of Swarm, on a swarm of one node: those of this node alone, and those of the whole swarm. */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4 } from '../support/host-namespaces.ts'
import { IMAGE } from '../support/image.ts'
import { builtPlugin, DRIVER, enablePlugin } from './managed.ts'
import { addressOf, onEngines, startDockerHost } from './networks.ts'

const WEFT = fileURLToPath(new URL('../../src/weft.js', import.meta.url))
/** Of a registry that refuses at once: a node looks for it there before it takes what it has. */
const TASK_IMAGE = 'localhost:1/image'
const folder = builtPlugin()

onEngines('weft in a swarm', (engine) => {
	let host: Host

	before(async () => {
		host = await startDockerHost(engine, { weftd: false })
		await enablePlugin(host, folder(), 'WEFT_POOLS=10.99.0.0/16:24')
		await host.docker('tag', IMAGE, TASK_IMAGE)
		await host.docker('swarm', 'init', '--advertise-addr', HOST_V4)
	})
	after(() => host?.stop())

	/** Without a virtual address, which needs IPVS in the kernel. */
	async function createService(name: string, network: string): Promise<void> {
		const words = ['--detach', '--no-resolve-image', '--endpoint-mode', 'dnsrr', '--replicas', '2', '--name', name]
		await host.docker('service', 'create', ...words, '--network', network, TASK_IMAGE)
	}

	/** The containers of a service, once as many run. */
	async function tasksOf(service: string, count: number): Promise<string[]> {
		const ids = async () => {
			const words = ['--filter', `label=com.docker.swarm.service.name=${service}`, '--filter', 'status=running']
			return (await host.docker('ps', '-q', ...words)).split('\n').filter((id) => id !== '')
		}
		const what = () => `${count} tasks: ${host.dockerd.tail()}`
		await eventually(async () => (await ids()).length === count, { within: 60_000, what })
		return ids()
	}

	/** Each has an address of its own that begins so, and reaches all of them. */
	async function assertTalk(tasks: readonly string[], network: string, prefix: string): Promise<void> {
		const addresses = await Promise.all(tasks.map((id) => addressOf(host, id, network)))
		assert.equal(new Set(addresses).size, tasks.length)
		for (const [place, task] of tasks.entries()) {
			assert.ok(addresses[place]?.startsWith(prefix), addresses.join())
			const interfaces = await host.docker('exec', task, 'ip', '-o', '-4', 'addr', 'show', 'eth0')
			assert.match(interfaces, new RegExp(` ${addresses[place]}/24 `))
			for (const address of addresses) await host.docker('exec', task, 'ping', '-c', '1', '-W', '5', address)
		}
	}

	/** Docker takes it away from the node a moment after its last task. */
	async function removeNetwork(name: string): Promise<void> {
		const remove = () => host.attemptDocker('network', 'rm', name)
		await eventually(async () => (await remove()).code === 0, { within: 30_000, what: `docker network rm ${name}` })
	}

	async function left(path: string): Promise<unknown> {
		const socket = '/run/weft/admin.sock'
		const script = `require('http').get({ socketPath: '${socket}', path: '${path}' }, (r) => r.pipe(process.stdout))`
		return JSON.parse(await host.exec([process.execPath, '-e', script]))
	}

	it('has networks with the settings of each node, for services', async () => {
		const settings = ['--subnet', '10.98.0.0/24', '-o', 'mtu=1400']
		await host.docker('network', 'create', '--config-only', ...settings, 'settings')
		await host.docker('network', 'create', '--scope', 'swarm', '-d', DRIVER, '--config-from', 'settings', 'node')
		await createService('local', 'node')
		const tasks = await tasksOf('local', 2)
		await assertTalk(tasks, 'node', '10.98.0.')
		assert.equal(await host.docker('exec', tasks[0] ?? '', 'cat', '/sys/class/net/eth0/mtu'), '1400')
		await host.docker('service', 'rm', 'local')
		await removeNetwork('node')
		await removeNetwork('settings')
		await eventually(async () => (await host.exec([process.execPath, WEFT, 'ls', '--json'])) === '[]')
	})

	it('has networks of the swarm with WEFT_SCOPE=global, where the manager gives the addresses', async () => {
		await host.docker('plugin', 'disable', 'weft')
		await host.docker('plugin', 'set', 'weft', 'WEFT_SCOPE=global')
		await host.docker('plugin', 'enable', 'weft')
		await host.docker('network', 'create', '-d', DRIVER, '--ipam-driver', DRIVER, 'wide')
		assert.equal(await host.docker('network', 'inspect', '-f', '{{.Scope}}', 'wide'), 'swarm')
		await createService('global', 'wide')
		await assertTalk(await tasksOf('global', 2), 'wide', '10.99.0.')
	})

	it('has them still when the manager was started again, which asks for all of its addresses once more', async () => {
		await host.stopDockerd()
		await host.startDockerd()
		await assertTalk(await tasksOf('global', 2), 'wide', '10.99.0.')
		await host.docker('service', 'scale', '--detach', 'global=3')
		await assertTalk(await tasksOf('global', 3), 'wide', '10.99.0.')
	})

	it('is left with nothing when its services and networks are gone', async () => {
		await host.docker('service', 'rm', 'global')
		await removeNetwork('wide')
		await eventually(async () => JSON.stringify(await left('/pools')) === '[]', { within: 30_000, what: 'no pool' })
		assert.deepEqual(await left('/networks'), [])
	})
})
