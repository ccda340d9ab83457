/**
 * How the addresses of a pool that many hosts share are divided: into blocks of one size, each of one host. Pure, and no
 * dearer for a /48 than for a /24: blocks are computed, never listed.
 */
import { type Cidr, first, givable, type Ip, last, networkOf, type Span, width } from '../model/address.ts'
import { nextFree } from './leases.ts'

/** The block of this mask length with the address in it; the pool where that is smaller. */
export function blockOf(pool: Cidr, length: number, ip: Ip): Cidr {
	return networkOf({ ...ip, prefix: Math.max(length, pool.prefix) })
}

/** What of a block may be given. */
export function spanOf(pool: Cidr, block: Cidr): Span {
	const all = givable(pool)
	const [from, to] = [first(block).value, last(block).value]
	return { from: from > all.from ? from : all.from, to: to < all.to ? to : all.to }
}

/**
 * A block that nobody has: the first one behind a place that is each host's own, so that hosts that come at the same moment
 * seldom want the same. `taken` has the first address of each. Undefined when there is none.
 */
export function chooseBlock(pool: Cidr, length: number, taken: ReadonlySet<bigint>, place: bigint): Cidr | undefined {
	const prefix = Math.max(length, pool.prefix)
	const count = 1n << BigInt(prefix - pool.prefix)
	const step = 1n << BigInt(width(pool.family) - prefix)
	for (let n = 0n; n < count; n++) {
		const value = networkOf(pool).value + ((place + n) % count) * step
		if (!taken.has(value)) return { family: pool.family, value, prefix }
	}
	return undefined
}

/** The first free address behind `cursor` in these blocks, around the end. */
export function nextInBlocks(spans: readonly Span[], used: ReadonlySet<bigint>, cursor: bigint): bigint | undefined {
	const ordered = spans.toSorted((a, b) => (a.from < b.from ? -1 : 1))
	const behind = ordered
		.filter(({ to }) => to > cursor)
		.map(({ from, to }) => ({ from: from > cursor ? from : cursor + 1n, to }))
	for (const span of [...behind, ...ordered]) {
		const value = nextFree(span, used, undefined)
		if (value !== undefined) return value
	}
	return undefined
}

/** How full a block is. */
export interface BlockUse {
	readonly block: Cidr
	/** Addresses that may be given. */
	readonly size: bigint
	/** Those that are not, and those of them that this host has given itself. */
	readonly used: bigint
	readonly own: bigint
}

/**
 * One block more when less than a quarter of one is left, so that a container seldom waits for the cluster; and an empty
 * one given back when more than half of one is left without it. Between the two nothing happens, so it does not swing.
 */
export function balance(blocks: readonly BlockUse[]): 'claim' | { readonly giveBack: Cidr } | undefined {
	const largest = blocks.reduce((most, { size }) => (size > most ? size : most), 0n)
	const free = blocks.reduce((sum, { size, used }) => sum + size - used, 0n)
	if (blocks.length > 0 && free * 4n < largest) return 'claim'
	const empty = blocks.find(({ own, size, used }) => own === 0n && (free - (size - used)) * 2n > largest)
	return empty === undefined ? undefined : { giveBack: empty.block }
}
