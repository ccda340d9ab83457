/** Pairs made ahead of need in a network namespace of their own, as ip sees them. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Rtnetlink } from '../../src/kernel/netlink/rtnetlink.ts'
import { SparePairs } from '../../src/kernel/spare-pairs.ts'
import { run } from '../support/command.ts'
import { enterOwnNamespace, noBed } from './networks-bed.ts'

interface Link {
	readonly ifname: string
	readonly master?: string
}

const PAIR = /^wvs[0-9a-f]{10}$/

async function links(): Promise<Link[]> {
	return JSON.parse(await run(['ip', '-j', 'link']))
}

async function pairs(): Promise<string[]> {
	return (await links()).map(({ ifname }) => ifname).filter((name) => PAIR.test(name))
}

/** The pairs, when there are as many. */
async function pairsOf(count: number): Promise<string[]> {
	for (let tries = 0; tries < 100; tries++) {
		const found = await pairs()
		if (found.length === count) return found
		await sleep(50)
	}
	throw new Error(`${count} pairs are expected, not ${(await pairs()).join(' ')}`)
}

describe('spare pairs', { skip: noBed() }, () => {
	const rtnetlink = new Rtnetlink()

	before(async () => {
		await enterOwnNamespace()
		rtnetlink.open()
	})
	afterEach(async () => {
		for (const name of await pairs()) await run(['ip', 'link', 'del', name])
	})
	after(() => rtnetlink.close())

	it('are there while they are wanted, and new ones come for those that were taken', async () => {
		const spares = new SparePairs(rtnetlink)
		assert.equal(spares.take(), undefined)
		await spares.keep(true)
		const ready = await pairsOf(2)
		const taken = spares.take() ?? ''
		assert.ok(ready.includes(taken))
		assert.equal(new Set([...ready, ...(await pairsOf(3))]).size, 3)
		await spares.keep(false)
		assert.deepEqual(await pairs(), [taken])
		assert.equal(spares.take(), undefined)
	})

	it('go at once when they are not wanted before they are made', async () => {
		const spares = new SparePairs(rtnetlink)
		await spares.keep(true)
		await spares.keep(false)
		await sleep(300)
		assert.deepEqual(await pairs(), [])
	})

	it('do not mind that somebody deleted one', async () => {
		const spares = new SparePairs(rtnetlink)
		await spares.keep(true)
		for (const name of await pairsOf(2)) await run(['ip', 'link', 'del', name])
		await spares.keep(false)
		assert.equal(spares.take(), undefined)
	})

	it('of an earlier process are taken over, but not those on a bridge, on record, or without their other end', async () => {
		const earlier = new SparePairs(rtnetlink)
		await earlier.keep(true)
		const [idle = '', recorded = ''] = await pairsOf(2)
		await run(['ip', 'link', 'add', 'br0', 'type', 'bridge'])
		await run(['ip', 'link', 'add', 'wvs00000000aa', 'type', 'veth', 'peer', 'name', 'wvs00000000aap'])
		await run(['ip', 'link', 'set', 'wvs00000000aa', 'master', 'br0'])
		await run(['ip', 'link', 'add', 'wvs00000000bb', 'type', 'veth', 'peer', 'name', 'elsewhere'])
		const spares = new SparePairs(rtnetlink)
		await spares.adopt(new Set([recorded]))
		assert.equal(spares.take(), idle)
		assert.equal(spares.take(), undefined)
		await run(['ip', 'link', 'del', 'br0'])
	})
})
