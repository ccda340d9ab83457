/** `make install` on a host with systemd: the service and the programs that it brings, and what `make uninstall` leaves. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '../support/eventually.ts'
import { type Host, noHost, startHost } from '../support/host.ts'
import { HOST_V4, OUTSIDE_V4 } from '../support/host-namespaces.ts'
import { IMAGE } from '../support/image.ts'
import { noSystemd, type Systemd, startSystemd } from '../support/systemd.ts'
import { converse, dial, inContainer, outsideOf, serve } from '../support/traffic.ts'
import { createNetwork, runContainer } from './networks.ts'

const PLUGIN = fileURLToPath(new URL('../../../plugin/', import.meta.url))
const UNIT = 'weft.service'
/** What no thread has more of: see kernel/capabilities.test.ts. */
const OF_PROCESS = 0x283504n

describe('an installed weft', { skip: noHost() || noSystemd() }, () => {
	let host: Host
	let systemd: Systemd
	let clean: string

	before(async () => {
		host = await startHost({ weftd: false })
		systemd = await startSystemd(host)
		clean = await files()
		assert.match(await systemd.exec(`${PLUGIN}install`), /running as weft\.service/)
	})
	after(() => host?.stop())

	/** What of /usr and of systemd's settings was written since the host began. */
	function files(): Promise<string> {
		return host.exec(['find', '/usr', '/etc/systemd/system', '-newer', '/run/work', '-not', '-type', 'd'])
	}

	const restarts = async () => Number(await systemd.property(UNIT, 'NRestarts'))
	/** Once more than `before`. */
	async function startedAgain(before: number): Promise<void> {
		let found = ''
		const again = async () => {
			found = await systemd.exec('systemctl', 'show', '-p', 'NRestarts,ActiveState,SubState,Result,Job', UNIT)
			return (await restarts()) > before && /^ActiveState=active$/m.test(found)
		}
		await eventually(again, { what: () => `started again, after ${before} restarts: ${found}`, within: 30_000 })
	}

	it('is started by systemd before Docker, and at every boot', async () => {
		assert.equal(await systemd.property(UNIT, 'ActiveState'), 'active')
		assert.equal(await systemd.property(UNIT, 'UnitFileState'), 'enabled')
		assert.match(await systemd.property(UNIT, 'Before'), /\bdocker\.service\b/)
		assert.equal(await host.exec(['systemd-analyze', 'verify', '/usr/lib/systemd/system/weft.service']), '')
	})

	it('says beside its programs what kind of modules they are, since otherwise Node tries the other kind first', async () => {
		assert.equal(JSON.parse(await host.exec(['cat', '/usr/lib/weft/package.json'])).type, 'module')
	})

	/** What a container listens on. Containers are no processes that systemd's own see here: one of those joins them. */
	async function assertFinds(): Promise<void> {
		await createNetwork(host, 'ports', '-o', 'mode=host')
		await runContainer(host, 'open', 'ports')
		const pid = await host.docker('inspect', '-f', '{{.State.Pid}}', 'open')
		const init = await host.exec(['pgrep', '-o', '-x', 'systemd'])
		const waits = ['sh', '-c', 'sleep 60 >/dev/null 2>&1 </dev/null &']
		await host.exec(['nsenter', '-t', init, '-p', `--net=/proc/${pid}/ns/net`, '--', ...waits])
		const server = await serve(await inContainer(host, 'open'), 'tcp', 8081)
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 8081), OUTSIDE_V4)
		await server.stop()
		await host.docker('rm', '-f', 'open')
		await host.docker('network', 'rm', 'ports')
	}

	it('has networks, ports and containers with the rights that its unit leaves it', async () => {
		await createNetwork(host, 'net', '--ipv6')
		await runContainer(host, 'one', 'net', '-p', '80:80')
		await runContainer(host, 'two', 'net')
		await host.docker('exec', 'two', 'ping', '-c', '1', 'one')
		const server = await serve(await inContainer(host, 'one'), 'tcp', 80)
		assert.equal(await dial(outsideOf(host), 'tcp', HOST_V4, 80), OUTSIDE_V4)
		await server.stop()
		await assertFinds()
		const pid = await systemd.property(UNIT, 'MainPID')
		const status = await systemd.exec('cat', `/proc/${pid}/status`)
		assert.match(status, /^CapPrm:\s+0{10}283404$/m)
		assert.match(status, /^CapBnd:\s+0{12}3400$/m, 'of the programs that it starts')
	})

	it('is kept by its unit from what it does not need: other rights, calls and files', async () => {
		const pid = await systemd.property(UNIT, 'MainPID')
		const threads = await systemd.exec('sh', '-c', `cat /proc/${pid}/task/*/status`)
		for (const [, set] of threads.matchAll(/^CapPrm:\s+(\w+)$/gm))
			assert.equal(BigInt(`0x${set}`) & ~OF_PROCESS, 0n, set)
		assert.match(threads, /^NoNewPrivs:\s+1$/m)
		assert.match(threads, /^Seccomp:\s+2$/m)
		const touch = (path: string) => systemd.exec('nsenter', '-t', pid, '-m', '--', 'touch', path)
		for (const folder of ['/run/docker/plugins', '/var/lib/weft']) {
			await touch(`${folder}/note`)
			await systemd.exec('rm', `${folder}/note`)
		}
		for (const folder of ['/usr', '/etc', '/var/cache']) await assert.rejects(touch(`${folder}/note`), /Read-only/)
	})

	it('is asked as weft, and as docker weft', async () => {
		assert.match(await host.exec(['weft', 'status']), /^State: +serving$/m)
		assert.equal(await host.docker('weft', 'ls'), await host.exec(['weft', 'ls']))
		assert.match(await host.docker('weft', 'ports'), /^0\.0\.0\.0:80 /m)
		assert.equal(await host.docker('weft', 'diff'), '')
		const completed = `source /usr/share/bash-completion/completions/weft
			COMP_WORDS=(weft ip ne) COMP_CWORD=2 && _weft && echo "$COMPREPLY"`
		assert.equal(await host.exec(['bash', '-c', completed]), 'net')
	})

	it('is replaced by another under running containers', async () => {
		const server = await serve(await inContainer(host, 'one'), 'tcp', 80)
		const conversation = await converse(outsideOf(host), HOST_V4, 80)
		await systemd.exec('systemctl', 'stop', UNIT)
		await conversation.echo('while there is none')
		await systemd.exec(`${PLUGIN}install`)
		await conversation.echo('with the new one')
		await conversation.stop()
		await server.stop()
		await host.docker('run', '--rm', '--net', 'net', IMAGE, 'ping', '-c', '1', 'one')
	})

	it('is started again when it dies, and when it hangs', async () => {
		const before = await restarts()
		await systemd.exec('systemctl', 'kill', '--kill-who=main', '-s', 'KILL', UNIT)
		// Also served again: whoever restarts a service that systemd is about to start keeps the count of its restarts.
		await startedAgain(before)
		const short = `mkdir -p /run/systemd/system/${UNIT}.d
			printf '[Service]\\nWatchdogSec=3\\n' >/run/systemd/system/${UNIT}.d/watchdog.conf`
		await systemd.exec('sh', '-ec', short)
		await systemd.exec('systemctl', 'daemon-reload')
		await systemd.exec('systemctl', 'restart', UNIT)
		const alive = await restarts()
		await systemd.exec('systemctl', 'kill', '--kill-who=main', '-s', 'STOP', UNIT)
		await startedAgain(alive)
		await host.docker('run', '--rm', '--net', 'net', IMAGE, 'ping', '-c', '1', 'one')
	})

	it('leaves nothing but its state', async () => {
		await host.docker('rm', '-f', 'one', 'two')
		await host.docker('network', 'rm', 'net')
		assert.match(await files(), /\/usr\/sbin\/weftd/)
		await systemd.exec(`${PLUGIN}uninstall`)
		assert.equal(await files(), clean)
		assert.equal((await systemd.exec('systemctl', 'list-units', '--no-legend', UNIT)).trim(), '')
		await host.exec(['test', '-d', '/var/lib/weft'])
	})
})
