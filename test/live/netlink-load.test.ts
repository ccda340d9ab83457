/** Rtnetlink with much to do: long lists, many callers at once, others' changes, and an event loop that goes on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WeftError } from '../../src/errors.ts'
import { type Cidr, parseIp } from '../../src/model/address.ts'
import { bridge, TEST_MAC as mac, noNetns, openNetns } from '../support/netns.ts'

const live = { skip: noNetns() }
function numbers(count: number): number[] {
	return Array.from({ length: count }, (_, i) => i)
}

/** The longest time in which no timer ran while `work` did. */
async function longestGap(work: () => Promise<unknown>): Promise<number> {
	let [last, longest] = [performance.now(), 0]
	const tick = (): void => {
		const now = performance.now()
		longest = Math.max(longest, now - last)
		last = now
	}
	const timer = setInterval(tick, 1)
	try {
		await work()
	} finally {
		clearInterval(timer)
	}
	tick()
	return longest
}

test('lists of thousands are whole', live, async (t) => {
	const netns = await openNetns(t)
	const { rtnetlink } = netns
	const index = await bridge(netns)
	const base: Cidr = { ...parseIp('10.0.0.0'), prefix: 32 }
	const many = numbers(2000).map((i) => ({ ...base, value: base.value + BigInt(i) }))
	await Promise.all(many.map((destination) => rtnetlink.addRoute({ destination, linkIndex: index })))
	await Promise.all(many.map((ip) => rtnetlink.setNeighbour({ index, ip, mac })))

	const routes = (await rtnetlink.routes(4)).filter((route) => route.protocol === 4)
	assert.deepEqual(
		routes.map((route) => route.destination),
		many,
	)
	const neighbours = await rtnetlink.neighbours(index)
	assert.equal(new Set(neighbours.map((one) => one.ip.value)).size, 2000)
	assert.equal(neighbours.length, 2000)
	assert.equal((await netns.ip('-4', 'route', 'show', 'proto', 'static')).length, 2000)
})

test('many callers at once get each their own answer, in the order in which they came', live, async (t) => {
	const netns = await openNetns(t)
	const { rtnetlink } = netns
	const master = await bridge(netns)
	const add = (i: number) => rtnetlink.addVeth({ name: `v${i}`, peer: `p${i}`, peerMac: mac, master, mtu: 1400 })
	await Promise.all(numbers(300).map(add))
	const answers = await Promise.all(numbers(900).map((i) => rtnetlink.link(i % 3 === 0 ? `no${i}` : `v${i % 300}`)))
	assert.deepEqual(
		answers.map((link) => link?.name),
		numbers(900).map((i) => (i % 3 === 0 ? undefined : `v${i % 300}`)),
	)
	const again = await Promise.allSettled(numbers(301).map(add))
	const refused = again.filter(({ status }) => status === 'rejected')
	assert.equal(refused.length, 300)
	assert.equal(again[300]?.status, 'fulfilled')

	const ended: number[] = []
	await Promise.all(numbers(50).map((i) => rtnetlink.link('v0').then(() => ended.push(i))))
	// Two sockets: when a call begins, all earlier ones have begun and at most one of them has not ended.
	assert.ok(
		ended.every((i, at) => at >= i - 1),
		ended.join(' '),
	)
})

test('a list taken while links come and go has all that stay, once each', live, async (t) => {
	const netns = await openNetns(t)
	const { rtnetlink } = netns
	const master = await bridge(netns)
	const stay = numbers(200).map((i) => `v${i}`)
	await Promise.all(stay.map((name) => rtnetlink.addVeth({ name, peer: `p${name}`, peerMac: mac, master, mtu: 1400 })))
	let going = true
	const churn = (async () => {
		for (let i = 0; going; i++) {
			await rtnetlink.addBridge({ name: `c${i}`, mtu: 1500, mac })
			await rtnetlink.deleteLink(`c${i}`)
		}
	})()
	try {
		for (const _ of numbers(5)) {
			const names = (await rtnetlink.links()).map((link) => link.name)
			assert.equal(new Set(names).size, names.length)
			assert.deepEqual(
				stay.filter((name) => !names.includes(name)),
				[],
			)
		}
	} finally {
		going = false
		await churn
	}
})

test('the event loop goes on while the kernel works', live, async (t) => {
	const netns = await openNetns(t)
	const { rtnetlink } = netns
	const master = await bridge(netns)
	const began = performance.now()
	const gap = await longestGap(async () => {
		await Promise.all(
			numbers(40).map((i) => rtnetlink.addVeth({ name: `v${i}`, peer: `p${i}`, peerMac: mac, master, mtu: 1400 })),
		)
		await Promise.all(numbers(40).map((i) => rtnetlink.deleteLink(`v${i}`)))
	})
	const whole = performance.now() - began
	// On the event loop's thread, the kernel's waits for RTNL would follow each other without a turn in between.
	assert.ok(gap < whole / 2, `of ${whole.toFixed(0)} ms no timer ran for ${gap.toFixed(0)}`)
})

test('closing waits for what was asked before and refuses what comes after', live, async (t) => {
	const netns = await openNetns(t)
	const { rtnetlink } = netns
	const master = await bridge(netns)
	const asked = numbers(20).map((i) =>
		rtnetlink.addVeth({ name: `v${i}`, peer: `p${i}`, peerMac: mac, master, mtu: 1400 }),
	)
	const closed = rtnetlink.close()
	await assert.rejects(rtnetlink.links(), WeftError)
	await closed
	await Promise.all(asked)
	await rtnetlink.close()
	assert.equal((await netns.ip('link', 'show')).length, 42)
	await assert.rejects(rtnetlink.links(), WeftError)
})
