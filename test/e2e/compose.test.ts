/** The examples of docs/examples/compose, as docker-compose brings them up; that of ipvlan in test/vm/compose.ts. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { noCompose } from '../support/compose.ts'
import { loopbackOf, noEtcd, startEtcd } from '../support/etcd.ts'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4 } from '../support/host-namespaces.ts'
import { compose, EXAMPLES, inside, PAGE, startExamplesHost, WGET, withExample } from './examples.ts'
import { type Footprint, footprint } from './footprint.ts'
import { builtPlugin, DRIVER, enablePlugin } from './managed.ts'

const folder = builtPlugin()

describe('an example for compose, with the managed plugin', { skip: noCompose() }, () => {
	let host: Host
	before(async () => {
		host = await startExamplesHost({ weftd: false })
		await enablePlugin(host, folder())
	})
	after(() => host?.stop())

	it('bridge: does the same once both drivers are weft:latest, as it says', async () => {
		const text = readFileSync(`${EXAMPLES}bridge.yaml`, 'utf8')
		assert.match(text, new RegExp(`^# With the managed plugin both drivers are ${DRIVER}\\.$`, 'm'))
		const input = text.replaceAll(/driver: weft$/gm, `driver: ${DRIVER}`)
		const words = ['docker-compose', '-p', 'bridge', '-f', '-']
		await host.exec([...words, 'up', '-d'], { input })
		assert.match(await inside(host, 'bridge', 'client', 'wget', '-q', '-O', '-', 'http://web/passwd'), PAGE)
		assert.equal(await host.docker('network', 'inspect', '-f', '{{.Driver}}', 'bridge_front'), DRIVER)
		await host.exec([...words, 'down', '-t', '0'], { input })
	})
})

describe('the examples for compose', { skip: noCompose() }, () => {
	let host: Host
	let clean: Footprint
	before(async () => {
		host = await startExamplesHost()
		clean = await footprint(host)
	})
	after(() => host?.stop())

	it('are those of the modes', () => {
		const modes = ['bridge', 'container', 'host', 'ipvlan', 'macvlan', 'none', 'overlay']
		assert.deepEqual(
			readdirSync(EXAMPLES).toSorted(),
			modes.map((mode) => `${mode}.yaml`),
		)
	})

	const clientGets = (name: string, url: string) => inside(host, name, 'client', 'wget', '-q', '-O', '-', url)

	it('bridge: the service is reached by its name, and at the port that is published', async () => {
		await withExample(host, 'bridge', clean, async () => {
			assert.match(await clientGets('bridge', 'http://web/passwd'), PAGE)
			assert.match(await host.outside([...WGET, `http://${HOST_V4}:8080/passwd`]), PAGE)
		})
	})

	it('host: the service is at its own port of the host without publishing, and beside others on a network', async () => {
		await withExample(host, 'host', clean, async () => {
			const outside = () => host.outside([...WGET, `http://${HOST_V4}:8081/passwd`]).catch(() => '')
			await eventually(async () => PAGE.test(await outside()), { what: 'port 8081 of the host' })
			assert.equal(await host.outside([...WGET, `http://${HOST_V4}:8082/passwd`]).catch(() => ''), '')
			assert.match(await clientGets('host', 'http://web:8081/passwd'), PAGE)
		})
	})

	it('container: the service is at the addresses and the loopback of the container that it names, which has to be there', async () => {
		await assert.rejects(compose(host, 'container', 'up', '-d'), /there is no container "app" on this host/)
		await compose(host, 'container', 'down')
		await host.docker('run', '-d', '--name', 'app', 'busybox', 'sleep', 'infinity')
		const address = await host.docker('inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'app')
		await withExample(host, 'container', await footprint(host), async () => {
			for (const at of [address, '127.0.0.1']) {
				const get = () => host.docker('exec', 'app', 'wget', '-q', '-O', '-', `http://${at}/passwd`).catch(() => '')
				await eventually(async () => PAGE.test(await get()), { what: at })
			}
			assert.match(await host.exec([...WGET, `http://${address}/passwd`]), PAGE)
		})
		await host.docker('rm', '-f', 'app')
	})

	it('none: the container has the loopback alone', async () => {
		await withExample(host, 'none', clean, async () => {
			assert.match(await inside(host, 'none', 'closed', 'ip', '-o', 'link'), /^1: lo:.*$/)
		})
	})

	it('macvlan: the container has its address on the network of eth0, where others and this host reach it', async () => {
		await host.exec(['ip', 'addr', 'add', '192.168.1.2/24', 'dev', 'eth0'])
		await host.outside(['ip', 'addr', 'add', '192.168.1.1/24', 'dev', 'up0'])
		await withExample(host, 'macvlan', await footprint(host), async () => {
			for (const get of [host.outside, host.exec]) {
				assert.match(await get.call(host, [...WGET, 'http://192.168.1.200/passwd']), PAGE)
			}
		})
	})

	it('overlay: the service is reached by its name, where weftd is in a cluster', { skip: noEtcd() }, async (t) => {
		await assert.rejects(compose(host, 'overlay', 'up', '-d'), /WEFT_CLUSTER/)
		await compose(host, 'overlay', 'down')
		const [etcd] = await startEtcd(t, 1, { at: loopbackOf(host) })
		assert.ok(etcd)
		await host.stopWeftd()
		await host.startWeftd({ WEFT_CLUSTER: etcd.url })
		await withExample(host, 'overlay', await footprint(host), async () => {
			assert.match(await clientGets('overlay', 'http://web/passwd'), PAGE)
			assert.match(await host.docker('network', 'inspect', '-f', '{{.IPAM.Config}}', 'wide'), /10\.98\.0\.0\/20/)
		})
	})
})
