/** Which pool a network gets. Pure: decides from the bases that may be used and the networks that are taken. */

import { invalid } from '../errors.ts'
import {
	type Cidr,
	covers,
	type Family,
	formatCidr,
	last,
	networkOf,
	overlaps,
	parseCidr,
	width,
} from '../model/address.ts'

/** A part of the address space from which pools of one length are cut: `10.210.0.0/16:24`. */
export interface PoolBase {
	readonly base: Cidr
	/** Mask length of the pools. */
	readonly length: number
}

/** Networks that no pool may lie in: nobody can use them for containers. */
const UNUSABLE = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/3', '::/96', '::ffff:0:0/96', 'fe80::/64', 'ff00::/8'].map(
	parseCidr,
)

/** Reads `BASE:SIZE,BASE:SIZE,…`. @throws WeftError `invalid` naming the part that is wrong. */
export function parsePoolBases(text: string): PoolBase[] {
	return text.split(',').map((part) => {
		const match = /^(.+\/\d+):(\d{1,3})$/.exec(part.trim())
		if (match?.[1] === undefined) throw invalid(`${JSON.stringify(part)} is not BASE:SIZE such as 10.210.0.0/16:24`)
		const base = networkOf(usable(match[1]))
		const length = Number(match[2])
		// For the gateway and a container.
		const longest = width(base.family) - 1
		if (base.prefix > longest) throw invalid(`${JSON.stringify(part)}: the base must have more than one address`)
		if (length < base.prefix || length > longest) {
			throw invalid(`${JSON.stringify(part)}: the size must be a mask length from ${base.prefix} to ${longest}`)
		}
		return { base, length }
	})
}

/** A pool as the user wrote it, without host bits. @throws WeftError `invalid` for one that nobody can use. */
export function parsePool(text: string, family: Family): Cidr {
	const pool = networkOf(usable(text))
	if (pool.family !== family) throw invalid(`the subnet ${text} is not IPv${family}`)
	return pool
}

/** `--ip-range` of a pool. @throws WeftError `invalid` when it lies outside. */
export function parseRange(text: string, pool: Cidr): Cidr {
	const range = networkOf(parseCidr(text))
	if (!covers(pool, range)) throw invalid(`the range ${text} is not inside the subnet ${formatCidr(pool)}`)
	return range
}

function usable(text: string): Cidr {
	const cidr = parseCidr(text)
	const bad = UNUSABLE.find((each) => overlaps(each, cidr))
	if (bad !== undefined) throw invalid(`the subnet ${text} overlaps with ${formatCidr(bad)}, which no network can use`)
	return cidr
}

/** The first pool of the family's bases that overlaps with nothing taken; undefined when there is none. */
export function choosePool(bases: readonly PoolBase[], family: Family, taken: readonly Cidr[]): Cidr | undefined {
	for (const { base, length } of bases) {
		if (base.family !== family) continue
		const pool = firstGap(base, length, taken)
		if (pool !== undefined) return pool
	}
	return undefined
}

/** One sweep over the taken networks in order of address, so that a base of 65,536 pools costs no more than a small one. */
function firstGap(base: Cidr, length: number, taken: readonly Cidr[]): Cidr | undefined {
	const step = 1n << BigInt(width(base.family) - length)
	const inside = taken
		.filter((each) => overlaps(base, each))
		.map((each) => ({ from: networkOf(each).value, to: last(each).value }))
		.sort((a, b) => (a.from < b.from ? -1 : 1))
	let candidate = base.value
	for (const { from, to } of inside) {
		if (candidate + step <= from) break
		// The next aligned pool behind this one.
		if (to >= candidate) candidate = ((to - base.value) / step + 1n) * step + base.value
	}
	return candidate + step - 1n <= last(base).value
		? { family: base.family, value: candidate, prefix: length }
		: undefined
}
