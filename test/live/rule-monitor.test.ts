/** Changes that others make to rules are told of with who made them; weft's own never are, and cost nothing. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Firewall } from '../../src/kernel/firewall.ts'
import { LegacyIptables } from '../../src/kernel/legacy-iptables.ts'
import type { Monitor } from '../../src/kernel/netlink/monitor.ts'
import { Nft } from '../../src/kernel/nftables.ts'
import type { Element } from '../../src/kernel/resource.ts'
import { ruleMonitor } from '../../src/kernel/rule-monitor.ts'
import { run } from '../support/command.ts'
import { enterOwnNamespace, noBed } from './networks-bed.ts'

function published(count: number): Element[] {
	return Array.from({ length: count }, (_, i) => {
		return { kind: 'element', set: 'publish4_any', key: ['tcp', String(i + 1)], value: ['10.0.0.1', '80'] }
	})
}

describe('a monitor of rules', { skip: noBed('iptables-nft', 'ip6tables-nft') }, () => {
	let nft: Nft
	let firewall: Firewall
	let monitor: Monitor
	let heard: string[]
	before(async () => {
		await enterOwnNamespace()
		nft = Nft.open()
		firewall = new Firewall((commands) => nft.run(commands))
	})
	after(() => nft?.close())
	beforeEach(async () => {
		await run(['nft', 'flush', 'ruleset'])
		await firewall.replace([])
		heard = []
		monitor = ruleMonitor({
			tableChanged: (cause) => heard.push(`table: ${cause}`),
			passageChanged: (gate, cause) => heard.push(`${gate}: ${cause}`),
		})
		monitor.open(await nft.ports())
	})
	afterEach(() => monitor.close())

	/** All that has been heard when the last of it is. */
	async function hear(last: string): Promise<string[]> {
		for (let i = 0; i < 200 && !heard.includes(last); i++) await sleep(10)
		return heard.splice(0)
	}

	it("is deaf to weft's own changes, however many, and hears others' beside them", async () => {
		await firewall.replace(published(20_000))
		await firewall.remove(published(10_000))
		await run(['nft', 'add', 'element', 'inet', 'weft', 'bridges', '{ "eth9" }'])
		assert.deepEqual(await hear('table: nft changed inet weft'), ['table: nft changed inet weft'])
	})

	it('tells who deletes one of the tables, or part of it', async () => {
		await run(['nft', 'flush', 'chain', 'inet', 'weft', 'forward'])
		assert.deepEqual(await hear('table: nft changed inet weft forward'), ['table: nft changed inet weft forward'])
		await run(['nft', 'delete', 'table', 'inet', 'weft'])
		assert.deepEqual(await hear('table: nft deleted inet weft'), ['table: nft deleted inet weft'])
		await run(['nft', 'delete', 'table', 'bridge', 'weft'])
		assert.deepEqual(await hear('table: nft deleted bridge weft'), ['table: nft deleted bridge weft'])
	})

	it('tells of both when somebody flushes everything', async () => {
		await run(['iptables-nft', '-P', 'FORWARD', 'DROP'])
		await hear('iptables: iptables-nft made ip filter')
		await run(['nft', 'flush', 'ruleset'])
		const all = await hear('iptables: nft deleted ip filter')
		// Of weft's tables only the one that goes first.
		assert.match(all.sort().join(), /^iptables: nft deleted ip filter,table: nft deleted (inet|bridge) weft$/)
	})

	for (const [program, family] of [
		['iptables-nft', 'ip'],
		['ip6tables-nft', 'ip6'],
	] as const) {
		it(`tells what ${program} does to the way of forwarded packets, and of nothing else`, async () => {
			await run([program, '-P', 'FORWARD', 'DROP'])
			await run([program, '-N', 'DOCKER-USER'])
			await run([program, '-N', 'DOCKER'])
			await hear(`iptables: ${program} changed ${family} filter DOCKER-USER`)
			await run([program, '-A', 'INPUT', '-i', 'eth9', '-j', 'ACCEPT'])
			await run([program, '-A', 'DOCKER', '-i', 'eth9', '-j', 'ACCEPT'])
			await run([program, '-t', 'nat', '-A', 'PREROUTING', '-i', 'eth9', '-j', 'ACCEPT'])
			await run([program, '-F', 'DOCKER-USER'])
			await run([program, '-A', 'DOCKER-USER', '-i', 'eth9', '-j', 'ACCEPT'])
			assert.deepEqual(await hear(`iptables: ${program} changed ${family} filter DOCKER-USER`), [
				`iptables: ${program} changed ${family} filter DOCKER-USER`,
			])
			await run([program, '-A', 'FORWARD', '-i', 'eth9', '-j', 'ACCEPT'])
			const last = `iptables: ${program} changed ${family} filter FORWARD`
			assert.deepEqual(await hear(last), [last])
		})
	}

	it('tells when firewalld has made its table, and not of what it does in there', async () => {
		await run(['nft', 'add', 'table', 'inet', 'firewalld'])
		await run(['nft', 'add', 'chain', 'inet', 'firewalld', 'filter_IN_public'])
		await run(['nft', 'delete', 'table', 'inet', 'firewalld'])
		await run(['nft', 'delete', 'table', 'inet', 'weft'])
		const all = await hear('table: nft deleted inet weft')
		assert.deepEqual(all, ['firewalld: nft made inet firewalld', 'table: nft deleted inet weft'])
	})

	it('says so when more happened than it could hold, and goes on', async () => {
		const rules = Array.from({ length: 4000 }, (_, i) => `add rule ip stranger c ip saddr 10.0.0.${i % 256} accept`)
		const commands = ['add table ip stranger', 'add chain ip stranger c', ...rules].join('\n')
		// Synchronous, so that nothing is read meanwhile.
		execFileSync('nft', ['-f', '-'], { input: commands })
		const lost = 'more rules changed than could be followed'
		assert.deepEqual(await hear(`firewalld: ${lost}`), [`table: ${lost}`, `iptables: ${lost}`, `firewalld: ${lost}`])
		await run(['nft', 'delete', 'table', 'inet', 'weft'])
		await hear('table: nft deleted inet weft')
	})
})

describe('a watch for legacy iptables', { skip: noBed('iptables-legacy', 'ip6tables-legacy', 'iptables-nft') }, () => {
	const path = join(tmpdir(), `weft-xtables-${process.pid}.lock`)
	const env = { XTABLES_LOCKFILE: path }
	let uses = 0
	const watch = new LegacyIptables(() => uses++, path)
	before(async () => {
		await enterOwnNamespace()
		watch.open()
	})
	after(() => {
		watch.close()
		rmSync(path, { force: true })
	})

	async function used(): Promise<boolean> {
		for (let i = 0; i < 20 && uses === 0; i++) await sleep(10)
		const some = uses > 0
		uses = 0
		return some
	}

	it('tells when it has changed something, in either family, and not when it was only saved', async () => {
		assert.ok(existsSync(path))
		for (const program of ['iptables-legacy', 'ip6tables-legacy']) {
			await run([program, '-P', 'FORWARD', 'DROP'], { env })
			assert.ok(await used(), program)
			await run([`${program}-restore`, '--noflush'], { env, input: '*filter\n-F FORWARD\nCOMMIT\n' })
			assert.ok(await used(), `${program}-restore`)
			await run([`${program}-save`, '-t', 'filter'], { env })
			assert.ok(!(await used()), `${program}-save`)
		}
	})

	it('goes on when somebody deletes the file', async () => {
		rmSync(path)
		for (let i = 0; i < 200 && !existsSync(path); i++) await sleep(10)
		await used()
		await run(['iptables-legacy', '-P', 'FORWARD', 'ACCEPT'], { env })
		assert.ok(await used())
	})
})
