/**
 * What every cluster does for those above it, as one suite: run on etcd and on the twin in memory. What only etcd can show
 * (endpoints, certificates, logins) is tested in test/cluster/.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { Changes, Cluster } from '../../src/cluster/cluster.ts'
import { isCode } from '../../src/errors.ts'
import { eventually } from '../support/eventually.ts'

export interface OpenedCluster {
	readonly cluster: Cluster
	/** Another host's connection to the same. */
	readonly other: Cluster
	/** Forgets what was before now. */
	compact(): Promise<void>
}

/** A cluster that may have keys of other tests; closed when the test ends. */
export type OpenCluster = (t: TestContext) => Promise<OpenedCluster>

const put = (key: string, value = key) => ({ key, value })
let tests = 0

export function clusterContract(
	name: string,
	open: OpenCluster,
	options: { readonly skip?: string | false } = {},
): void {
	const check = (
		title: string,
		work: (opened: OpenedCluster, prefix: string, t: TestContext) => Promise<void>,
	): void => {
		test(`${name}: ${title}`, options, async (t) => work(await open(t), `test-${++tests}/`, t))
	}

	check('what is not there is nothing', async ({ cluster }, p) => {
		assert.equal(await cluster.get(`${p}a`), undefined)
		const { revision, entries } = await cluster.range(p)
		assert.ok(revision > 0)
		assert.deepEqual(entries, [])
	})

	check(
		'what is written is read back, by another host too, and gone when taken away',
		async ({ cluster, other }, p) => {
			const revision = await cluster.transaction([], [put(`${p}a`, 'ünïcode 😀\n'), put(`${p}b`, '')])
			assert.ok(revision !== undefined)
			assert.deepEqual(await other.get(`${p}a`), { key: `${p}a`, value: 'ünïcode 😀\n', revision })
			assert.deepEqual(await other.range(p), {
				revision,
				entries: [
					{ key: `${p}a`, value: 'ünïcode 😀\n', revision },
					{ key: `${p}b`, value: '', revision },
				],
			})
			const later = await other.transaction([], [{ key: `${p}a` }])
			assert.ok(later !== undefined && later > revision)
			assert.equal(await cluster.get(`${p}a`), undefined)
		},
	)

	check('a range has what starts with the prefix, in order, and nothing else', async ({ cluster }, p) => {
		const keys = ['a/ü', 'a/1', 'a/', 'a', 'a0', 'b/1', 'a/1/2'].map((each) => p + each)
		await cluster.transaction(
			[],
			keys.map((key) => put(key)),
		)
		const { entries } = await cluster.range(`${p}a/`)
		assert.deepEqual(
			entries.map(({ key }) => key),
			['a/', 'a/1', 'a/1/2', 'a/ü'].map((each) => p + each),
		)
	})

	check('a key that must not be there is written once, and nothing of the other transaction', async (opened, p) => {
		const { cluster, other } = opened
		const claim = (by: Cluster, extra: string) =>
			by.transaction([{ key: `${p}a`, revision: 0 }], [put(`${p}a`), put(p + extra)])
		const answers = await Promise.all([claim(cluster, 'one'), claim(other, 'two'), claim(cluster, 'three')])
		const winners = answers.filter((each) => each !== undefined)
		assert.equal(winners.length, 1)
		assert.equal((await cluster.range(p)).entries.length, 2)
	})

	check(
		'a condition on a revision holds until the next change of that key, and no other',
		async ({ cluster, other }, p) => {
			const first = await cluster.transaction([], [put(`${p}a`, '1')])
			await other.transaction([], [put(`${p}b`, '1')])
			const second = await cluster.transaction([{ key: `${p}a`, revision: first ?? 0 }], [put(`${p}a`, '2')])
			assert.ok(second !== undefined)
			assert.equal(await other.transaction([{ key: `${p}a`, revision: first ?? 0 }], [put(`${p}a`, '3')]), undefined)
			assert.equal(await other.transaction([{ key: `${p}a`, revision: first ?? 0 }], [{ key: `${p}a` }]), undefined)
			assert.equal((await cluster.get(`${p}a`))?.value, '2')
		},
	)

	check('nobody loses what he has added by compare and swap', async ({ cluster, other }, p) => {
		const add = async (by: Cluster) => {
			for (;;) {
				const entry = await by.get(`${p}n`)
				const value = String(Number(entry?.value ?? 0) + 1)
				const done = await by.transaction([{ key: `${p}n`, revision: entry?.revision ?? 0 }], [put(`${p}n`, value)])
				if (done !== undefined) return
			}
		}
		await Promise.all([cluster, other, cluster, other, cluster].map(add))
		assert.equal((await cluster.get(`${p}n`))?.value, '5')
	})

	check('any sequence of transactions leaves what a map would hold', async ({ cluster }, p) => {
		let round = 0
		await fc.assert(
			fc.asyncProperty(fc.array(step, { maxLength: 10 }), (steps) => likeAMap(cluster, `${p}${++round}/`, steps)),
			{ numRuns: 25 },
		)
	})

	check(
		'a watch tells what came after a revision, in order, with what is taken away',
		async ({ cluster, other }, p, t) => {
			const start = (await cluster.transaction([], [put(`${p}a`, '0')])) ?? 0
			const first = (await other.transaction([], [put(`${p}a`, '1'), put(`${p}b`, '1')])) ?? 0
			const told = listen(t, cluster, p, start)
			await eventually(() => told.length === 1)
			await other.transaction([], [put(`elsewhere-${p}`)])
			const second = (await other.transaction([], [{ key: `${p}a` }])) ?? 0
			await eventually(() => told.length === 2)
			const a1 = { key: `${p}a`, value: '1', revision: first }
			assert.deepEqual(told, [
				{ revision: first, entries: [a1, { key: `${p}b`, value: '1', revision: first }] },
				{ revision: second, entries: [{ key: `${p}a` }] },
			])
		},
	)

	check('a watch that goes on from a revision misses nothing, and repeats nothing', async ({ cluster }, p, t) => {
		const { revision } = await cluster.range(p)
		const told = listen(t, cluster, p, revision)
		const first = await cluster.transaction([], [put(`${p}1`)])
		await cluster.transaction([], [put(`${p}2`)])
		const third = await cluster.transaction([], [put(`${p}3`)])
		await cluster.transaction([], [put(`elsewhere-${p}`)])
		await eventually(() => entriesOf(told).length === 3)
		// What it has missed may come at once.
		const rest = listen(t, cluster, p, first ?? 0)
		await eventually(() => entriesOf(rest).length === 2)
		assert.equal(rest.at(-1)?.revision, third)
		await cluster.transaction([], [put(`${p}4`)])
		await eventually(() => entriesOf(rest).length === 3 && entriesOf(told).length === 4)
		assert.deepEqual(entriesOf(rest), entriesOf(told).slice(1))
		assert.equal(rest.at(-1)?.revision, told.at(-1)?.revision)
	})

	check('a watch ends without a word when it is not wanted any more', async ({ cluster }, p) => {
		const ending = new AbortController()
		const { revision } = await cluster.range(p)
		const watching = (async () => {
			for await (const _ of cluster.watch(p, revision, ending.signal)) ending.abort()
		})()
		await cluster.transaction([], [put(`${p}a`)])
		await watching
		for await (const _ of cluster.watch(p, revision, ending.signal)) assert.fail('it was not wanted from the start')
	})

	check('a watch from a time that is no longer kept says so, and one from now on goes on', async (opened, p, t) => {
		const { cluster, compact } = opened
		const start = (await cluster.transaction([], [put(`${p}a`)])) ?? 0
		for (const n of [1, 2, 3]) await cluster.transaction([], [put(`${p}a`, String(n))])
		await compact()
		const watching = async () => {
			for await (const _ of cluster.watch(p, start, AbortSignal.timeout(10_000))) assert.fail('told something')
		}
		await assert.rejects(watching, (error) => isCode(error, 'compacted'))
		const { revision, entries } = await cluster.range(p)
		assert.equal(entries[0]?.value, '3')
		const told = listen(t, cluster, p, revision)
		await cluster.transaction([], [put(`${p}a`, '4')])
		await eventually(() => told.length === 1)
	})

	check('the keys of a lease go when nobody keeps it alive, and those that watch are told', async (opened, p, t) => {
		const { cluster, other } = opened
		const lease = await cluster.grant(1)
		const revision = (await cluster.transaction([], [{ ...put(`${p}a`), lease }, put(`${p}b`)])) ?? 0
		assert.equal((await other.get(`${p}a`))?.lease, lease)
		const told = listen(t, other, p, revision)
		await eventually(() => told.length > 0)
		assert.deepEqual(told[0]?.entries, [{ key: `${p}a` }])
		assert.equal(await cluster.keepAlive(lease), false)
		assert.deepEqual(
			(await other.range(p)).entries.map(({ key }) => key),
			[`${p}b`],
		)
	})

	check('a lease that is kept alive holds, for longer than it lasts', async ({ cluster, other }, p) => {
		const lease = await cluster.grant(1)
		await cluster.transaction([], [{ ...put(`${p}a`), lease }])
		// As long as it, from later on.
		const neglected = await cluster.grant(1)
		await cluster.transaction([], [{ ...put(`${p}b`), lease: neglected }])
		await eventually(async () => {
			assert.equal(await cluster.keepAlive(lease), true)
			return (await other.get(`${p}b`)) === undefined
		})
		assert.notEqual(await other.get(`${p}a`), undefined)
	})

	check(
		'a lease that is ended takes all its keys away in one moment, and is over',
		async ({ cluster, other }, p, t) => {
			const lease = await cluster.grant(60)
			const kept = await cluster.grant(60)
			const writes = ['a', 'b', 'c'].map((each) => ({ ...put(p + each), lease }))
			const revision = (await cluster.transaction([], [...writes, { ...put(`${p}d`), lease: kept }])) ?? 0
			const told = listen(t, cluster, p, revision)
			await other.revoke(lease)
			await eventually(() => told.length > 0)
			assert.deepEqual(
				told[0]?.entries.map(({ key }) => key).sort(),
				['a', 'b', 'c'].map((each) => p + each),
			)
			assert.equal(await cluster.keepAlive(lease), false)
			assert.equal(await cluster.keepAlive(kept), true)
			await cluster.revoke(lease)
			await cluster.revoke(kept)
		},
	)

	check('nothing is written with a lease that is over', async ({ cluster }, p) => {
		const lease = await cluster.grant(60)
		await cluster.revoke(lease)
		const late = cluster.transaction([], [put(`${p}a`), { ...put(`${p}b`), lease }])
		await assert.rejects(late, (error) => isCode(error, 'not-found'))
		assert.deepEqual((await cluster.range(p)).entries, [])
	})
}

function entriesOf(told: readonly Changes[]): Changes['entries'] {
	return told.flatMap(({ entries }) => entries)
}

/** What a watch has told so far. It ends with the test, or when it breaks off: what it misses then, the test misses too. */
export function listen(t: TestContext, cluster: Cluster, prefix: string, after: number): Changes[] {
	const ending = new AbortController()
	const told: Changes[] = []
	const watching = (async () => {
		for await (const changes of cluster.watch(prefix, after, ending.signal)) {
			// etcd tells every ten minutes that there is nothing to tell.
			if (changes.entries.length > 0) told.push(changes)
		}
	})().catch(() => undefined)
	t.after(async () => {
		ending.abort()
		await watching
	})
	return told
}

const key = fc.constantFrom('a', 'b', 'c')
const step = fc.record({
	conditions: fc.uniqueArray(fc.record({ key, now: fc.boolean() }), { maxLength: 2, selector: (each) => each.key }),
	writes: fc.uniqueArray(fc.record({ key, value: fc.option(fc.string({ unit: 'grapheme' })) }), {
		maxLength: 3,
		selector: (each) => each.key,
	}),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

async function likeAMap(cluster: Cluster, prefix: string, steps: readonly Step[]): Promise<void> {
	const model = new Map<string, { value: string; revision: number }>()
	for (const { conditions, writes } of steps) {
		const revisions = conditions.map((each) => {
			const now = model.get(each.key)?.revision ?? 0
			return { key: prefix + each.key, revision: each.now ? now : now + 1 }
		})
		const changes = writes.map((each) => ({
			key: prefix + each.key,
			...(each.value !== null && { value: each.value }),
		}))
		const revision = await cluster.transaction(revisions, changes)
		assert.equal(
			revision !== undefined,
			conditions.every(({ now }) => now),
		)
		if (revision === undefined) continue
		for (const each of writes) {
			if (each.value === null) model.delete(each.key)
			else model.set(each.key, { value: each.value, revision })
		}
	}
	const expected = Array.from(model, ([key, each]) => ({ key: prefix + key, ...each }))
	assert.deepEqual(
		(await cluster.range(prefix)).entries,
		expected.sort((a, b) => (a.key < b.key ? -1 : 1)),
	)
}
