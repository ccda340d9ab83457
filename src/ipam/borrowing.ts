/**
 * An address that this host is to have and that is in none of its blocks. Where nobody has the block it is claimed by itself,
 * otherwise the block's host is asked, which alone knows whether it is free.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { isCode, WeftError } from '../errors.ts'
import { formatIp, type Ip } from '../model/address.ts'
import { blockOf } from './blocks.ts'
import { holderName, holderOf, holderText } from './shared-keys.ts'
import { claim, membershipOf, type SharedPool } from './shared-pool.ts'

/** How long the block's host is waited for, and how often it is looked whether it has answered. */
export interface Patience {
	readonly looks: number
	/** Milliseconds. */
	readonly pause: number
}

/** Below Docker's 15 s, with what else a call needs. */
export const PATIENCE: Patience = { looks: 50, pause: 100 }
/** Seconds after which what is wanted goes by itself. */
const WANTED = 15
/** How often the block may change hands meanwhile. */
const ATTEMPTS = 5

/** This host has the address in the cluster. @throws WeftError `in-use`, `unreachable` */
export async function borrow(shared: SharedPool, ip: Ip, patience: Patience): Promise<void> {
	const { cluster, keys, local, member } = shared
	const block = keys.block(blockOf(local.pool, shared.length, ip))
	for (let n = 0; n < ATTEMPTS; n++) {
		const membership = membershipOf(shared)
		const holder = await cluster.get(block)
		// Claimed meanwhile by this host, for another address.
		if (holder?.lease === membership && local.covers(ip, membership)) {
			if (local.isLent(ip.value))
				throw new WeftError('in-use', `the address ${formatIp(ip)} is already in use on another host`)
			return
		}
		if (holder !== undefined && holder.lease !== membership) {
			return await ask(shared, ip, holderName(holder), patience)
		}
		const conditions = [block, keys.address(ip)].map((key) => ({ key, revision: 0 }))
		const entry = { key: keys.address(ip), value: holderText({ node: member.node.name }), lease: membership }
		if ((await claim(shared, conditions, [entry])) !== undefined) return
		if (await has(shared, ip)) return
		await sleep(patience.pause)
	}
	throw new WeftError('unreachable', `the block of ${formatIp(ip)} is changing hands; try again`)
}

/** False where nobody has it by itself. @throws WeftError `in-use` where another host has */
async function has(shared: SharedPool, ip: Ip): Promise<boolean> {
	const { cluster, keys, member } = shared
	const entry = await cluster.get(keys.address(ip))
	if (entry === undefined) return false
	const { key, value, revision, lease } = entry
	if (lease === undefined || lease !== member.membership) throw inUse(ip, holderName(entry))
	// Written again, so that it is not given back by whoever saw before that nobody here used it.
	return (await claim(shared, [{ key, revision }], [{ key, value, lease }])) !== undefined
}

async function ask(shared: SharedPool, ip: Ip, owner: string, patience: Patience): Promise<void> {
	const { cluster, keys, member } = shared
	const key = keys.want(ip)
	const value = holderText({ node: member.node.name, membership: membershipOf(shared) })
	const lease = await cluster.grant(WANTED)
	let isSilent = false
	try {
		const asked = await cluster.transaction([{ key, revision: 0 }], [{ key, value, lease }])
		if (asked === undefined) throw new WeftError('in-use', `another host asks for the address ${formatIp(ip)} too`)
		for (let n = 0; n < patience.looks; n++) {
			if (await has(shared, ip)) return
			const wanted = await cluster.get(key)
			if (wanted !== undefined && holderOf(wanted)?.refused === true) throw inUse(ip, owner)
			await sleep(patience.pause)
		}
	} catch (error) {
		isSilent = isCode(error, 'unreachable')
		throw error
	} finally {
		// So that it is not answered any more. It goes by itself too, and a silent cluster would be waited for twice.
		const withdrawn = cluster.revoke(lease)
		if (isSilent) withdrawn.catch(() => undefined)
		else await withdrawn
	}
	if (await has(shared, ip)) return
	throw new WeftError(
		'unreachable',
		`the address ${formatIp(ip)} is in a block of the host ${owner}, which does not answer`,
	)
}

function inUse(ip: Ip, node: string): WeftError {
	return new WeftError('in-use', `the address ${formatIp(ip)} is already in use on the host ${node}`)
}
