/**
 * How the addresses of a pool stand in the cluster. A block and a single address go with the lease of the host that has
 * them; what is wanted goes by itself after a while. The pool itself stays until it is given back.
 */
import type { Entry } from '../cluster/cluster.ts'
import { fieldsIn } from '../cluster/values.ts'
import { type Cidr, formatCidr, formatIp, type Ip, parseCidr, tryParseIp } from '../model/address.ts'

/** The key of this name itself changes with each pool that is claimed: who claims one compares it. */
export const POOLS = 'weft/pool/'
export const BLOCKS = 'weft/block/'
export const ADDRESSES = 'weft/address/'

/** Networks by their ids. Each is written again, as it is, when a host comes or goes: who takes it away compares it. */
export const NETWORKS = 'weft/network/'
/** How Docker has those that all hosts are to have, by their ids; goes with the network. */
export const OFFERS = 'weft/offer/'
/** `ID/NODE` for each host that has a network; goes with the host's lease. */
export const ON = 'weft/on/'

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
	const [blocks, addresses, wanted] = [`${BLOCKS}${pool}/`, `${ADDRESSES}${pool}/`, `weft/wanted/${pool}/`]
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

/** What a key behind `BLOCKS` or `ADDRESSES` is about, as text: a pool, and a block or an address of it. */
export function placeIn(prefix: string, { key }: Pick<Entry, 'key'>): { readonly pool: string; readonly what: string } {
	const [address = '', length = '', ...rest] = key.slice(prefix.length).split('/')
	return { pool: `${address}/${length}`, what: rest.join('/') }
}

/** Undefined for what weft does not write, as another program may, which must keep nobody from all else. */
export function blockIn(keys: SharedKeys, { key }: Entry): Cidr | undefined {
	return orNothing(() => parseCidr(key.slice(keys.blocks.length)))
}

/** The same of an address, or of one that is wanted. */
export function addressIn(prefix: string, { key }: Entry): Ip | undefined {
	return tryParseIp(key.slice(prefix.length))
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

/** Undefined for what weft does not write. */
export function holderOf(entry: Entry): Holder | undefined {
	const { node, membership, refused } = fieldsIn(entry)
	const isText = (each: unknown) => each === undefined || typeof each === 'string'
	if (typeof node !== 'string' || !isText(membership)) return undefined
	return { node, ...(typeof membership === 'string' && { membership }), ...(refused === true && { refused }) }
}

/** Its name for people. */
export function holderName(entry: Entry): string {
	return holderOf(entry)?.node ?? `unknown, as ${entry.key} names none`
}

export function orNothing<T>(read: () => T): T | undefined {
	try {
		return read()
	} catch {
		return undefined
	}
}
