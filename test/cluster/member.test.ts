/** Who is a member of the cluster, for how long that holds, and what becomes of one that is forgotten. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Member } from '../../src/cluster/member.ts'
import { forget, NODES, PRESENT } from '../../src/cluster/nodes.ts'
import { isCode } from '../../src/errors.ts'
import { MemoryCluster, MemoryServer } from '../support/memory-cluster.ts'
import { MemoryStore } from '../support/memory-store.ts'

const RETIREMENT = 1000

/** A cluster at a time in seconds, in which hosts are started. */
function scene() {
	const clock = { time: 0 }
	const server = new MemoryServer(() => clock.time * 1000)
	const host = (name: string, store = new MemoryStore(), boot = 'b1', address = '192.0.2.1') => {
		const cluster = new MemoryCluster(server)
		const underlay = { address: address as string | undefined }
		const find = async () => underlay.address
		const uptime = () => clock.time
		const member = new Member(cluster, store, { id: boot, uptime }, { name, address }, RETIREMENT, find)
		return { cluster, member, store, underlay }
	}
	const keys = () => server.entries('weft/').map(({ key }) => key)
	return { clock, server, host, keys, admin: new MemoryCluster(server) }
}

test('a host is listed with its address, and shown while it is there', async () => {
	const { clock, server, host, keys } = scene()
	const { member } = host('a')
	assert.equal(member.membership, undefined)
	await member.heartbeat()
	assert.ok(member.membership)
	assert.deepEqual(keys(), [`${NODES}a`, `${PRESENT}a`])
	assert.deepEqual(JSON.parse(server.entries(NODES)[0]?.value ?? ''), { name: 'a', address: '192.0.2.1' })
	clock.time += 29
	await member.heartbeat()
	clock.time += 29
	assert.deepEqual(keys(), [`${NODES}a`, `${PRESENT}a`])
	clock.time += 2
	assert.deepEqual(keys(), [`${NODES}a`])
	await member.heartbeat()
	assert.deepEqual(keys(), [`${NODES}a`, `${PRESENT}a`])
})

test('a weftd that is started anew is the same member, also while the cluster does not answer', async () => {
	const { clock, host } = scene()
	const first = host('a')
	await first.member.heartbeat()
	clock.time += 10
	const { member, cluster } = host('a', first.store)
	cluster.fault = 'cut'
	assert.equal(member.membership, first.member.membership)
	await assert.rejects(member.heartbeat(), (error) => isCode(error, 'unreachable'))
	assert.equal(member.membership, first.member.membership)
})

test('after a boot nothing holds before the cluster has confirmed it, and then it is the same', async () => {
	const { clock, host } = scene()
	const first = host('a')
	await first.member.heartbeat()
	clock.time += 10
	const { member, cluster } = host('a', first.store, 'b2')
	cluster.fault = 'cut'
	await assert.rejects(member.heartbeat(), (error) => isCode(error, 'unreachable'))
	assert.equal(member.membership, undefined)
	assert.match(member.refusal().message, /^this host, a, has not reached the cluster since its boot \(WEFT_CLUSTER\)/)
	cluster.fault = undefined
	await member.heartbeat()
	assert.equal(member.membership, first.member.membership)
})

test('a host that is cut off relies on nothing well before the others may have it, also over a start', async () => {
	const { clock, host, keys } = scene()
	const { member, cluster, store } = host('a')
	await member.heartbeat()
	cluster.fault = 'cut'
	clock.time += RETIREMENT * 0.79
	assert.ok(member.membership)
	assert.ok(host('a', store).member.membership)
	clock.time += RETIREMENT * 0.02
	assert.equal(member.membership, undefined)
	assert.match(member.refusal().message, /^this host, a, has not reached the cluster for too long \(WEFT_CLUSTER\)/)
	assert.equal(host('a', store).member.membership, undefined)
	assert.ok(keys().includes(`${NODES}a`))
	clock.time += RETIREMENT * 0.2
	assert.deepEqual(keys(), [])
	cluster.fault = undefined
	await member.heartbeat()
	assert.ok(member.membership)
})

test('a name is one host’s: another one is told whose, until that is forgotten', async () => {
	const { clock, host, admin } = scene()
	await host('a').member.heartbeat()
	const other = host('a', new MemoryStore(), 'b2', '192.0.2.2')
	await assert.rejects(other.member.heartbeat(), (error) => {
		return isCode(error, 'in-use') && /WEFT_NODE=a .* at 192\.0\.2\.1; .*weft node forget a$/.test(error.message)
	})
	clock.time += 31
	await forget(admin, 'a')
	await other.member.heartbeat()
	assert.ok(other.member.membership)
})

test('a host with another address or another name is listed so, and not as before', async () => {
	const { server, host } = scene()
	const { member, store } = host('a')
	await member.heartbeat()
	const moved = host('a', store, 'b1', '192.0.2.9').member
	await moved.heartbeat()
	assert.equal(moved.membership, member.membership)
	const renamed = host('b', store, 'b1', '192.0.2.9').member
	await renamed.heartbeat()
	assert.deepEqual(
		server.entries(NODES).map(({ value }) => JSON.parse(value)),
		[{ name: 'b', address: '192.0.2.9' }],
	)
})

test('a host whose address changes is listed with the new one from the next heartbeat on', async () => {
	const { server, host } = scene()
	const { member, cluster, underlay } = host('a')
	await member.heartbeat()
	const { revision } = server
	await member.heartbeat()
	assert.equal(server.revision, revision)
	const { membership } = member
	underlay.address = '192.0.2.9'
	await member.heartbeat()
	assert.deepEqual(JSON.parse(server.entries(NODES)[0]?.value ?? ''), { name: 'a', address: '192.0.2.9' })
	assert.equal(member.membership, membership)
	assert.ok(member.isReached)
	cluster.fault = 'cut'
	await assert.rejects(member.heartbeat())
	assert.equal(member.isReached, false)
})

test('a host with another key is listed with it, or, where the others cannot be told, with the former one', async () => {
	const { server, host } = scene()
	const { member, cluster } = host('a')
	await member.heartbeat()
	const listed = () => JSON.parse(server.entries(NODES)[0]?.value ?? '').publicKey
	await member.rekey('one')
	assert.deepEqual([listed(), member.node.publicKey], ['one', 'one'])
	// Arrives, and is not answered.
	cluster.fault = 'deaf'
	await assert.rejects(member.rekey('two'), (error) => isCode(error, 'unreachable'))
	assert.equal(member.node.publicKey, 'one')
	cluster.fault = undefined
	await member.heartbeat()
	assert.deepEqual([listed(), member.node.publicKey], ['one', 'one'])
	await Promise.all([member.heartbeat(), member.rekey('three'), member.heartbeat()])
	assert.deepEqual([listed(), member.node], ['three', { name: 'a', address: '192.0.2.1', publicKey: 'three' }])
})

for (const what of ['as the cluster still has it', 'that joins']) {
	test(`a host ${what} keeps its key where the record could not be written`, async () => {
		const { server, host } = scene()
		const { member, cluster, store } = host('a')
		await member.heartbeat()
		await member.rekey('one')
		if (what === 'that joins') member.isOver(store.get('membership', '', '')?.lease ?? '')
		const transaction = cluster.transaction.bind(cluster)
		cluster.transaction = async () => undefined
		await assert.rejects(
			member.rekey('two'),
			(error) => isCode(error, 'unreachable') && /try again$/.test(error.message),
		)
		cluster.transaction = transaction
		const listed = () => JSON.parse(server.entries(NODES)[0]?.value ?? '').publicKey
		assert.deepEqual([listed(), member.node.publicKey], ['one', 'one'])
		await member.rekey('two')
		assert.deepEqual([listed(), member.node.publicKey], ['two', 'two'])
	})
}

test('a host that finds no address keeps the one that it had, and is no member before it had one', async () => {
	const { clock, host, keys, server } = scene()
	const { member, underlay } = host('a', new MemoryStore(), 'b1', '')
	for (const [address, said] of [
		[undefined, /^this host has no default route, whose address the others could use: set WEFT_NODE_ADDRESS$/],
		['169.254.0.1', /^the others do not reach this host at 169\.254\.0\.1: set WEFT_NODE_ADDRESS$/],
	] as const) {
		underlay.address = address
		await assert.rejects(member.heartbeat(), (error) => isCode(error, 'system') && said.test(error.message))
		assert.deepEqual([member.membership, keys()], [undefined, []])
	}
	underlay.address = '192.0.2.1'
	await member.heartbeat()
	underlay.address = undefined
	clock.time += 31
	assert.deepEqual(keys(), [`${NODES}a`])
	await member.heartbeat()
	assert.deepEqual(keys(), [`${NODES}a`, `${PRESENT}a`])
	assert.deepEqual(JSON.parse(server.entries(NODES)[0]?.value ?? ''), { name: 'a', address: '192.0.2.1' })
})

test('a host that is there cannot be forgotten; one that is gone is, with all it has, and comes back as another one', async () => {
	const { clock, host, admin, keys } = scene()
	const { member, cluster } = host('a')
	await member.heartbeat()
	const former = member.membership ?? ''
	await cluster.transaction([], [{ key: 'weft/something', value: '', lease: former }])
	await assert.rejects(
		forget(admin, 'a'),
		(error) => isCode(error, 'in-use') && /the host a is there/.test(error.message),
	)
	await assert.rejects(forget(admin, 'b'), (error) => isCode(error, 'not-found') && /no host "b"/.test(error.message))
	clock.time += 31
	await forget(admin, 'a')
	assert.deepEqual(keys(), [])
	await member.heartbeat()
	assert.ok(member.membership !== undefined && member.membership !== former)
	assert.deepEqual(keys(), [`${NODES}a`, `${PRESENT}a`])
})

for (const fault of ['cut', 'deaf'] as const) {
	test(`joining that breaks off anywhere, ${fault}, and is repeated after a start, ends in a member`, async () => {
		for (let step = 1; step < 12; step++) {
			const { clock, host, server } = scene()
			const { member, cluster, store } = host('a')
			let left = step
			const call = cluster.grant.bind(cluster)
			// Each grant comes before the next step; from the one with this number on nothing arrives.
			cluster.grant = (seconds) => {
				if (--left <= 0) cluster.fault = fault
				return call(seconds)
			}
			for (let n = 0; n < 3; n++) {
				await member.heartbeat().catch(() => undefined)
				member.isOver(store.get('membership', '', '')?.lease ?? '')
			}
			clock.time += 40
			const again = host('a', store)
			await again.member.heartbeat()
			assert.ok(again.member.membership, `step ${step}`)
			assert.equal(server.entries(NODES)[0]?.lease, again.member.membership)
		}
	})
}

test('heartbeats that come together are one', async () => {
	const { host, server } = scene()
	const { member } = host('a')
	await Promise.all([member.heartbeat(), member.heartbeat()])
	assert.equal(server.entries(NODES)[0]?.lease, member.membership)
})
