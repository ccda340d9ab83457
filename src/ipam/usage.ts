/** How full pools are. Pure: from their records. */
import { givable, parseCidr, parseIp, type Span } from '../model/address.ts'
import type { Lease, Pool } from '../model/pool.ts'
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

function isIn({ from, to }: Span, value: bigint): boolean {
	return value >= from && value <= to
}

function sizeOf({ from, to }: Span): bigint {
	return to < from ? 0n : to - from + 1n
}
