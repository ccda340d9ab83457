/**
 * Users at work on a real dockerd for WEFT_TEST_SOAK seconds, while weftd and dockerd are restarted and killed and the firewall flushed:
 * in the end nothing is different from what it was, and in five minutes or more memory has stayed what it was after the
 * first. WEFT_TEST_SEED repeats what the users do, but not the moments.
 */

import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import type { Counts, Status } from '../../src/admin/api.ts'
import { eventually } from '../support/eventually.ts'
import { type Host, noHost, startHost } from '../support/host.ts'
import { IMAGE } from '../support/image.ts'
import { assertFootprint, type Footprint, footprint } from './footprint.ts'
import { createNetwork } from './networks.ts'

const SECONDS = Number(process.env.WEFT_TEST_SOAK ?? 30)
const SEED = Number(process.env.WEFT_TEST_SEED ?? Date.now() % 2 ** 31)
const USERS = 3
/** The share of the time in which weftd and dockerd die as well; memory is that of the process that lives after it. */
const DEADLY = 0.4
/** Seconds for which memory is told of at least. */
const LONG = 300
const MINUTE = 60_000
/** Of memory, as a share of what it was. */
const FLAT = 0.1
const PATIENCE = 90_000
const WEFT = fileURLToPath(new URL('../../src/weft.js', import.meta.url))
/** What weft does every few minutes comes every few seconds. */
const HASTEN = new URL('../support/hasten.js', import.meta.url)
const NETWORKS: Readonly<Record<string, readonly string[]>> = {
	plain: [],
	dual: ['--ipv6'],
	closed: ['--internal'],
	lan: ['-o', 'mode=macvlan', '-o', 'parent=eth0', '--subnet', '203.0.113.0/24', '--ip-range', '203.0.113.128/25'],
	empty: ['-o', 'mode=none'],
}

const ACTIONS = [
	'run',
	'publish',
	'connect',
	'disconnect',
	'restart',
	'stop',
	'start',
	'kill',
	'remove',
	'remake',
] as const
const BLOWS: Readonly<Record<string, readonly string[]>> = {
	'flushed nftables': ['nft', 'flush', 'ruleset'],
	"deleted weft's table": ['nft', 'delete', 'table', 'inet', 'weft'],
	'flushed FORWARD': ['iptables', '-F', 'FORWARD'],
}

describe('users at work', { skip: noHost() }, () => {
	let host: Host
	let clean: Footprint
	/** Networks come and go while weft is there: a call that is lost before Docker was ever asked proves nothing. */
	let calm: Promise<void> = Promise.resolve()
	let isOver = false
	const done = new Map<string, number>()

	before(async () => {
		host = await startHost({
			dockerdArgs: ['--live-restore'],
			env: { NODE_OPTIONS: `--import=${HASTEN.href}`, WEFT_LOG_LEVEL: 'warn' },
		})
		await makeNetworks()
		for (const name of Object.keys(NETWORKS)) await host.docker('run', '--rm', '--net', name, IMAGE, 'true')
		await removeNetworks()
		await freshFirewall()
		clean = await footprint(host)
	})
	after(() => host?.stop())

	it('leave nothing', { timeout: 2 * MINUTE + 2000 * SECONDS + 4 * PATIENCE }, async (t) => {
		t.diagnostic(`WEFT_TEST_SEED=${SEED}`)
		await makeNetworks()
		const end = Date.now() + SECONDS * 1000
		const users = Array.from({ length: USERS }, (_, user) => work(user))
		await disturb(Date.now() + SECONDS * 1000 * DEADLY, true)
		const [early, late] = await measured(end)
		isOver = true
		await Promise.all(users)
		t.diagnostic(JSON.stringify(Object.fromEntries([...done].sort())))
		await removeAll()
		await assertNothingLeft()
		assertFlat(t, early, late)
	})

	/** Both within the life of one weftd: kibibytes a minute after its start, or half way, and in the end. */
	async function measured(end: number): Promise<readonly [early: number, late: number]> {
		await disturb(Math.min(Date.now() + MINUTE, (Date.now() + end) / 2), false)
		const early = await resident()
		await disturb(end, false)
		return [early, await resident()]
	}

	function assertFlat(t: TestContext, early: number, late: number): void {
		t.diagnostic(`weftd had ${early} KiB and has ${late} KiB`)
		if (SECONDS >= LONG) assert.ok(Math.abs(late - early) <= FLAT * early, `${early} KiB became ${late} KiB`)
	}

	/** The least of several looks: garbage is none of it. */
	async function resident(): Promise<number> {
		const looks: number[] = []
		for (let look = 0; look < 10; look++) {
			const status = await host.exec(['sh', '-c', 'cat "/proc/$(cat /run/weftd.test-pid)/status"'])
			looks.push(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]))
			await sleep(200)
		}
		return Math.min(...looks)
	}

	/** Until then, something every second or two. */
	async function disturb(until: number, deadly: boolean): Promise<void> {
		for (let round = 0; Date.now() < until; round++) {
			await sleep(Math.max(0, Math.min(1500, until - Date.now())))
			const blows = Object.entries(BLOWS)
			const [what, argv] = blows[round % blows.length] ?? ['', []]
			await host.attempt(argv)
			count(what)
			if (deadly) await alone(() => (round % 3 === 2 ? replaceDockerd() : replaceWeftd(round % 2 === 0)))
		}
	}

	async function replaceWeftd(gently: boolean): Promise<void> {
		count(gently ? 'stopped weftd' : 'killed weftd')
		if (gently) await host.stopWeftd()
		else await host.killWeftd()
		await host.startWeftd()
	}

	/** Its containers go on. */
	async function replaceDockerd(): Promise<void> {
		count('killed dockerd')
		await host.stopDockerd('SIGKILL')
		await host.startDockerd()
	}

	/** One after the other. */
	function alone(what: () => Promise<void>): Promise<void> {
		const mine = calm.then(what)
		calm = mine.catch(() => undefined)
		return mine
	}

	function count(what: string): void {
		done.set(what, (done.get(what) ?? 0) + 1)
	}

	/** Docker may refuse, as where weft is away or a port is taken. */
	async function ask(...words: readonly string[]): Promise<void> {
		const { code } = await host.attemptDocker(...words)
		count(`${words[0]}${words[0] === 'network' ? ` ${words[1]}` : ''}${code === 0 ? '' : ' refused'}`)
	}

	async function work(user: number): Promise<void> {
		const names = Object.keys(NETWORKS)
		const step = fc.record({
			action: fc.constantFrom(...ACTIONS),
			container: fc.nat(2).map((n) => `c${user}-${n}`),
			network: fc.constantFrom(...names),
			port: fc.integer({ min: 8000, max: 8020 }).map((port) => `${port}:80`),
		})
		for (let part = 0; !isOver; part++) {
			for (const { action, container, network, port } of fc.sample(step, {
				seed: SEED + part * USERS + user,
				numRuns: 50,
			})) {
				if (isOver) return
				await act(action, container, network, port, `own-${user}`)
			}
		}
	}

	async function act(
		action: (typeof ACTIONS)[number],
		container: string,
		network: string,
		port: string,
		own: string,
	): Promise<void> {
		switch (action) {
			case 'run':
				return ask('run', '-d', '--name', container, '--net', network, IMAGE)
			case 'publish':
				return ask('run', '-d', '--name', container, '--net', network, '-p', port, IMAGE)
			case 'connect':
			case 'disconnect':
				return ask('network', action, network, container)
			case 'restart':
			case 'stop':
				return ask(action, '-t', '0', container)
			case 'remove':
				return ask('rm', '-f', container)
			case 'remake':
				return alone(async () => {
					await ask('network', 'rm', own)
					await ask('network', 'create', '--driver', 'weft', '--ipam-driver', 'weft', own)
				})
			default:
				return ask(action, container)
		}
	}

	async function makeNetworks(): Promise<void> {
		for (const [name, words] of Object.entries(NETWORKS)) await createNetwork(host, name, ...words)
	}

	async function removeNetworks(): Promise<void> {
		await host.docker('network', 'rm', ...Object.keys(NETWORKS))
	}

	/** Docker's own rules, as it makes them at its start. */
	async function freshFirewall(): Promise<void> {
		await host.exec(['nft', 'flush', 'ruleset'])
		await host.stopDockerd()
		await host.startDockerd()
	}

	async function removeAll(): Promise<void> {
		const ids = (await host.docker('ps', '-aq')).split('\n').filter((id) => id !== '')
		if (ids.length > 0) await host.docker('rm', '-f', ...ids)
		for (let user = 0; user < USERS; user++) await host.attemptDocker('network', 'rm', `own-${user}`)
	}

	/** Of calls that got lost something is left until Docker was asked, which is only while it calls. */
	async function assertNothingLeft(): Promise<void> {
		let last: Counts | undefined
		const count = Object.keys(NETWORKS).length
		// One of them has two pools.
		const isEmpty = async (): Promise<boolean> => {
			await host.attemptDocker('run', '--rm', '--net', 'plain', IMAGE, 'true')
			const { counts }: Status = JSON.parse(await host.exec([process.execPath, WEFT, 'status', '--json']))
			last = counts
			return counts.networks === count && counts.endpoints === 0 && counts.ports === 0 && counts.pools === count + 1
		}
		const what = () => `${count} networks alone, and not ${JSON.stringify(last)}; ${host.weftd.tail()}`
		await eventually(isEmpty, { what, within: PATIENCE })
		assert.equal((await host.attempt([process.execPath, WEFT, 'diff'])).stdout, '')
		await removeNetworks()
		const { counts }: Status = JSON.parse(await host.exec([process.execPath, WEFT, 'status', '--json']))
		assert.deepEqual(counts, { networks: 0, endpoints: 0, ports: 0, pools: 0, leases: 0 })
		assert.equal((await host.attempt([process.execPath, WEFT, 'diff'])).stdout, '')
		await freshFirewall()
		await assertFootprint(host, clean)
	}
})
