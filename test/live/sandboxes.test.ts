/** Containers' network namespaces are found by their links, and what listens in them is seen from outside. */
import assert from 'node:assert/strict'
import { closeSync, openSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Rtnetlink } from '../../src/kernel/netlink/rtnetlink.ts'
import type { Listener } from '../../src/kernel/netlink/sock-diag.ts'
import { bindHostPort } from '../../src/kernel/port-socket.ts'
import type { SandboxSockets } from '../../src/kernel/sandbox.ts'
import { openSandboxes } from '../../src/kernel/sandboxes.ts'
import { formatIp, parseIp } from '../../src/model/address.ts'
import { scratch } from '../store/scratch.ts'
import { eventually } from '../support/eventually.ts'
import { enterOwnNamespace, noBed, Peer, type Place } from './networks-bed.ts'

describe('sandboxes', { skip: noBed() }, () => {
	const rtnetlink = new Rtnetlink()
	let host: Place
	let places: Peer[]
	let sandbox: SandboxSockets

	before(async () => {
		host = await enterOwnNamespace()
		rtnetlink.open()
		places = [await Peer.start(), await Peer.start()]
		for (const [i, { pid }] of places.entries()) {
			await host.ip(`link add wv${i} type veth peer name eth0 netns ${pid}`, `link set wv${i} up`)
		}
		await host.ip('link add wv9 type veth peer name wv9p')
		await host.ip(`link add wv2 type veth peer name eth1 netns ${place(0).pid}`, 'link set wv2 up')
	})
	after(async () => {
		await sandbox?.close()
		await rtnetlink.close()
		await Promise.all((places ?? []).map((each) => each.end()))
	})

	function place(index: number): Peer {
		const found = places[index]
		assert.ok(found)
		return found
	}

	function named({ protocol, ip, port, both }: Listener): string {
		return `${protocol} ${formatIp(ip)} ${port}${both ? ' both' : ''}`
	}

	async function listening(): Promise<string[]> {
		return (await sandbox.listeners()).map(named).sort()
	}

	it('are found by the host’s ends of the links that were moved there, and by no other', async () => {
		const found = await openSandboxes(rtnetlink, ['wv0', 'wv1', 'wv2', 'wv9', 'wv7'])
		assert.deepEqual([...found.keys()].sort(), ['wv0', 'wv1', 'wv2'])
		await found.get('wv2')?.close()
		await place(1).listen('tcp', 4711, '127.0.0.1')
		const [one, other] = [found.get('wv0'), found.get('wv1')]
		assert.ok(one && other)
		assert.deepEqual((await other.listeners()).map(named), ['tcp 127.0.0.1 4711'])
		await other.close()
		sandbox = one
		assert.deepEqual(await listening(), [])
	})

	it('tell of a socket that listens, by each protocol and family, and not of one that is connected', async () => {
		sandbox.stirred()
		assert.equal(sandbox.stirred(), false)
		await place(0).listen('tcp', 80, '0.0.0.0')
		assert.equal(sandbox.stirred(), true)
		await place(0).listen('udp', 53, '127.0.0.1')
		await place(0).listen('tcp', 80, '::')
		await place(0).listen('udp', 53, '::1')
		assert.equal(await place(0).dial('tcp', '127.0.0.1', 80), '127.0.0.1')
		assert.deepEqual(await listening(), ['tcp 0.0.0.0 80', 'tcp :: 80', 'udp 127.0.0.1 53', 'udp ::1 53'])
	})

	it('have their rules made also beside thousands of open files, as long as any number is left that the library can use', async () => {
		const shared = { 4: { own: '10.0.0.2', gateway: '10.0.0.1', outward: [], inward: [] } }
		assert.equal(await sandbox.share(shared), false)
		await place(0).ip('link set eth0 up')
		const files = Array.from({ length: 1100 }, () => openSync('/dev/null', 'r'))
		await assert.rejects(sandbox.share(shared), /too many files are open/)
		for (const fd of files.splice(0)) closeSync(fd)
		const ports = Array.from({ length: 1100 }, (_, i) => bindHostPort('tcp', parseIp('127.0.0.1'), 20_000 + i))
		assert.equal(await sandbox.share(shared), true)
		assert.match(await place(0).run('nft', 'list', 'tables'), /table inet weft-wv0/)
		await sandbox.unshare()
		assert.equal(await place(0).run('nft', 'list', 'tables'), '')
		for (const fd of ports) closeSync(fd)
	})

	it('tell that a socket of IPv6 hears IPv4 as well', async (t) => {
		sandbox.stirred()
		const over = join(await scratch(t), 'over')
		const script = `require('node:net').createServer().listen(81)
			setInterval(() => require('node:fs').existsSync('${over}') && process.exit(), 20)`
		const server = place(0).run(process.execPath, '-e', script)
		await eventually(async () => sandbox.stirred(), { what: 'a socket' })
		await eventually(async () => (await listening()).includes('tcp :: 81 both'), { what: 'the server' })
		await writeFile(over, '')
		await server
		assert.equal(sandbox.stirred(), true)
		assert.ok(!(await listening()).includes('tcp :: 81 both'))
	})

	it('tell of a socket that came while another one went', async (t) => {
		const over = join(await scratch(t), 'over')
		const script = `const net = require('node:net')
			const first = net.createServer().listen(82, '127.0.0.1')
			const timer = setInterval(() => {
				if (!require('node:fs').existsSync('${over}')) return
				clearInterval(timer)
				first.close()
				net.createServer().listen(83, '127.0.0.1', function () { setTimeout(() => this.close(), 2000) })
			}, 20)`
		const server = place(0).run(process.execPath, '-e', script)
		await eventually(async () => (await listening()).includes('tcp 127.0.0.1 82'), { what: 'the first server' })
		await eventually(async () => !sandbox.stirred(), { what: 'nothing new' })
		await writeFile(over, '')
		await eventually(async () => sandbox.stirred() && (await listening()).includes('tcp 127.0.0.1 83'), {
			what: 'the second server',
		})
		await server
	})
})
