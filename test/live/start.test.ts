/** weftd as a process: that there is one of it in a network namespace, and how it ends. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:fs'
import { mkdtemp, open, readdir, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { run } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { type Netns, noNetns, openNetns } from '../support/netns.ts'
import { answers } from '../support/unix-socket.ts'

const WEFTD = fileURLToPath(new URL('../../src/weftd.js', import.meta.url))
const LOCK = new URL('../../src/kernel/lock.js', import.meta.url).href
const QUEUES = '/proc/net/netfilter/nfnetlink_queue'
const WITHOUT_NET_ADMIN = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin']

interface Weftd {
	readonly child: ChildProcess
	readonly folder: string
	readonly socket: string
	log(): string
	/** The exit status, or the signal that ended it. */
	readonly ended: Promise<number | string>
}

describe('weftd', { skip: noNetns('nft') }, () => {
	let root: string
	let number = 0
	const all: Weftd[] = []
	before(async () => {
		root = await mkdtemp(join(tmpdir(), 'weft-start-'))
	})
	after(async () => {
		for (const { child } of all) child.kill('SIGKILL')
		await Promise.all(all.map(({ ended }) => ended))
		await rm(root, { recursive: true, force: true })
	})

	/** With a state and sockets of its own; `by` is a program that runs it. */
	function start({ path }: Netns, folder = join(root, String(++number)), by: readonly string[] = []): Weftd {
		const socket = join(folder, 'weft.sock')
		const settings = ['--state-dir', join(folder, 'state'), '--socket', socket, '--admin-socket', join(folder, 'admin')]
		const argv = [`--net=${path}`, ...by, process.execPath, WEFTD, ...settings]
		const child = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'pipe'] })
		let log = ''
		for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (log += text))
		const ended = once(child, 'close').then(([code, signal]) => code ?? signal)
		const weftd = { child, folder, socket, log: () => log, ended }
		all.push(weftd)
		return weftd
	}

	async function serving(weftd: Weftd): Promise<void> {
		const serves = async () =>
			weftd.log().includes('restored') && (await answers(weftd.socket, 'POST', '/Plugin.Activate'))
		await eventually(serves, { what: () => `weftd serves; ${weftd.log()}`, within: 30_000 })
	}

	/** What a process says that takes weftd's lock of the namespace, and keeps it until the test is over. */
	async function takeLock(scope: TestContext, { path }: Netns, by: readonly string[] = []): Promise<string> {
		const script = `import(process.argv[1]).then(({ lockNetns }) => lockNetns())
			.then(() => console.log('taken'), (error) => console.log(error.message)); process.stdin.resume()`
		const argv = [`--net=${path}`, ...by, process.execPath, '-e', script, LOCK]
		const child = spawn('nsenter', argv, { stdio: ['pipe', 'pipe', 'inherit'] })
		const ended = once(child, 'exit')
		scope.after(async () => {
			child.kill('SIGKILL')
			await ended
		})
		const [said] = await Promise.race([once(child.stdout, 'data'), ended])
		return String(said).trim()
	}

	it('refuses to be the second in a network namespace, with another state too, and touches nothing', async (t) => {
		const [netns, elsewhere] = [await openNetns(t), await openNetns(t)]
		const first = start(netns)
		await serving(first)
		const kernel = async () => [await netns.run('nft', '-j', 'list', 'ruleset'), await netns.ip('link')]
		const found = await kernel()
		const second = start(netns)
		assert.equal(await second.ended, 1, second.log())
		assert.match(second.log(), /^weftd: another weftd has this network namespace .*nfnetlink_queue.*\n$/)
		assert.deepEqual(await kernel(), found)
		assert.deepEqual(await readdir(root), [first.folder.slice(root.length + 1)], 'nor the disk')
		// Where there is no other it starts, and here as soon as the first one is gone, however that ended.
		await serving(start(elsewhere, second.folder))
		first.child.kill('SIGKILL')
		await first.ended
		await serving(start(netns, first.folder))
	})

	it('is kept from starting by nobody who may not change the network', async (t) => {
		const netns = await openNetns(t)
		const powerless = await takeLock(t, netns, WITHOUT_NET_ADMIN)
		assert.match(powerless, /CAP_NET_ADMIN/)
		const weftd = start(netns)
		await serving(weftd)
		weftd.child.kill('SIGTERM')
		assert.equal(await weftd.ended, 0)
		// Whoever may is kept out by the same means as another weftd.
		assert.equal(await takeLock(t, netns), 'taken')
		const late = start(netns, weftd.folder)
		assert.equal(await late.ended, 1)
		assert.match(late.log(), /^weftd: another weftd has this network namespace /)
	})

	it('says that it has to be root where it may not change the network', async (t) => {
		const weftd = start(await openNetns(t), undefined, WITHOUT_NET_ADMIN)
		assert.equal(await weftd.ended, 1)
		assert.match(weftd.log(), /^weftd: .*CAP_NET_ADMIN.*\n$/)
	})

	it('ends cleanly by signals that come together, and while it starts', async (t) => {
		const netns = await openNetns(t)
		const together = start(netns)
		await serving(together)
		for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM'] as const) together.child.kill(signal)
		assert.equal(await together.ended, 0, together.log())
		assert.equal(together.log().match(/"msg":"stopping/g)?.length, 1, together.log())
		assert.ok(!(await readdir(together.folder)).includes('weft.sock'))

		const early = start(netns, together.folder)
		await eventually(async () => (await netns.run('cat', QUEUES)) !== '', { what: 'it has begun' })
		early.child.kill('SIGTERM')
		assert.equal(await early.ended, 0, early.log())
		assert.deepEqual(await readdir(early.folder), ['state'])
	})

	it('ends at once when it is interrupted again while it waits for a call', async (t) => {
		const weftd = start(await openNetns(t))
		await serving(weftd)
		const caller = connect(weftd.socket)
		t.after(() => caller.destroy())
		// Without its body, which weftd asks for when it has the rest.
		const head = ['POST /Plugin.Activate HTTP/1.1', 'Host: x', 'Content-Length: 9', 'Expect: 100-continue', '', '']
		caller.on('error', () => undefined).write(head.join('\r\n'))
		await once(caller, 'data')
		weftd.child.kill('SIGINT')
		await eventually(() => weftd.log().includes('"msg":"stopping'), { what: 'it stops' })
		weftd.child.kill('SIGINT')
		assert.equal(await weftd.ended, 130, weftd.log())
		await serving(start(await openNetns(t), weftd.folder))
	})

	it('ends, asked once or twice, while nobody reads what it says into a pipe that is full', async (t) => {
		const netns = await openNetns(t)
		const fifo = join(root, 'log')
		await run(['mkfifo', fifo])
		const pipe = await open(fifo, constants.O_RDWR | constants.O_NONBLOCK)
		t.after(() => pipe.close())
		const page = Buffer.alloc(4096)
		await assert.rejects(async () => {
			for (;;) await pipe.write(page)
		}, /EAGAIN/)
		for (const signals of [['SIGTERM'], ['SIGINT', 'SIGINT']] as const) {
			const weftd = start(netns, undefined, ['sh', '-c', 'exec "$@" >"$0"', fifo])
			await eventually(() => answers(weftd.socket, 'POST', '/Plugin.Activate'), { what: 'it serves', within: 30_000 })
			let code: number | string | undefined
			void weftd.ended.then((result) => (code = result))
			for (const signal of signals) weftd.child.kill(signal)
			await eventually(() => code !== undefined, { what: 'it has ended' })
		}
	})
})
