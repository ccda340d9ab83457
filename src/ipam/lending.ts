/** What other hosts want out of this one's blocks, and what they have given back. */
import type { Entry } from '../cluster/cluster.ts'
import { isCode } from '../errors.ts'
import { formatIp, type Ip } from '../model/address.ts'
import { blockOf } from './blocks.ts'
import { addressIn, holderOf, holderText } from './shared-keys.ts'
import { membershipOf, type SharedPool } from './shared-pool.ts'

/**
 * Answers what is wanted, and ends loans that are over. To be called by one at a time. Both lists are read here, in this
 * order: of what is not wanted any more, no answer that is still on its way can arrive.
 */
export async function lend(shared: SharedPool): Promise<void> {
	const { cluster, keys, local } = shared
	const wanted = (await cluster.range(keys.wanted)).entries
	const had = (await cluster.range(keys.addresses)).entries
	const named = [...had, ...wanted].flatMap((entry) => addressIn(prefixOf(shared, entry), entry) ?? [])
	const still = new Set(named.map(formatIp))
	for (const { address } of local.loans()) if (!still.has(address)) await local.endLoan(address)
	const lent = new Set(had.map(({ key }) => key))
	for (const entry of wanted) await answer(shared, entry, lent)
}

function prefixOf({ keys }: SharedPool, { key }: Entry): string {
	return key.startsWith(keys.wanted) ? keys.wanted : keys.addresses
}

async function answer(shared: SharedPool, entry: Entry, lent: ReadonlySet<string>): Promise<void> {
	const { cluster, keys, local } = shared
	const [ip, holder] = [addressIn(keys.wanted, entry), holderOf(entry)]
	if (ip === undefined || holder?.membership === undefined || holder.refused || entry.lease === undefined) return
	const { node, membership } = holder
	if (!local.covers(ip, membershipOf(shared))) return
	const condition = { key: entry.key, revision: entry.revision }
	// One that is lent, and that nobody has, is the answer to this that did not arrive.
	const isFree = local.isLent(ip.value) ? !lent.has(keys.address(ip)) : !local.used.has(ip.value)
	if (!isFree || local.isOwn(ip.value)) {
		const refusal = holderText({ node, membership, refused: true })
		await unlessOver(cluster.transaction([condition], [{ key: entry.key, value: refusal, lease: entry.lease }]))
		return
	}
	await local.lend(ip, node)
	if (!(await give(shared, ip, entry, node, membership))) await local.endLoan(formatIp(ip))
}

/** False where it was certainly not given. Only while the block is this host's in the cluster too. */
async function give(shared: SharedPool, ip: Ip, entry: Entry, node: string, membership: string): Promise<boolean> {
	const { cluster, keys, local } = shared
	const block = await cluster.get(keys.block(blockOf(local.pool, shared.length, ip)))
	if (block === undefined || block.lease !== shared.member.membership) return false
	const conditions = [
		{ key: block.key, revision: block.revision },
		{ key: entry.key, revision: entry.revision },
		{ key: keys.address(ip), revision: 0 },
	]
	const given = { key: keys.address(ip), value: holderText({ node }), lease: membership }
	return (await unlessOver(cluster.transaction(conditions, [{ key: entry.key }, given]))) !== undefined
}

/** Undefined also where the host that wants it does not wait any more, or is no member. */
async function unlessOver(transaction: Promise<number | undefined>): Promise<number | undefined> {
	try {
		return await transaction
	} catch (error) {
		if (isCode(error, 'not-found')) return undefined
		throw error
	}
}
