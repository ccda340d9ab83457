/** What a host knows of the cluster: all of it, after whatever has happened to the connection meanwhile. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Cluster } from '../../src/cluster/cluster.ts'
import { Etcd } from '../../src/cluster/etcd.ts'
import { Mirror } from '../../src/cluster/mirror.ts'
import { isCode } from '../../src/errors.ts'
import { noEtcd, startEtcd } from '../support/etcd.ts'
import { eventually } from '../support/eventually.ts'
import { MemoryCluster, MemoryServer } from '../support/memory-cluster.ts'

/** A mirror of `a/`, with what it has told. */
function open(t: TestContext, cluster: Cluster) {
	const told = { changes: 0, failures: [] as unknown[] }
	const listener = { changed: () => told.changes++, failed: (error: unknown) => told.failures.push(error) }
	const mirror = new Mirror(cluster, 'a/', listener, 20)
	mirror.open()
	t.after(() => mirror.close())
	const has = (expected: Record<string, string>) => {
		const entries = Array.from(mirror.entries?.values() ?? [], ({ key, value }) => [key, value])
		return mirror.entries !== undefined && isEqual(Object.fromEntries(entries), expected)
	}
	return { mirror, told, has }
}

function isEqual(a: object, b: object): boolean {
	return JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort())
}

const put = (cluster: Cluster, key: string, value: string) => cluster.transaction([], [{ key, value }])

test('it has what there was, follows what comes and goes, and tells of that only', async (t) => {
	const server = new MemoryServer()
	const cluster = new MemoryCluster(server)
	await put(cluster, 'a/1', 'x')
	const { mirror, told, has } = open(t, cluster)
	assert.equal(mirror.entries, undefined)
	await eventually(() => has({ 'a/1': 'x' }))
	await put(cluster, 'b/1', 'y')
	await cluster.transaction([], [{ key: 'a/1' }, { key: 'a/2', value: 'z' }])
	await eventually(() => has({ 'a/2': 'z' }))
	assert.deepEqual(told, { changes: 2, failures: [] })
})

test('while it is cut off it knows what it knew, and then what happened meanwhile, also when that is forgotten', async (t) => {
	const server = new MemoryServer()
	const [here, there] = [new MemoryCluster(server), new MemoryCluster(server)]
	await put(there, 'a/1', 'x')
	const { told, has } = open(t, here)
	await eventually(() => has({ 'a/1': 'x' }))
	here.fault = 'cut'
	await eventually(() => told.failures.length === 1)
	await there.transaction([], [{ key: 'a/1' }, { key: 'a/2', value: 'y' }])
	await put(there, 'a/3', 'z')
	server.compact()
	let attempts = 0
	const range = here.range.bind(here)
	here.range = (prefix) => {
		attempts++
		return range(prefix)
	}
	await eventually(() => attempts > 1)
	assert.ok(has({ 'a/1': 'x' }))
	here.fault = undefined
	await eventually(() => has({ 'a/2': 'y', 'a/3': 'z' }))
	assert.equal(told.failures.length, 1)
	assert.ok(isCode(told.failures[0], 'unreachable'))

	here.fault = 'cut'
	await eventually(() => told.failures.length === 2)
	const { changes } = told
	here.fault = undefined
	await put(there, 'a/4', '')
	await eventually(() => has({ 'a/2': 'y', 'a/3': 'z', 'a/4': '' }))
	assert.equal(told.changes, changes + 1)
})

test('an etcd that is killed, comes back, and forgets its history leaves no gap', { skip: noEtcd() }, async (t) => {
	const [etcd] = await startEtcd(t)
	assert.ok(etcd)
	const cluster = new Etcd({ endpoints: [etcd.url] })
	t.after(() => cluster.close())
	const { has, told } = open(t, cluster)
	const expected: Record<string, string> = {}
	for (let round = 0; round < 3; round++) {
		expected[`a/${round}`] = 'before'
		await put(cluster, `a/${round}`, 'before')
		await eventually(() => has(expected))
		await etcd.stop()
		await eventually(() => told.failures.length > round)
		etcd.start()
		await etcd.ready()
		expected[`a/${round}`] = 'after'
		await put(cluster, `a/${round}`, 'after')
		await etcd.ctl('compact', String((await cluster.range('a/')).revision))
	}
	await eventually(() => has(expected))
	assert.equal(told.failures.length, 3)
})
