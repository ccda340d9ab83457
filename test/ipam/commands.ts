/**
 * What may happen to address management, as fast-check commands over a naive model: a list of pools with the addresses
 * given in each. Every answer must be what the model says, whatever came before: requests, releases, restarts, full disks.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isCode } from '../../src/errors.ts'
import { Ipam } from '../../src/ipam/ipam.ts'
import { parsePoolBases } from '../../src/ipam/pools.ts'
import { type Cidr, contains, formatIp, last, overlaps, parseCidr, parseIp } from '../../src/model/address.ts'
import type { Store } from '../../src/store/store.ts'
import { surroundings } from '../support/surroundings.ts'

export const BASES = parsePoolBases('10.99.0.0/27:29,fd99::/122:124')
/** Addresses of the host, in subnets that may be asked for. */
const OWN = ['10.98.1.0', '10.98.3.1', '10.98.4.5', '10.98.4.9', 'fd98:1::2', 'fd98:4::9']
/** A route over the second pool of each base, and a nameserver in the third. */
export const OCCUPIED = ['10.99.0.8/29', '10.99.0.20/32', 'fd99::10/124', 'fd99::21/128'].map(parseCidr)

interface ModelPool {
	readonly pool: string
	/** Every address that may be chosen, in order. */
	readonly choosable: readonly string[]
	readonly given: Set<string>
	/** The address chosen last. */
	cursor: string | undefined
}

export type Model = Map<string, ModelPool>

export interface Real {
	ipam: Ipam
	store: Store
	/** The store as a new process finds it. */
	reopen(): Promise<Store>
	/** Makes the next commits fail or not; absent where the store cannot. */
	readonly setFailing?: (failing: boolean) => void
}

export function startIpam(store: Store): Ipam {
	const ipam = new Ipam(store, BASES, surroundings(OCCUPIED, OWN))
	ipam.load()
	return ipam
}

type Command = fc.AsyncCommand<Model, Real>

function command(name: string, run: (model: Model, real: Real) => Promise<void>): Command {
	return { check: () => true, run, toString: () => name }
}

/** All addresses of a small pool that may be chosen, written out one by one. */
function choosableOf(pool: Cidr, range: Cidr | undefined): string[] {
	const all: string[] = []
	for (let value = pool.value; value <= last(pool).value; value++) all.push(formatIp({ family: pool.family, value }))
	const bits = (pool.family === 4 ? 32 : 128) - pool.prefix
	const proper = bits < 2 ? all : all.slice(1, pool.family === 4 ? -1 : undefined)
	return proper.filter((text) => range === undefined || contains(range, parseIp(text)))
}

function held(model: Model): Cidr[] {
	return Array.from(model.values(), ({ pool }) => parseCidr(pool))
}

const GLOBAL = 'weft-global'
const spaceOf = (id: string): string => id.split('/')[0] ?? ''

/** Whether pools that overlap may be there together: Swarm's, and a node's part of it. */
function belongTogether(a: { id: string; pool: string }, b: { id: string; pool: string }): boolean {
	const spaces = [spaceOf(a.id), spaceOf(b.id)]
	return a.pool === b.pool && spaces[0] !== spaces[1] && spaces.includes(GLOBAL)
}

function remember(model: Model, id: string, pool: string, range?: string): void {
	const all = choosableOf(parseCidr(pool), range === undefined ? undefined : parseCidr(range))
	const choosable = all.filter((address) => !OWN.includes(address))
	model.set(id, { pool, choosable, given: new Set(), cursor: undefined })
}

const choosePool = (family: 4 | 6) =>
	command(`choose IPv${family} pool`, async (model, real) => {
		const answer = await real.ipam.requestPool({ space: 's', family }).catch((error: unknown) => error)
		const taken = [...held(model), ...OCCUPIED]
		const candidates = family === 4 ? fours : sixes
		const expected = candidates.find((pool) => !taken.some((each) => overlaps(each, parseCidr(pool))))
		if (expected === undefined) return assert.ok(isCode(answer, 'exhausted'), String(answer))
		assert.deepEqual(answer, { id: `s/${expected}`, pool: expected })
		remember(model, `s/${expected}`, expected)
	})
const fours = ['10.99.0.0/29', '10.99.0.8/29', '10.99.0.16/29', '10.99.0.24/29']
const sixes = ['fd99::/124', 'fd99::10/124', 'fd99::20/124', 'fd99::30/124']

const askPool = (space: string, pool: string, range?: string) =>
	command(`ask for ${pool} ${range ?? ''} in ${space}`, async (model, real) => {
		const family = pool.includes(':') ? 6 : 4
		const request = { space, family, pool, ...(range === undefined ? {} : { range }) } as const
		const answer = await real.ipam.requestPool(request).catch((error: unknown) => error)
		const id = `${space}/${pool}${range === undefined ? '' : `/${range}`}`
		if (space === GLOBAL && model.has(id)) return assert.deepEqual(answer, { id, pool })
		const overlapping = Array.from(model, ([other, each]) => ({ id: other, pool: each.pool })).filter((each) =>
			overlaps(parseCidr(each.pool), parseCidr(pool)),
		)
		if (!overlapping.every((each) => belongTogether(each, { id, pool }))) return assert.ok(isCode(answer, 'exists'))
		assert.deepEqual(answer, { id, pool })
		remember(model, id, pool, range)
	})

/** The pool of the model that a number stands for; commands without one do nothing. */
function pick(model: Model, n: number): [string, ModelPool] | undefined {
	return Array.from(model)[n % Math.max(1, model.size)]
}

/** What round-robin by hand gives next; undefined when nothing is free. */
function expectedNext(pool: ModelPool): string | undefined {
	const at = pool.choosable.indexOf(pool.cursor ?? '')
	const order = [...pool.choosable.slice(at + 1), ...pool.choosable.slice(0, at + 1)]
	return order.find((address) => !pool.given.has(address))
}

async function chooseAddress(model: Model, real: Real, n: number): Promise<void> {
	const [id, pool] = pick(model, n) ?? []
	if (id === undefined || pool === undefined) return
	const answer = await real.ipam.requestAddress({ poolId: id, kind: 'endpoint' }).catch((error: unknown) => error)
	const expected = expectedNext(pool)
	if (expected === undefined) return assert.ok(isCode(answer, 'exhausted'), String(answer))
	const address = String(answer).split('/')[0] ?? ''
	assert.equal(answer, `${address}/${parseCidr(pool.pool).prefix}`)
	assert.ok(pool.choosable.includes(address) && !pool.given.has(address), `${address} must not be given`)
	assert.equal(address, expected)
	pool.given.add(address)
	pool.cursor = address
}

async function askAddress(model: Model, real: Real, n: number, offset: number): Promise<void> {
	const [id, pool] = pick(model, n) ?? []
	if (id === undefined || pool === undefined) return
	const cidr = parseCidr(pool.pool)
	const address = formatIp({ family: cidr.family, value: cidr.value + BigInt(offset) })
	const request = { poolId: id, address, kind: 'gateway' } as const
	const answer = await real.ipam.requestAddress(request).catch((error: unknown) => error)
	if (!choosableOf(cidr, undefined).includes(address)) return assert.ok(isCode(answer, 'invalid'), String(answer))
	if (pool.given.has(address) && spaceOf(id) !== GLOBAL) return assert.ok(isCode(answer, 'in-use'), String(answer))
	assert.equal(answer, `${address}/${cidr.prefix}`)
	pool.given.add(address)
}

async function releaseAddress(model: Model, real: Real, n: number, offset: number): Promise<void> {
	const [id, pool] = pick(model, n) ?? ['s/10.1.0.0/24', undefined]
	const cidr = parseCidr(pool?.pool ?? '10.1.0.0/24')
	const address = formatIp({ family: cidr.family, value: cidr.value + BigInt(offset) })
	await real.ipam.releaseAddress(id, address)
	pool?.given.delete(address)
}

async function releasePool(model: Model, real: Real, n: number): Promise<void> {
	const [id] = pick(model, n) ?? ['s/10.1.0.0/24']
	await real.ipam.releasePool(id)
	model.delete(id)
}

/** A new process with what the old one left; nothing it had given may be missing, nothing else may be there. */
async function crash(model: Model, real: Real): Promise<void> {
	real.store = await real.reopen()
	real.ipam = startIpam(real.store)
	const stored = real.store.list('pool', '').map(({ id }) => id)
	assert.deepEqual(new Set(stored), new Set(model.keys()))
	for (const [id, pool] of model) {
		assert.deepEqual(new Set(real.store.list('lease', id).map(({ address }) => address)), pool.given)
	}
}

/** One of every change while the disk refuses: each says so, and the model stays as it was. */
async function fullDisk(model: Model, real: Real, n: number): Promise<void> {
	if (real.setFailing === undefined) return
	const [id, pool] = pick(model, n) ?? []
	if (id === undefined || pool === undefined) return
	real.setFailing(true)
	const [given] = pool.given
	const calls = [
		() => real.ipam.requestAddress({ poolId: id, kind: 'endpoint' }),
		() => real.ipam.requestPool({ space: 's', family: 4, pool: '10.98.0.0/24' }),
		() => real.ipam.releasePool(id),
		() => (given === undefined ? real.ipam.releasePool(id) : real.ipam.releaseAddress(id, given)),
	]
	for (const call of calls) {
		const answer = await call().catch((error: unknown) => error)
		assert.ok(isCode(answer, 'system') || isCode(answer, 'exhausted'), String(answer))
	}
	real.setFailing(false)
}

const n = fc.nat(5)
const offset = fc.integer({ min: -1, max: 17 })
const subnet = fc.constantFrom(
	'10.98.1.0/31',
	'10.98.2.4/32',
	'10.98.3.0/30',
	'10.99.0.0/28',
	'fd98::/127',
	'fd98:1::/126',
)
const space = fc.constantFrom('s', 's', GLOBAL)
const add = (name: string, run: (model: Model, real: Real) => Promise<void>) => command(name, run)

export const ALL = [
	fc.constantFrom<4 | 6>(4, 4, 6).map(choosePool),
	fc.tuple(space, subnet).map(([where, pool]) => askPool(where, pool)),
	fc
		.tuple(
			space,
			fc.constantFrom(['10.98.4.0/28', '10.98.4.8/30'], ['fd98:4::/124', 'fd98:4::8/126'], ['10.98.4.0/28']),
		)
		.map(([where, [pool = '', range]]) => askPool(where, pool, range)),
	n.map((i) => add(`address of pool ${i}`, (model, real) => chooseAddress(model, real, i))),
	n.map((i) => add(`address of pool ${i}, too`, (model, real) => chooseAddress(model, real, i))),
	fc
		.tuple(n, offset)
		.map(([i, at]) => add(`address ${at} of pool ${i}`, (model, real) => askAddress(model, real, i, at))),
	fc
		.tuple(n, offset)
		.map(([i, at]) => add(`release ${at} of pool ${i}`, (model, real) => releaseAddress(model, real, i, at))),
	n.map((i) => add(`release pool ${i}`, (model, real) => releasePool(model, real, i))),
	fc.constant(add('crash', crash)),
	n.map((i) => add(`full disk at pool ${i}`, (model, real) => fullDisk(model, real, i))),
]

/** What must hold at the end of any sequence. */
export function checkInvariants(model: Model): void {
	const pools = Array.from(model, ([id, { pool }]) => ({ id, pool }))
	const areApart = (a: string, b: string): boolean => !overlaps(parseCidr(a), parseCidr(b))
	assert.ok(
		pools.every((a) => pools.every((b) => a === b || areApart(a.pool, b.pool) || belongTogether(a, b))),
		pools.map(({ id }) => id).join(' '),
	)
}
