/**
 * Makes agree what this host has on record of a shared pool and what the cluster has: after a start, when it joined again, after
 * a call without an answer, and every few seconds. To be called by one at a time.
 */
import type { Entry } from '../cluster/cluster.ts'
import { contains, formatCidr, formatIp, parseCidr, parseIp } from '../model/address.ts'
import type { Block, Borrowed, Loan } from '../model/pool.ts'
import { balance, blockOf, chooseBlock } from './blocks.ts'
import { lend } from './lending.ts'
import { addressIn, blockIn, holderName, holderText } from './shared-keys.ts'
import { claim, membershipOf, type SharedPool } from './shared-pool.ts'

/** All of it; `borrowing` has the addresses that are being borrowed at this moment. Answers the addresses that are lost. */
export async function tend(shared: SharedPool, borrowing: ReadonlySet<string>): Promise<readonly string[]> {
	const membership = membershipOf(shared)
	const lost = [...(await agreeOnBlocks(shared, membership)), ...(await agreeOnBorrowed(shared, membership, borrowing))]
	await lend(shared)
	const step = balance(shared.local.use(membership))
	if (step === 'claim') await claimBlock(shared)
	else if (step !== undefined) await giveBack(shared, formatCidr(step.giveBack))
	return lost
}

/**
 * One block more, where there is one: false where none is left.
 * Another host may be faster, and then nothing is claimed: who needs one looks, and calls again.
 */
export async function claimBlock(shared: SharedPool): Promise<boolean> {
	const { cluster, keys, local, member } = shared
	const membership = membershipOf(shared)
	const { entries } = await cluster.range(keys.blocks)
	const taken = new Set(entries.flatMap((entry) => blockIn(keys, entry)?.value ?? []))
	const block = chooseBlock(shared.range ?? local.pool, shared.length, taken, placeOf(member.node.name))
	if (block === undefined) return false
	const entry = { key: keys.block(block), value: holderText({ node: member.node.name }), lease: membership }
	const done = await claim(shared, [{ key: entry.key, revision: 0 }], [entry])
	if (done !== undefined) await record(shared, formatCidr(block), membership)
	return true
}

/** Any number that hosts seldom have in common: FNV-1a. */
function placeOf(name: string): bigint {
	let hash = 0xcbf29ce484222325n
	for (const byte of Buffer.from(name)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
	return hash
}

/** The block is claimed: what others have in it was claimed before, and from now on nobody has more without asking. */
async function record(shared: SharedPool, block: string, membership: string): Promise<readonly string[]> {
	const { cluster, keys, local } = shared
	const { entries } = await cluster.range(keys.addresses)
	const others = entries.filter(({ lease }) => lease !== membership)
	const loans = others.flatMap((entry): Loan[] => {
		const ip = addressIn(keys.addresses, entry)
		const isInside = ip !== undefined && contains(parseCidr(block), ip)
		return isInside ? [{ poolId: local.id, address: formatIp(ip), node: holderName(entry) }] : []
	})
	return await local.record(block, membership, loans)
}

async function agreeOnBlocks(shared: SharedPool, membership: string): Promise<string[]> {
	const { cluster, keys, local } = shared
	const claimed = new Map((await cluster.range(keys.blocks)).entries.map((entry) => [entry.key, entry]))
	const lost: string[] = []
	for (const block of local.blocks()) {
		const entry = claimed.get(keys.blocks + block.block)
		lost.push(...(await agreeOnBlock(shared, block, entry, membership)))
	}
	// Claimed without an answer, or just before weft ended.
	const known = new Set(local.blocks().map(({ block }) => keys.blocks + block))
	for (const entry of claimed.values()) {
		const block = blockIn(keys, entry)
		const isMine = entry.lease === membership && !known.has(entry.key)
		if (isMine && block !== undefined) lost.push(...(await record(shared, formatCidr(block), membership)))
	}
	return lost
}

async function agreeOnBlock(
	shared: SharedPool,
	block: Block,
	entry: Entry | undefined,
	membership: string,
): Promise<readonly string[]> {
	const { keys, local, member } = shared
	if (block.leaving) return await finishLeaving(shared, block)
	if (entry === undefined) {
		// It went with the former membership; what was given from it may still be used, unless another host is faster.
		const claimed = { key: keys.blocks + block.block, value: holderText({ node: member.node.name }), lease: membership }
		const done = await claim(shared, [{ key: claimed.key, revision: 0 }], [claimed])
		// An earlier claim may have arrived late.
		const isMine = done !== undefined || (await shared.cluster.get(claimed.key))?.lease === membership
		return isMine ? await record(shared, block.block, membership) : await local.forget(block)
	}
	if (entry.lease !== membership) return await local.forget(block)
	return block.membership === membership ? [] : await record(shared, block.block, membership)
}

/** Nothing is given from it by then; so it may be another's as soon as the cluster knows. */
async function giveBack(shared: SharedPool, cidr: string): Promise<void> {
	const block = shared.local.blocks().find((each) => each.block === cidr)
	if (block === undefined) return
	await shared.local.leave(block)
	await finishLeaving(shared, block)
}

async function finishLeaving({ cluster, keys, local }: SharedPool, block: Block): Promise<readonly string[]> {
	const entry = await cluster.get(keys.blocks + block.block)
	if (entry !== undefined && entry.lease === block.membership) {
		const done = await cluster.transaction([{ key: entry.key, revision: entry.revision }], [{ key: entry.key }])
		// It went by itself; the next look tells.
		if (done === undefined) return []
	}
	return await local.forget(block)
}

async function agreeOnBorrowed(
	shared: SharedPool,
	membership: string,
	borrowing: ReadonlySet<string>,
): Promise<string[]> {
	const { cluster, keys, local } = shared
	// Before the cluster is asked, which then has all that is on record by now.
	const known = local.borrowed().filter(({ address }) => !borrowing.has(address))
	const { entries } = await cluster.range(keys.addresses)
	const mine = new Map(entries.filter(({ lease }) => lease === membership).map((entry) => [entry.key, entry]))
	const lost: string[] = []
	for (const each of known) {
		if (!mine.has(keys.addresses + each.address)) lost.push(...(await borrowAgain(shared, each, membership)))
	}
	for (const { key, revision } of mine.values()) {
		const address = key.slice(keys.addresses.length)
		// It was released, or arrived when nobody waited for it.
		const isIdle = !borrowing.has(address) && local.borrowed().every((each) => each.address !== address)
		if (isIdle) await cluster.transaction([{ key, revision }], [{ key }])
	}
	return lost
}

/** It went with the former membership. */
async function borrowAgain(shared: SharedPool, borrowed: Borrowed, membership: string): Promise<readonly string[]> {
	const { keys, local, member } = shared
	const ip = parseIp(borrowed.address)
	if (local.covers(ip, membership)) {
		await local.endBorrowing(borrowed)
		return []
	}
	const block = keys.block(blockOf(local.pool, shared.length, ip))
	const entry = { key: keys.address(ip), value: holderText({ node: member.node.name }), lease: membership }
	const conditions = [block, entry.key].map((key) => ({ key, revision: 0 }))
	const done = await claim(shared, conditions, [entry])
	// An earlier claim may have arrived late.
	const isMine = done !== undefined || (await shared.cluster.get(entry.key))?.lease === membership
	if (!local.borrowed().includes(borrowed)) return []
	if (!isMine) {
		await local.lose(borrowed)
		return [borrowed.address]
	}
	await local.commit([local.borrow({ ...borrowed, membership })])
	return []
}
