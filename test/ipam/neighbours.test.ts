/** Whose the addresses of a network are, as the keys of the cluster say, and nobody's whom they do not name. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Mirror } from '../../src/cluster/mirror.ts'
import { NODES, PRESENT } from '../../src/cluster/nodes.ts'
import { Neighbours } from '../../src/ipam/neighbours.ts'
import { keysOf, NETWORKS, ON } from '../../src/ipam/shared-keys.ts'
import { eventually } from '../support/eventually.ts'
import { MemoryCluster, MemoryServer } from '../support/memory-cluster.ts'

const V4 = keysOf('10.1.0.0/16')
const V6 = keysOf('fd00:1::/64')

function node(name: string, more: object = {}) {
	return { key: NODES + name, value: JSON.stringify({ name, address: `192.0.2.${name.charCodeAt(0) - 96}`, ...more }) }
}

const held = (key: string, name: string) => ({ key, value: JSON.stringify({ node: name }) })

/** What b and c have of the network n1, whose pools are two, and d of n2. */
const KEYS = [
	node('a'),
	node('b'),
	node('c'),
	node('d'),
	{ key: `${PRESENT}b`, value: '' },
	{ key: V4.pool, value: 'n1' },
	{ key: V6.pool, value: 'n1' },
	{ key: keysOf('10.2.0.0/16').pool, value: 'n2' },
	{ key: 'weft/pool/', value: '10.2.0.0/16' },
	...['n1/a', 'n1/b', 'n1/c', 'n2/d'].map((each) => ({ key: ON + each, value: '' })),
	held(`${V4.blocks}10.1.0.0/26`, 'a'),
	held(`${V4.blocks}10.1.1.0/26`, 'b'),
	held(`${V4.blocks}10.1.0.64/26`, 'b'),
	held(`${V6.blocks}fd00:1::80/122`, 'b'),
	held(`${V4.addresses}10.1.0.9`, 'b'),
	held(`${keysOf('10.2.0.0/16').blocks}10.2.0.0/26`, 'd'),
	...['n1', 'n2'].map((id) => ({ key: NETWORKS + id, value: JSON.stringify({ id, blocks: { 4: 26, 6: 122 } }) })),
]

async function open(t: TestContext, server: MemoryServer) {
	const cluster = new MemoryCluster(server)
	const told = { changes: 0 }
	const mirror = new Mirror(cluster, 'weft/', { changed: () => told.changes++, failed: () => undefined }, 20)
	const neighbours = new Neighbours(mirror, 'a')
	assert.equal(neighbours.of('n1'), undefined)
	mirror.open()
	t.after(() => mirror.close())
	await eventually(() => mirror.entries !== undefined)
	return { cluster, neighbours }
}

test('every other host on the network is listed with its blocks and single addresses, of both families', async (t) => {
	const server = new MemoryServer()
	server.transact([], KEYS)
	const { neighbours } = await open(t, server)
	assert.deepEqual(neighbours.of('n1'), [
		{
			name: 'b',
			address: '192.0.2.2',
			blocks: ['10.1.0.64/26', '10.1.1.0/26', 'fd00:1::80/122'],
			addresses: ['10.1.0.9'],
		},
		{ name: 'c', address: '192.0.2.3', blocks: [], addresses: [] },
	])
	assert.deepEqual(
		neighbours.of('n2')?.map(({ name, blocks }) => [name, blocks]),
		[['d', ['10.2.0.0/26']]],
	)
	assert.deepEqual(neighbours.of('n3'), [])
})

test('it follows what changes, and knows what it knew while it is cut off', async (t) => {
	const server = new MemoryServer()
	server.transact([], KEYS)
	const { cluster, neighbours } = await open(t, server)
	const blocksOf = (name: string) => neighbours.of('n1')?.find((each) => each.name === name)?.blocks.length
	server.transact([], [{ key: `${V4.blocks}10.1.1.0/26` }, held(`${V4.blocks}10.1.2.0/26`, 'c')])
	await eventually(() => blocksOf('b') === 2 && blocksOf('c') === 1)
	cluster.fault = 'cut'
	server.transact([], [node('c', { address: '192.0.2.99' })])
	await new Promise((resolve) => setTimeout(resolve, 60))
	assert.equal(neighbours.of('n1')?.[1]?.address, '192.0.2.3')
	cluster.fault = undefined
	await eventually(() => neighbours.of('n1')?.[1]?.address === '192.0.2.99')
	server.transact([], [{ key: `${NODES}c` }, { key: `${ON}n1/c` }, { key: `${V4.blocks}10.1.2.0/26` }])
	await eventually(() => neighbours.of('n1')?.length === 1)
})

test('the address of a host is compared as text, and so has one spelling', async (t) => {
	const server = new MemoryServer()
	server.transact([], KEYS)
	server.transact([], [node('b', { address: '2001:DB8:0::2' })])
	const { neighbours } = await open(t, server)
	assert.equal(neighbours.of('n1')?.[0]?.address, '2001:db8::2')
})

test('the key of a host comes with it, and what is none does not', async (t) => {
	const server = new MemoryServer()
	server.transact([], KEYS)
	const publicKey = Buffer.alloc(32, 'k').toString('base64')
	server.transact([], [node('b', { publicKey }), node('c', { publicKey: publicKey.slice(1) })])
	const { neighbours } = await open(t, server)
	assert.deepEqual(
		neighbours.of('n1')?.map((each) => each.publicKey),
		[publicKey, undefined],
	)
})

test('what weft does not write leads nowhere, and takes nothing else away', async (t) => {
	const server = new MemoryServer()
	server.transact([], KEYS)
	const bad = [
		held(`${V4.blocks}0.0.0.0/0`, 'c'),
		held(`${V4.blocks}10.2.0.0/26`, 'c'),
		held(`${V4.blocks}nonsense`, 'c'),
		// The kernel refuses such routes, and what is behind them.
		held(`${V4.blocks}10.1.9.5/26`, 'c'),
		held(`${V6.blocks}FD00:1::100/122`, 'c'),
		held(`${V6.addresses}fd00:1:0::7`, 'c'),
		held(`${V4.blocks}10.1.10.0/25`, 'c'),
		{ key: `${V4.blocks}10.1.7.0/26`, value: 'nonsense' },
		held(`${V4.addresses}10.2.0.1`, 'c'),
		held(`${V4.addresses}fd00::1`, 'c'),
		held('weft/block/10.9.0.0/16/10.9.0.0/26', 'c'),
		{ key: keysOf('10.3.0.0/16').pool, value: 'n3' },
		held('weft/block/10.3.0.0/16/10.3.0.0/26', 'c'),
		held(`${V4.blocks}10.1.8.0/26`, 'nobody'),
		{ key: `${NODES}e`, value: '{"name":"f","address":"192.0.2.6"}' },
		{ key: `${NODES}g`, value: '{"name":"g","address":"nonsense"}' },
		{ key: `${ON}n1/g`, value: '' },
		node('h', { address: '127.0.0.1' }),
		{ key: `${ON}n1/h`, value: '' },
	]
	server.transact([], bad)
	const { neighbours } = await open(t, server)
	assert.deepEqual(
		neighbours.of('n1')?.map(({ name, blocks, addresses }) => [name, blocks.length, addresses.length]),
		[
			['b', 3, 1],
			['c', 0, 0],
		],
	)
	assert.deepEqual(neighbours.of('n3'), [])
})
