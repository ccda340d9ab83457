/** Which address of a pool is given next. Pure: memory and time grow with the addresses in use, not with the pool. */

import { WeftError } from '../errors.ts'
import {
	type Cidr,
	contains,
	first,
	formatCidr,
	formatIp,
	givable,
	type Ip,
	last,
	type Span,
} from '../model/address.ts'

/** The part of the pool in which addresses are chosen: all that is givable, or what of it lies in `--ip-range`. */
export function choosable(pool: Cidr, range: Cidr | undefined): Span {
	const all = givable(pool)
	if (range === undefined) return all
	const from = first(range).value
	const to = last(range).value
	return { from: from > all.from ? from : all.from, to: to < all.to ? to : all.to }
}

/**
 * The first free address behind `cursor`, around the end; so an address that was just freed comes last, when no
 * neighbour remembers its MAC any more. Undefined when every address of the span is used.
 */
export function nextFree(span: Span, used: ReadonlySet<bigint>, cursor: bigint | undefined): bigint | undefined {
	const start = cursor === undefined || cursor < span.from || cursor >= span.to ? span.from : cursor + 1n
	return scan(start, span.to, used) ?? scan(span.from, start - 1n, used)
}

function scan(from: bigint, to: bigint, used: ReadonlySet<bigint>): bigint | undefined {
	for (let value = from; value <= to; value++) if (!used.has(value)) return value
	return undefined
}

/** @throws WeftError `invalid` or `in-use`, unless exactly this address can be given. */
export function checkGivable(pool: Cidr, used: ReadonlySet<bigint>, ip: Ip): void {
	const span = givable(pool)
	if (!contains(pool, ip)) {
		throw new WeftError('invalid', `the address ${formatIp(ip)} is not inside the subnet ${formatCidr(pool)}`)
	}
	if (ip.value < span.from || ip.value > span.to) {
		throw new WeftError('invalid', `the address ${formatIp(ip)} stands for the whole subnet ${formatCidr(pool)}`)
	}
	if (used.has(ip.value)) throw new WeftError('in-use', `the address ${formatIp(ip)} is already in use`)
}
