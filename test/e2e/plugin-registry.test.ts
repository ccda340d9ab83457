/** weft as a managed plugin out of a registry: pushed, installed with its settings, and upgraded under each kind of network. */

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { run } from '../support/command.ts'
import { loopbackOf, noEtcd, startEtcd } from '../support/etcd.ts'
import { type Host, startHost } from '../support/host.ts'
import { HOST_V4 } from '../support/host-namespaces.ts'
import { noRegistry, REGISTRY, startRegistry } from '../support/registry.ts'
import {
	assertPings,
	type Conversation,
	converse,
	inContainer,
	outsideOf,
	type Server,
	serve,
} from '../support/traffic.ts'
import { buildPlugin, builtPlugin, createManagedNetwork, STATE } from './managed.ts'
import { addressOf, runContainer } from './networks.ts'

/** A bridge, a macvlan and an overlay. */
const NETWORKS = ['net', 'lan', 'wide']
const folder = builtPlugin()

describe('weft as a managed plugin from a registry', { skip: noRegistry() || noEtcd() }, () => {
	const ref = (tag: string) => `${REGISTRY}/weft:${tag}`
	let host: Host
	let second: string
	let cluster: string
	const endings: (() => Promise<void>)[] = []
	const servers: Server[] = []

	before(async () => {
		host = await startHost({ weftd: false })
		await startRegistry(host)
		const [etcd] = await startEtcd({ after: (work) => endings.push(work) }, 1, { at: loopbackOf(host) })
		cluster = etcd?.url ?? ''
		second = await mkdtemp(join(tmpdir(), 'weft-plugin-'))
		await buildPlugin(second)
		await push('1', folder())
		await push('2', second)
	})
	after(async () => {
		await host?.stop()
		for (const end of endings) await end()
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

	/** One on each kind of network, with a server on port 80. */
	async function createNetworks(): Promise<void> {
		await host.exec(['ip', 'addr', 'add', '192.168.9.2/24', 'dev', 'eth0'])
		await host.outside(['ip', 'addr', 'add', '192.168.9.1/24', 'dev', 'up0'])
		await createManagedNetwork(host, 'net')
		await createManagedNetwork(host, 'lan', '-o', 'mode=macvlan', '-o', 'parent=eth0', '--subnet', '192.168.9.0/24')
		await createManagedNetwork(host, 'wide', '-o', 'mode=overlay', '--subnet', '10.98.0.0/24')
		await runContainer(host, 'net-1', 'net', '-p', '8080:80')
		await runContainer(host, 'lan-1', 'lan', '--ip', '192.168.9.50')
		await runContainer(host, 'wide-1', 'wide')
		for (const network of NETWORKS) servers.push(await serve(await inContainer(host, `${network}-1`), 'tcp', 80))
	}

	/** To the container on each, from where it is reached. */
	async function converseOnEach(): Promise<Conversation[]> {
		await runContainer(host, 'client', 'wide')
		return [
			await converse(outsideOf(host), HOST_V4, 8080),
			await converse(outsideOf(host), '192.168.9.50', 80),
			await converse(await inContainer(host, 'client'), await addressOf(host, 'wide-1', 'wide'), 80),
		]
	}

	async function echo(conversations: readonly Conversation[], line: string): Promise<void> {
		for (const each of conversations) await each.echo(line)
	}

	/** One that starts later reaches the first. */
	async function assertGrows(network: string): Promise<void> {
		await runContainer(host, `${network}-2`, network)
		await assertPings(await inContainer(host, `${network}-2`), await addressOf(host, `${network}-1`, network))
	}

	it('is the same, to the byte, each time that it is built, and has less than 130 MB', async () => {
		assert.match(await manifest('1'), /"digest": *"sha256:/)
		assert.equal(await manifest('1'), await manifest('2'))
		assert.ok(Number.parseInt(await run(['du', '-s', '-BMB', folder()]), 10) < 130)
	})

	it('is installed with its settings, and upgraded under running containers on a bridge, a macvlan and an overlay', async () => {
		const words = ['--alias', 'weft', '--grant-all-permissions']
		const settings = [STATE, 'WEFT_POOLS=10.99.0.0/16:24', `WEFT_CLUSTER=${cluster}`]
		await host.docker('plugin', 'install', ...words, ref('1'), ...settings)
		await createNetworks()
		const conversations = await converseOnEach()

		await host.docker('plugin', 'disable', '-f', 'weft')
		await host.docker('plugin', 'upgrade', '--skip-remote-check', '--grant-all-permissions', 'weft', ref('2'))
		await host.docker('plugin', 'set', 'weft', 'WEFT_LOG_LEVEL=debug')
		await echo(conversations, 'while there is no plugin')
		await host.docker('plugin', 'enable', 'weft')
		await echo(conversations, 'with the new one')
		for (const each of [...conversations, ...servers]) await each.stop()

		assert.match(await host.docker('plugin', 'inspect', '-f', '{{.PluginReference}}', 'weft'), /:2$/)
		assert.match(await host.docker('plugin', 'inspect', '-f', '{{.Settings.Env}}', 'weft'), /=10\.99\.0\.0.*=debug/)
		for (const network of NETWORKS) await assertGrows(network)
	})

	it('has what it made taken away by the new one', async () => {
		await host.exec(['sh', '-c', 'docker ps -aq | xargs docker rm -f'])
		await host.docker('network', 'rm', ...NETWORKS)
		await host.docker('plugin', 'disable', 'weft')
		assert.doesNotMatch(await host.exec(['ip', '-br', 'link']), /^w/m)
	})
})
