/** The examples of docs/examples/compose, as docker-compose brings them up. */

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { installCompose, noCompose } from '../support/compose.ts'
import { eventually } from '../support/eventually.ts'
import { type Host, startHost } from '../support/host.ts'
import { HOST_V4 } from '../support/host-namespaces.ts'
import { IMAGE, loadImage } from '../support/image.ts'
import { assertFootprint, type Footprint, footprint } from './footprint.ts'

// From dist/test/e2e/ up to the repository.
const EXAMPLES = fileURLToPath(new URL('../../../docs/examples/compose/', import.meta.url))
/** What the web servers of the examples have. */
const PAGE = 'root:x:0:0:root'
const WGET = ['busybox', 'wget', '-q', '-O', '-']

describe('the examples for compose', { skip: noCompose() }, () => {
	let host: Host
	let clean: Footprint
	before(async () => {
		host = await startHost({ weftd: false, dockerd: false })
		await installCompose(host)
		await host.startWeftd()
		await host.startDockerd()
		await loadImage(host)
		await host.docker('tag', IMAGE, 'busybox')
		clean = await footprint(host)
	})
	after(() => host?.stop())

	const compose = (name: string, ...words: string[]) =>
		host.exec(['docker-compose', '-p', name, '-f', `${EXAMPLES}${name}.yaml`, ...words])

	const inside = (name: string, service: string, ...words: string[]) =>
		host.docker('exec', `${name}_${service}_1`, ...words)

	/** Brings an example up, and takes it away whole. */
	async function withExample(name: string, work: () => Promise<void>): Promise<void> {
		await compose(name, 'up', '-d')
		try {
			await work()
		} finally {
			await compose(name, 'down', '-t', '0')
		}
		await assertFootprint(host, clean)
	}

	it('are those of the modes', () => {
		const modes = ['bridge', 'host', 'ipvlan', 'macvlan', 'none']
		assert.deepEqual(
			readdirSync(EXAMPLES).toSorted(),
			modes.map((mode) => `${mode}.yaml`),
		)
	})

	it('bridge: the service is reached by its name, and at the port that is published', async () => {
		await withExample('bridge', async () => {
			assert.match(await inside('bridge', 'client', 'wget', '-q', '-O', '-', 'http://web/passwd'), new RegExp(PAGE))
			assert.match(await host.outside([...WGET, `http://${HOST_V4}:8080/passwd`]), new RegExp(PAGE))
		})
	})

	it('host: the service is at its own port of the host without publishing, and beside others on a network', async () => {
		await withExample('host', async () => {
			const outside = () => host.outside([...WGET, `http://${HOST_V4}:8081/passwd`]).catch(() => '')
			await eventually(async () => (await outside()).includes(PAGE), { what: 'port 8081 of the host' })
			assert.equal(await host.outside([...WGET, `http://${HOST_V4}:8082/passwd`]).catch(() => ''), '')
			assert.match(await inside('host', 'client', 'wget', '-q', '-O', '-', 'http://web:8081/passwd'), new RegExp(PAGE))
		})
	})

	it('none: the container has the loopback alone', async () => {
		await withExample('none', async () => {
			assert.match(await inside('none', 'closed', 'ip', '-o', 'link'), /^1: lo:.*$/)
		})
	})

	it('macvlan: the container has its address on the network of eth0, where others and this host reach it', async () => {
		await host.exec(['ip', 'addr', 'add', '192.168.1.2/24', 'dev', 'eth0'])
		await host.outside(['ip', 'addr', 'add', '192.168.1.1/24', 'dev', 'up0'])
		clean = await footprint(host)
		await withExample('macvlan', async () => {
			for (const get of [host.outside, host.exec]) {
				assert.match(await get.call(host, [...WGET, 'http://192.168.1.200/passwd']), new RegExp(PAGE))
			}
		})
	})

	it('ipvlan: is a file that compose understands; its network needs another kernel than many machines have', async () => {
		const config = await compose('ipvlan', 'config')
		assert.match(config, /^ +ipvlan_mode: l3$/m)
		assert.match(config, /^ +- subnet: 10\.9\.0\.0\/24$/m)
	})
})
