/**
 * How the addresses of a pool stand in the cluster. A block and a single address go with the lease of the host that has
 * them; what is wanted goes by itself after a while. The pool itself stays until it is given back.
 */
import type { Entry } from '../cluster/cluster.ts'
import { WeftError } from '../errors.ts'
import { type Cidr, formatCidr, formatIp, type Ip, parseCidr, parseIp } from '../model/address.ts'

/** The key of this name itself changes with each pool that is claimed: who claims one compares it. */
export const POOLS = 'weft/pool/'

export interface SharedKeys {
	readonly pool: string
	/** Prefixes. */
	readonly blocks: string
	readonly addresses: string
	readonly wanted: string
	block(block: Cidr): string
	address(ip: Ip): string
	want(ip: Ip): string
}

export function keysOf(pool: string): SharedKeys {
	const [blocks, addresses, wanted] = ['block', 'address', 'wanted'].map((kind) => `weft/${kind}/${pool}/`) as [
		string,
		string,
		string,
	]
	return {
		pool: POOLS + pool,
		blocks,
		addresses,
		wanted,
		block: (block) => blocks + formatCidr(block),
		address: (ip) => addresses + formatIp(ip),
		want: (ip) => wanted + formatIp(ip),
	}
}

export function blockIn(keys: SharedKeys, { key }: Entry): Cidr {
	return parseCidr(key.slice(keys.blocks.length))
}

export function addressIn(prefix: string, { key }: Entry): Ip {
	return parseIp(key.slice(prefix.length))
}

/** Who has a block or an address, or wants one. */
export interface Holder {
	readonly node: string
	/** What is wanted is to go with it. */
	readonly membership?: string
	/** The host whose block it is has it in use itself. */
	readonly refused?: boolean
}

export function holderText(holder: Holder): string {
	return JSON.stringify(holder)
}

/** @throws WeftError `system` for what weft does not write */
export function holderOf({ key, value }: Entry): Holder {
	const { node, membership, refused } = parse(value)
	const isText = (each: unknown) => each === undefined || typeof each === 'string'
	if (typeof node !== 'string' || !isText(membership)) {
		throw new WeftError('system', `the key ${key} of the cluster names no host: ${value.slice(0, 200)}`)
	}
	return { node, ...(typeof membership === 'string' && { membership }), ...(refused === true && { refused }) }
}

function parse(value: string): Readonly<Record<string, unknown>> {
	try {
		return Object(JSON.parse(value))
	} catch {
		return {}
	}
}
