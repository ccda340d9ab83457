/** How full pools are. Pure: from their records. */
import { givable, parseCidr, parseIp, type Span } from '../model/address.ts'
import type { Lease, Pool } from '../model/pool.ts'
import { spanOf } from './blocks.ts'
import { choosable } from './leases.ts'

/** Numbers of addresses. */
export interface Usage {
	readonly size: bigint
	readonly used: bigint
	/** Left to be chosen: in the range, where there is one. */
	readonly free: bigint
}

export function usageOf(pool: Pool, leases: readonly Lease[]): Usage {
	const cidr = parseCidr(pool.pool)
	const span = choosable(cidr, pool.range === undefined ? undefined : parseCidr(pool.range))
	const taken = leases.filter(({ address }) => isIn(span, parseIp(address).value)).length
	return { size: sizeOf(givable(cidr)), used: BigInt(leases.length), free: sizeOf(span) - BigInt(taken) }
}

/** What this host has of a pool that hosts share. */
export interface Share {
	readonly blocks: readonly string[]
	readonly leases: readonly Lease[]
	/** In these blocks, but not this host's to give: lent to others, or for nobody. */
	readonly withheld: readonly string[]
}

/** In this host's blocks, of which it claims more as it needs them; also used are the addresses that it has in those of others. */
export function shareOf({ pool }: Pool, { blocks, leases, withheld }: Share): Usage {
	const spans = blocks.map((block) => spanOf(parseCidr(pool), parseCidr(block)))
	const taken = new Set([...leases.map(({ address }) => address), ...withheld].map((each) => parseIp(each).value))
	const inside = [...taken].filter((value) => spans.some((span) => isIn(span, value))).length
	const size = spans.reduce((sum, span) => sum + sizeOf(span), 0n)
	return { size, used: BigInt(leases.length), free: size - BigInt(inside) }
}

function isIn({ from, to }: Span, value: bigint): boolean {
	return value >= from && value <= to
}

function sizeOf({ from, to }: Span): bigint {
	return to < from ? 0n : to - from + 1n
}
