/** weftd as a member of a cluster: real processes on hosts of their own around a real etcd, as people see them by `weft`. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { NodeView, Status } from '../../src/admin/api.ts'
import { AdminClient } from '../../src/cli/client.ts'
import { isCode } from '../../src/errors.ts'
import { type Etcd, makeCertificates, noEtcd, startEtcd } from '../support/etcd.ts'
import { eventually } from '../support/eventually.ts'
import { type Netns, noNetns, openNetns } from '../support/netns.ts'
import { answers } from '../support/unix-socket.ts'

const WEFTD = fileURLToPath(new URL('../../src/weftd.js', import.meta.url))
const HUB = '10.77.0.1'

interface Weftd {
	readonly admin: AdminClient
	readonly socket: string
	readonly child: ChildProcess
	readonly ended: Promise<unknown>
	log(): string
}

describe('weftd in a cluster', { skip: noNetns('nft') || noEtcd() }, () => {
	const hooks: (() => Promise<void>)[] = []
	const scope = { after: (work: () => Promise<void>) => void hooks.push(work) }
	let hub: Netns
	let etcd: Etcd
	let root: string
	const hosts: Netns[] = []

	before(async () => {
		root = await mkdtemp(join(tmpdir(), 'weft-cluster-'))
		scope.after(() => rm(root, { recursive: true, force: true }))
		hub = await openNetns(scope)
		await hub.run('ip', 'link', 'add', 'hub', 'type', 'bridge')
		await hub.run('ip', 'address', 'add', `${HUB}/24`, 'dev', 'hub')
		await hub.run('ip', 'link', 'set', 'hub', 'up')
		for (const n of [1, 2]) hosts.push(await openHost(n))
		etcd = await startHubsEtcd()
	})
	after(async () => {
		for (const each of hooks.toReversed()) await each()
	})

	async function openHost(n: number): Promise<Netns> {
		const host = await openNetns(scope)
		const [, pid = ''] = /^\/proc\/(\d+)\//.exec(host.path) ?? []
		await hub.run('ip', 'link', 'add', `to${n}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', pid)
		await hub.run('ip', 'link', 'set', `to${n}`, 'up', 'master', 'hub')
		await host.run('ip', 'address', 'add', `10.77.0.1${n}/24`, 'dev', 'eth0')
		await host.run('ip', 'link', 'set', 'eth0', 'up')
		await host.run('ip', 'route', 'add', 'default', 'via', HUB)
		return host
	}

	async function startHubsEtcd(settings: Parameters<typeof startEtcd>[2] = {}): Promise<Etcd> {
		const at = { enter: ['nsenter', `--net=${hub.path}`], address: HUB }
		const [started] = await startEtcd(scope, 1, { ...settings, at })
		assert.ok(started)
		return started
	}

	/** On host 1 or 2, with a state of its name; ends with the test. */
	function start(t: TestContext, n: 1 | 2, name: string, ...flags: string[]): Weftd {
		const folder = join(root, name)
		const socket = join(folder, 'weft.sock')
		const adminSocket = join(folder, 'admin')
		const places = ['--state-dir', join(folder, 'state'), '--socket', socket, '--admin-socket', adminSocket]
		const argv = [`--net=${hosts[n - 1]?.path}`, process.execPath, WEFTD, ...places, '--node', name, ...flags]
		const child = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'pipe'] })
		let log = ''
		for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (log += text))
		const ended = once(child, 'close').then(([code, signal]) => code ?? signal)
		t.after(async () => {
			child.kill('SIGKILL')
			await ended
		})
		return { admin: new AdminClient(adminSocket), socket, child, ended, log: () => log }
	}

	async function serving(weftd: Weftd): Promise<Weftd> {
		const serves = async () =>
			weftd.log().includes('"restored"') && (await answers(weftd.socket, 'POST', '/Plugin.Activate'))
		await eventually(serves, { what: () => `weftd serves; ${weftd.log()}`, within: 30_000 })
		return weftd
	}

	/** Until it says so of itself. */
	async function isMember({ admin, log }: Weftd): Promise<void> {
		const member = async () => {
			const { cluster } = await admin.get<Status>('/status')
			return cluster?.member === true && cluster.reached
		}
		await eventually(member, { what: () => `is a member; ${log()}`, within: 20_000 })
	}

	async function end({ child, ended }: Weftd): Promise<unknown> {
		child.kill('SIGTERM')
		return await ended
	}

	it('lists the hosts, each with its name and the address of its default route, and forgets one that is gone', async (t) => {
		const flags = ['--cluster', etcd.url, '--node-retirement', '5min']
		const [a, b] = await Promise.all([serving(start(t, 1, 'a', ...flags)), serving(start(t, 2, 'b', ...flags))])
		await Promise.all([isMember(a), isMember(b)])
		const nodes = () => a.admin.get<NodeView[]>('/nodes')
		await eventually(async () => (await nodes()).filter(({ present }) => present).length === 2, { within: 10_000 })
		const none = { networks: 0, blocks: 0, addresses: 0 }
		assert.deepEqual(await nodes(), [
			{ name: 'a', address: '10.77.0.11', present: true, self: true, ...none },
			{ name: 'b', address: '10.77.0.12', present: true, self: false, ...none },
		])
		const { cluster } = await b.admin.get<Status>('/status')
		assert.deepEqual(cluster, {
			reached: true,
			problem: null,
			member: true,
			address: '10.77.0.12',
			hosts: 2,
			present: 2,
		})
		const metrics = await b.admin.text('/metrics')
		for (const line of [/^weft_cluster_reached 1$/m, /^weft_cluster_hosts 2$/m]) assert.match(metrics, line)
		await assert.rejects(a.admin.delete('/nodes/b'), (error) => /the host b is there/.test(String(error)))
		await assert.rejects(a.admin.delete('/nodes/c'), (error) => isCode(error, 'not-found'))
		assert.equal(await end(b), 0)
		// It is shown for half a minute more, which nobody waits for here.
		await etcd.ctl('del', 'weft/present/b')
		await a.admin.delete('/nodes/b')
		await eventually(async () => (await nodes()).length === 1)
		assert.equal(await end(a), 0)
	})

	it('serves while no etcd is there, is a member when one comes, and again when it was away', async (t) => {
		const own = await startHubsEtcd()
		await own.stop()
		const weftd = await serving(start(t, 1, 'c', '--cluster', own.url))
		const status = async () => (await weftd.admin.get<Status>('/status')).cluster
		await eventually(async () => /etcd gives no answer/.test((await status())?.problem ?? ''))
		const before = await status()
		assert.equal(before?.reached, false)
		assert.equal(before?.member, false)
		assert.equal(before?.hosts, null)
		await assert.rejects(weftd.admin.get('/nodes'), (error) => /was not reached yet: etcd gives no/.test(String(error)))
		assert.match(await weftd.admin.text('/metrics'), /^weft_cluster_reached 0$/m)
		own.start()
		await isMember(weftd)
		await own.stop()
		await eventually(async () => (await status())?.reached === false, { within: 20_000 })
		assert.equal((await status())?.member, true)
		assert.equal((await status())?.hosts, 1)
		own.start()
		await eventually(async () => (await status())?.reached === true, { within: 20_000 })
		const complaints = weftd.log().match(/the cluster is not reached/g)
		assert.equal(complaints?.length, 2, weftd.log())
		await own.stop()
		assert.equal(await end(weftd), 0)
	})

	it('follows its address, which the others see without a start anywhere, and keeps it without a default route', async (t) => {
		const host = hosts[0]
		assert.ok(host)
		const route = (...argv: string[]) => host.run('ip', 'route', 'replace', 'default', 'via', HUB, ...argv)
		const weftd = await serving(start(t, 1, 'd', '--cluster', etcd.url))
		await isMember(weftd)
		const address = async () => {
			const all = await weftd.admin.get<NodeView[]>('/nodes')
			return all.find(({ name }) => name === 'd')?.address
		}
		await eventually(async () => (await address()) === '10.77.0.11')
		await host.run('ip', 'address', 'add', '10.77.0.99/24', 'dev', 'eth0')
		t.after(async () => {
			await route()
			await host.run('ip', 'address', 'del', '10.77.0.99/24', 'dev', 'eth0')
		})
		await route('src', '10.77.0.99')
		await eventually(async () => (await address()) === '10.77.0.99', { within: 20_000 })

		await host.run('ip', 'route', 'del', 'default')
		const shown = () => etcd.ctl('get', 'weft/present/d', '--write-out', 'json')
		const [, lease = ''] = /"lease":(\d+)/.exec(await shown()) ?? []
		await etcd.ctl('lease', 'revoke', BigInt(lease).toString(16))
		await eventually(async () => (await shown()).includes('"lease"'), { within: 20_000 })
		assert.equal(await address(), '10.77.0.99')
		await end(weftd)
	})

	it('breaks off what it asks etcd when it is told to end', async (t) => {
		const own = await startHubsEtcd()
		const weftd = await serving(start(t, 1, 'i', '--cluster', own.url))
		await isMember(weftd)
		own.signal('SIGSTOP')
		const asking = assert.rejects(weftd.admin.delete('/nodes/x'), /weft is ending/)
		// It has been asked when what comes after it is answered.
		await weftd.admin.get<Status>('/status')
		assert.equal(await end(weftd), 0)
		await asking
	})

	it('says what keeps it out: another host with its name, and no address', async (t) => {
		const flags = ['--cluster', etcd.url]
		const first = await serving(start(t, 1, 'e', ...flags))
		await isMember(first)
		const second = await serving(start(t, 2, 'e2', ...flags, '--node', 'e'))
		const problem = async ({ admin }: Weftd) => (await admin.get<Status>('/status')).cluster?.problem ?? ''
		await eventually(async () =>
			/WEFT_NODE=e is the name of another host .* at 10\.77\.0\.11/.test(await problem(second)),
		)
		await Promise.all([end(first), end(second)])
		await hosts[1]?.run('ip', 'route', 'del', 'default')
		const third = await serving(start(t, 2, 'e3', ...flags))
		await eventually(async () => /no default route, .*: set WEFT_NODE_ADDRESS/.test(await problem(third)))
		await hosts[1]?.run('ip', 'route', 'add', 'default', 'via', HUB)
		await isMember(third)
		await end(third)
	})

	it('shows certificates, and is refused where one cannot be used, before anything is touched', async (t) => {
		const tls = await makeCertificates(t, HUB)
		const own = await startHubsEtcd({ tls })
		const files = ['--cluster-ca', tls.ca, '--cluster-cert', tls.cert]
		const weftd = await serving(start(t, 1, 'f', '--cluster', own.url, ...files, '--cluster-key', tls.key))
		await isMember(weftd)
		await end(weftd)
		for (const [flags, said] of [
			[[...files, '--cluster-key', '/none'], /WEFT_CLUSTER_KEY="\/none" cannot be read: .*ENOENT/],
			[files, /WEFT_CLUSTER_CERT and WEFT_CLUSTER_KEY belong together: set both, or none/],
		] as const) {
			const refused = start(t, 1, 'g', '--cluster', own.url, ...flags)
			assert.equal(await refused.ended, 1)
			assert.match(refused.log(), said)
		}
	})

	it('has none without WEFT_CLUSTER, and says so', async (t) => {
		const weftd = await serving(start(t, 1, 'h'))
		assert.equal((await weftd.admin.get<Status>('/status')).cluster, null)
		await assert.rejects(weftd.admin.get('/nodes'), (error) =>
			/in no cluster: WEFT_CLUSTER is empty/.test(String(error)),
		)
		assert.doesNotMatch(await weftd.admin.text('/metrics'), /weft_cluster/)
		await end(weftd)
	})
})
