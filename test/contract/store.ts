/**
 * What every store does for those above it, as one suite: run on LevelDB and on the twin in memory. What only a disk can
 * show (crashes, damage, a second process) is tested in test/store/.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { isCode } from '../../src/errors.ts'
import type { Lease, Pool } from '../../src/model/pool.ts'
import type { Change, Store } from '../../src/store/store.ts'

/** Opens an empty store that is closed and taken away when the test ends. */
export type OpenStore = (t: TestContext) => Promise<Store>

export function pool(id: string, cursor?: string): Change {
	const value: Pool = { id, space: 's', pool: '10.0.0.0/24', ...(cursor === undefined ? {} : { cursor }) }
	return { kind: 'pool', group: '', id, value }
}

export function lease(poolId: string, address: string): Change {
	const value: Lease = { poolId, address, kind: 'endpoint' }
	return { kind: 'lease', group: poolId, id: address, value }
}

export function without(change: Change): Change {
	return { kind: change.kind, group: change.group, id: change.id } as Change
}

export function storeContract(name: string, open: OpenStore): void {
	test(`${name}: an empty store has nothing`, async (t) => {
		const store = await open(t)
		assert.equal(store.get('network', '', 'n'), undefined)
		assert.deepEqual(store.list('lease', 'p'), [])
	})

	test(`${name}: what is committed is read back at once, and gone when taken away`, async (t) => {
		const store = await open(t)
		await store.commit([pool('p', '10.0.0.7')])
		assert.deepEqual(store.get('pool', '', 'p'), pool('p', '10.0.0.7').value)
		await store.commit([pool('p', '10.0.0.8')])
		assert.deepEqual(store.list('pool', ''), [pool('p', '10.0.0.8').value])
		await store.commit([without(pool('p'))])
		assert.equal(store.get('pool', '', 'p'), undefined)
		assert.deepEqual(store.list('pool', ''), [])
	})

	test(`${name}: reads show nothing before the commit is durable`, async (t) => {
		const store = await open(t)
		const done = store.commit([pool('p')])
		assert.equal(store.get('pool', '', 'p'), undefined)
		await done
		assert.notEqual(store.get('pool', '', 'p'), undefined)
	})

	test(`${name}: a record is the same object until it is written again`, async (t) => {
		const store = await open(t)
		await store.commit([pool('p'), pool('q')])
		const [p, q] = [store.get('pool', '', 'p'), store.get('pool', '', 'q')]
		await store.commit([pool('p')])
		assert.notEqual(store.get('pool', '', 'p'), p)
		assert.equal(store.get('pool', '', 'q'), q)
		assert.equal(store.list('pool', '').filter((each) => each === q).length, 1)
	})

	test(`${name}: a group has its own records and no others`, async (t) => {
		const store = await open(t)
		await store.commit([lease('p', '10.0.0.1'), lease('p', '10.0.0.2'), lease('p/x', '10.0.0.3'), pool('p')])
		assert.deepEqual(addresses(store, 'p'), ['10.0.0.1', '10.0.0.2'])
		assert.deepEqual(addresses(store, 'p/x'), ['10.0.0.3'])
		assert.equal(store.get('lease', 'p', '10.0.0.3'), undefined)
	})

	test(`${name}: within a commit and between commits the last change wins`, async (t) => {
		const store = await open(t)
		await store.commit([pool('p', '10.0.0.1'), without(pool('p')), pool('p', '10.0.0.2')])
		assert.equal(store.get('pool', '', 'p')?.cursor, '10.0.0.2')
		await Promise.all([3, 4, 5].map((n) => store.commit([pool('p', `10.0.0.${n}`)])))
		assert.equal(store.get('pool', '', 'p')?.cursor, '10.0.0.5')
	})

	test(`${name}: nothing to change and taking away the unknown both succeed`, async (t) => {
		const store = await open(t)
		await store.commit([])
		await store.commit([without(pool('never')), without(lease('never', '10.0.0.1'))])
		assert.deepEqual(store.list('pool', ''), [])
	})

	test(`${name}: a name that could be read as another record's is refused, and nothing of its commit stays`, async (t) => {
		const store = await open(t)
		for (const id of ['a!b', '!', 'line\nbreak', 'nul\0', '\ud800']) {
			await assert.rejects(store.commit([pool('good'), pool(id)]), (error) => isCode(error, 'invalid'))
			await assert.rejects(store.commit([lease(id, '10.0.0.1')]), (error) => isCode(error, 'invalid'))
		}
		assert.deepEqual(store.list('pool', ''), [])
		for (const id of ['quote\'"', 'weft-local/10.0.0.0/24', 'ünïcode 😀', 'a b', '']) await store.commit([pool(id)])
		assert.equal(store.list('pool', '').length, 5)
	})

	test(`${name}: a closed store refuses to commit`, async (t) => {
		const store = await open(t)
		await store.commit([pool('p')])
		await store.close()
		await assert.rejects(store.commit([pool('q')]), (error) => isCode(error, 'system'))
	})

	test(`${name}: any sequence of commits leaves what a map would hold`, async (t) => {
		const store = await open(t)
		await fc.assert(
			fc.asyncProperty(fc.array(commits, { maxLength: 12 }), (sequence) => likeAMap(store, sequence)),
			{
				numRuns: 60,
			},
		)
	})
}

const change = fc
	.record({ group: fc.constantFrom('a', 'b'), id: fc.constantFrom('1', '2', '3'), put: fc.boolean() })
	.map(({ group, id, put }) => (put ? lease(group, id) : without(lease(group, id))))
const commits = fc.record({ changes: fc.array(change, { maxLength: 5 }), wait: fc.boolean() })

async function likeAMap(store: Store, sequence: readonly { changes: readonly Change[]; wait: boolean }[]) {
	const model = new Map<string, unknown>()
	for (const group of ['a', 'b']) await store.commit(store.list('lease', group).map((each) => drop(each)))
	const running: Promise<void>[] = []
	for (const { changes, wait } of sequence) {
		const done = store.commit(changes)
		running.push(done)
		if (wait) await done
		for (const each of changes) {
			if (each.value === undefined) model.delete(`${each.group} ${each.id}`)
			else model.set(`${each.group} ${each.id}`, each.value)
		}
	}
	await Promise.all(running)
	const all = ['a', 'b'].flatMap((group) =>
		store.list('lease', group).map((each) => [`${group} ${each.address}`, each]),
	)
	assert.deepEqual(new Map(all as [string, unknown][]), model)
}

function drop({ poolId, address }: Lease): Change {
	return { kind: 'lease', group: poolId, id: address }
}

function addresses(store: Store, group: string): string[] {
	return store
		.list('lease', group)
		.map((each) => each.address)
		.sort()
}
