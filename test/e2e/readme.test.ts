/** What README says to type to install weft, use it in a swarm and remove it, typed as it stands there on a host with systemd. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '../support/eventually.ts'
import { type Host, noHost, startHost } from '../support/host.ts'
import { HOST_V4 } from '../support/host-namespaces.ts'
import { IMAGE, loadImage } from '../support/image.ts'
import { noRegistry, REGISTRY, startRegistry } from '../support/registry.ts'
import { noSystemd, type Systemd, startSystemd } from '../support/systemd.ts'
import { subnetOf } from './networks.ts'

// From dist/test/e2e/ up to the repository.
const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url))
const README = readFileSync(`${REPOSITORY}README.md`, 'utf8')
const CLONE = '/run/clone'

/** The commands of a section: the lines of its first block. */
function commandsOf(section: string): string[] {
	const [, text = ''] = README.split(new RegExp(`\n##+ ${section}\n`))
	const [, block = ''] = /```sh\n(.*?)\n```/s.exec(text) ?? []
	return block.split('\n')
}

/** A command in the middle of the text, with this registry in it. */
function commandIn(pattern: RegExp): string {
	const [, command = ''] = pattern.exec(README) ?? assert.fail(`README has no ${pattern}`)
	return command.replaceAll('REGISTRY', REGISTRY)
}

describe('what README says to type', { skip: noHost() || noSystemd() || noRegistry() }, () => {
	let host: Host
	let systemd: Systemd

	before(async () => {
		host = await startHost({ weftd: false, dockerd: false })
		await host.exec(['mount', '-t', 'tmpfs', 'tmpfs', '/etc/default'])
		systemd = await startSystemd(host)
		await host.startDockerd()
		await loadImage(host)
		await startRegistry(host)
		// What was compiled here, and packages that were fetched already, are no part of a clone, and the latter need a network.
		const without = ['./.git', './dist', './node_modules'].map((path) => `--exclude=${path}`).join(' ')
		const copy = `mkdir ${CLONE}; tar -C ${REPOSITORY} ${without} -c . | tar -C ${CLONE} -x`
		await host.exec(['sh', '-ec', `${copy}; cp -a ${REPOSITORY}node_modules ${CLONE}/`])
	})
	after(() => host?.stop())

	const type = (command: string) => systemd.exec('bash', '-ec', `cd ${CLONE}\n${command}`)

	async function typeAll(commands: readonly string[]): Promise<void> {
		for (const command of commands) await type(command)
	}

	it('installs it as a service, and takes it away again', async () => {
		const [install = '', ...others] = commandsOf('As a service')
		assert.match(install, /^make install\b/)
		const line = commandIn(/Settings go into `\/etc\/default\/weft`, a line for each: `([^`]+)`/)
		await type(`echo '${line}' >/etc/default/weft`)
		await type(install)
		await host.docker('network', 'create', '--driver', 'weft', '--ipam-driver', 'weft', 'demo')
		assert.match((await subnetOf(host, 'demo')).Subnet, /^10\.50\./)
		await host.docker('run', '--rm', '--net', 'demo', IMAGE, 'true')
		assert.match(await type('docker weft ls'), / demo +bridge /)
		await host.docker('network', 'rm', 'demo')
		await typeAll(others)
		assert.match(await type('! command -v weft; ls -d /var/lib/weft'), /^\/var\/lib\/weft$/)
		// All but what is done by then, and the files of firewalld, which are this machine's.
		await typeAll(commandsOf('Remove it').filter((line) => /^(nft|rm -rf) /.test(line)))
		assert.equal(await type('nft list tables | grep weft || ls -d /var/lib/weft /run/weft 2>/dev/null || true'), '')
	})

	it('builds the managed plugin, and makes a network with it', async () => {
		await typeAll(commandsOf('As a managed plugin'))
		assert.match((await subnetOf(host, 'demo')).Subnet, /^10\.50\./)
		await host.docker('run', '--rm', '--net', 'demo', IMAGE, 'true')
		assert.match(await type('dist/src/weft.js ls; ls -d /var/lib/weft'), / demo +bridge .*\n\/var\/lib\/weft$/)
		await host.docker('network', 'rm', 'demo')
	})

	it('makes a network of a swarm with it, for a service', async () => {
		await host.docker('swarm', 'init', '--advertise-addr', HOST_V4)
		// Of a registry that refuses at once: a node looks for it there before it takes what it has.
		await host.docker('tag', IMAGE, 'localhost:1/image')
		const service = '--name service --detach --no-resolve-image localhost:1/image'
		await typeAll(commandsOf('In a swarm').map((command) => command.replace('…', service)))
		const addresses = async () => await host.docker('network', 'inspect', '-f', '{{json .Containers}}', 'net')
		await eventually(async () => /"10\.98\.1\.\d+\/24"/.test(await addresses()), { what: 'a task', within: 60_000 })
		await host.docker('service', 'rm', 'service')
		const remove = () => host.attemptDocker('network', 'rm', 'net')
		await eventually(async () => (await remove()).code === 0, { what: 'its network goes', within: 30_000 })
		await host.docker('swarm', 'leave', '--force')
		await host.docker('plugin', 'rm', '-f', 'weft')
	})

	it('puts it into a registry, and installs it from there', async () => {
		await type(commandIn(/`(make plugin-push REF=REGISTRY\/weft:1\.0)`/))
		await host.docker('plugin', 'rm', `${REGISTRY}/weft:1.0`)
		await type(`yes | ${commandIn(/`(docker plugin install --alias weft REGISTRY\/weft:1\.0)`/)}`)
		await host.docker('network', 'create', '--driver', 'weft:latest', '--ipam-driver', 'weft:latest', 'demo')
		await host.docker('network', 'rm', 'demo')
		await host.docker('plugin', 'rm', '-f', 'weft')
	})
})
