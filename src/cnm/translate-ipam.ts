/** IpamDriver's arguments and answers to and from weft's words. Pure: checks what is written, decides nothing. */
import { invalid } from '../errors.ts'
import type { AddressRequest, PoolAnswer, PoolRequest } from '../ipam/verbs.ts'
import { type Cidr, type Family, formatCidr, formatIp, networkOf, parseCidr, parseIp } from '../model/address.ts'
import { GATEWAY, type RequestAddress, type RequestPool } from './schema.ts'

export function toPoolRequest(body: RequestPool): PoolRequest {
	const pool = body.Pool ? networkOf(parseCidr(body.Pool)) : undefined
	const family = familyOf(body, pool)
	const range = body.SubPool ? networkOf(parseCidr(body.SubPool)) : undefined
	if (range !== undefined && range.family !== family) {
		throw invalid(`the range ${body.SubPool} is not of the same family as its pool: IPv${family}`)
	}
	return {
		space: body.AddressSpace,
		family,
		...(pool === undefined ? {} : { pool: formatCidr(pool) }),
		...(range === undefined ? {} : { range: formatCidr(range) }),
	}
}

/** A pool that is written out says its own family; `V6` counts where weft is to choose. */
function familyOf(body: RequestPool, pool: Cidr | undefined): Family {
	if (pool === undefined) return body.V6 === true ? 6 : 4
	if (body.V6 === true && pool.family === 4) throw invalid(`"${body.Pool}" is not an IPv6 pool`)
	return pool.family
}

export function fromPool(answer: PoolAnswer) {
	return { PoolID: answer.id, Pool: answer.pool, Data: {} }
}

export function toAddressRequest(body: RequestAddress): AddressRequest {
	return {
		poolId: body.PoolID,
		...(body.Address ? { address: toPlainAddress(body.Address) } : {}),
		kind: body.Options?.RequestAddressType === GATEWAY ? 'gateway' : 'endpoint',
	}
}

export function toPlainAddress(text: string): string {
	return formatIp(parseIp(text))
}

export function fromAddress(address: string) {
	return { Address: address, Data: {} }
}
