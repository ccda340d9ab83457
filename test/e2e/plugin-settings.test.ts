/** Each setting of weft as a managed plugin: `docker plugin enable` refuses a wrong one, and dockerd's log has weft's words. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { ENGINES, OWN_ENGINE } from '../support/engine.ts'
import { eventually } from '../support/eventually.ts'
import { type Host, noHost, startHost } from '../support/host.ts'
import { builtPlugin, STATE } from './managed.ts'

/** From dist/test/e2e/ up to the repository. */
const MANIFEST = new URL('../../../config.json', import.meta.url)

/** Of each setting a value that is accepted, and one that is not. */
const VALUES: Readonly<Record<string, readonly [right: string, wrong: string]>> = {
	WEFT_ADMIN_SOCKET: ['/host/run/other/admin.sock', 'admin.sock'],
	WEFT_CLUSTER: ['', '127.0.0.1:2379'],
	WEFT_CLUSTER_CA: ['', 'ca.pem'],
	WEFT_CLUSTER_CERT: ['', 'cert.pem'],
	WEFT_CLUSTER_KEY: ['', 'cert.key'],
	WEFT_CLUSTER_PASSWORD: ['a b', 'two\nlines'],
	WEFT_CLUSTER_USER: ['root', 'two\nlines'],
	WEFT_DOCKER_HOST: ['tcp://127.0.0.1:2375', '/host/run/docker.sock'],
	WEFT_LOG_LEVEL: ['debug', 'loud'],
	WEFT_METRICS: ['127.0.0.1:9474', '9474'],
	WEFT_NODE: ['alpha', 'two words'],
	WEFT_NODE_ADDRESS: ['192.0.2.7', 'eth0'],
	WEFT_NODE_RETIREMENT: ['12h', '7'],
	WEFT_POOLS: ['10.99.0.0/16:24', '10.0.0.0'],
	WEFT_SCOPE: ['global', 'swarm'],
	WEFT_STATE_DIR: [STATE.slice('WEFT_STATE_DIR='.length), 'weft'],
	WEFT_VXLAN_PORT: ['8472', '70000'],
	WEFT_WIREGUARD_PORT: ['51821', '70000'],
}
const SECRET = 'WEFT_CLUSTER_PASSWORD'
const NAMES = Object.keys(VALUES)
/** Docker tries to start a plugin for 13 s: they are tried side by side. */
const PLUGINS = ['weft1', 'weft2', 'weft3', 'weft4']
/** Docker 20.10 cannot start a plugin again that did not start; the newest can. */
const engine = ENGINES.at(-1) ?? OWN_ENGINE
const folder = builtPlugin()

describe('a setting of the managed plugin', { skip: noHost(engine) }, () => {
	let host: Host

	before(async () => {
		host = await startHost({ engine, weftd: false })
		for (const plugin of PLUGINS) {
			// Newer Docker wants no two of the same bytes.
			await writeFile(join(folder(), 'rootfs', plugin), '')
			await host.docker('plugin', 'create', plugin, folder())
			await set(plugin, 'right', ...NAMES)
		}
		const left = [...NAMES]
		await Promise.all(
			PLUGINS.map(async (plugin) => {
				for (let name = left.shift(); name !== undefined; name = left.shift()) {
					await set(plugin, 'wrong', name)
					await assertNotStarted(plugin)
					await set(plugin, 'right', name)
				}
			}),
		)
	})
	after(() => host?.stop())

	async function set(plugin: string, which: 'right' | 'wrong', ...names: readonly string[]): Promise<void> {
		const words = names.map((name) => `${name}=${VALUES[name]?.[which === 'right' ? 0 : 1]}`)
		await host.docker('plugin', 'set', plugin, ...words)
	}

	/** It has no socket. Sometimes Docker has not done with the last try. */
	async function assertNotStarted(plugin: string): Promise<void> {
		let said = ''
		const noSocket = async () => {
			said = (await host.attemptDocker('plugin', 'enable', plugin)).stderr
			return /weft\.sock: connect: no such file/.test(said)
		}
		await eventually(noSocket, { what: () => said, within: 60_000 })
	}

	it('is one of those that can be set', () => {
		const env: { name: string; settable: string[] | null }[] = JSON.parse(readFileSync(MANIFEST, 'utf8')).env
		const settable = env.filter(({ settable }) => settable !== null).map(({ name }) => name)
		assert.deepEqual(NAMES, settable.toSorted())
	})

	for (const [name, [, wrong]] of Object.entries(VALUES)) {
		it(`${name} is refused with a value that is not accepted, and dockerd's log has why`, () => {
			const shown = name === SECRET ? '***' : JSON.stringify(wrong).slice(1, -1)
			// dockerd writes it in quotes.
			const text = `weftd: ${name}="${shown}" is not accepted: it must be `
				.replaceAll('\\', '\\\\')
				.replaceAll('"', '\\"')
			assert.ok(host.dockerd.log.includes(text), `${text} in ${host.dockerd.log}`)
		})
	}

	it('that names a file is refused where the plugin does not see the file', async () => {
		const words = ['WEFT_CLUSTER=https://127.0.0.1:2379', 'WEFT_CLUSTER_CA=/etc/weft/ca.pem']
		await host.docker('plugin', 'set', 'weft1', ...words)
		await assertNotStarted('weft1')
		assert.match(host.dockerd.log, /weftd: WEFT_CLUSTER_CA=.*\/etc\/weft\/ca\.pem.* cannot be read: ENOENT/)
	})

	it('is accepted with another value, as are all together', async () => {
		await host.docker('plugin', 'enable', 'weft2')
		assert.equal(await host.docker('plugin', 'inspect', '-f', '{{.Enabled}}', 'weft2'), 'true')
	})
})
