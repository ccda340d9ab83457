/** What the IPAM decides in a second: without a disk, and answered when it would survive a power cut. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { Ipam } from '../src/ipam/ipam.ts'
import { parsePoolBases } from '../src/ipam/pools.ts'
import type { Surroundings } from '../src/ipam/verbs.ts'
import { LevelStore } from '../src/store/level.ts'
import type { Store } from '../src/store/store.ts'
import { alone, median, type Row } from './figures.ts'

const ROUNDS = 5
/** With room for all. */
const BASES = parsePoolBases('10.0.0.0/8:8')
const ALONE: Surroundings = { occupied: async () => [], linkWith: async () => undefined }
/** In which nothing is kept: what is left is the decision. */
const NOWHERE: Store = { get: () => undefined, list: () => [], commit: async () => {}, close: async () => {} }

export async function addresses(): Promise<Row[]> {
	const state = await mkdtemp(join(tmpdir(), 'weft-bench-'))
	const store = await LevelStore.open(state)
	try {
		return [
			alone('addresses, in memory', '1/s', await rates(NOWHERE, 100_000, 1)),
			alone('addresses, durable, one at a time', '1/s', await rates(store, 500, 1)),
			alone('addresses, durable, 64 at a time', '1/s', await rates(store, 10_000, 64)),
			...(await commits(store)),
		]
	} finally {
		await store.close()
		await rm(state, { recursive: true, force: true })
	}
}

/** Addresses in a second, each round from a new pool with room for all; `lanes` requests are under way at a time. */
async function rates(store: Store, count: number, lanes: number): Promise<number[]> {
	const ipam = new Ipam(store, BASES, ALONE)
	const values: number[] = []
	for (let round = 0; round < ROUNDS; round++) {
		const { id: poolId } = await ipam.requestPool({ space: 'weft-local', family: 4 })
		const lane = async () => {
			for (let i = 0; i < count / lanes; i++) await ipam.requestAddress({ poolId, kind: 'endpoint' })
		}
		const start = performance.now()
		await Promise.all(Array.from({ length: lanes }, lane))
		values.push((count / (performance.now() - start)) * 1000)
		await ipam.releasePool(poolId)
	}
	return values
}

/** Of one record, until it would survive a power cut. */
async function commits(store: Store): Promise<Row[]> {
	const times: number[] = []
	for (let i = 0; i < 300; i++) {
		const start = performance.now()
		await store.commit([{ kind: 'dockerBridge', group: '', id: `bench-${i}`, value: { name: `bench-${i}` } }])
		times.push(performance.now() - start)
	}
	return [alone('store commit', 'ms', [median(times)])]
}
