/**
 * The addresses of a pool that the hosts of a cluster share, as this host gives them: out of its own blocks without asking
 * anybody, and for an address of somebody's choice wherever it lies.
 */

import { WeftError } from '../errors.ts'
import { formatCidr, formatIp, type Ip, parseIp, tryParseIp } from '../model/address.ts'
import { claimBlock, tend } from './block-upkeep.ts'
import { borrow, PATIENCE, type Patience } from './borrowing.ts'
import { checkGivable } from './leases.ts'
import { holderName } from './shared-keys.ts'
import { membershipOf, type SharedPool } from './shared-pool.ts'
import { Turns } from './turns.ts'

/** How often others may be faster. */
const ATTEMPTS = 50

export class BlockPool {
	readonly #shared: SharedPool
	readonly #patience: Patience
	readonly #turns = new Turns()
	readonly #borrowing = new Set<string>()

	constructor(shared: SharedPool, patience: Patience = PATIENCE) {
		this.#shared = shared
		this.#patience = patience
	}

	/**
	 * The next free address, or the one that is asked for, when it is on record. The cluster is asked only where this host has
	 * no block with a free address, or the address is in none of its blocks.
	 * @throws WeftError `exhausted`, `in-use`, `invalid`; `unreachable` where the cluster has to be asked and does not answer
	 */
	async requestAddress(address?: string): Promise<string> {
		return address === undefined ? await this.#next() : await this.#asked(parseIp(address))
	}

	/** Succeeds for the unknown, and without the cluster. */
	async releaseAddress(address: string): Promise<void> {
		const ip = tryParseIp(address)
		if (ip?.family === this.#shared.local.pool.family) await this.#shared.local.release(ip)
	}

	/**
	 * Claims what is needed soon and gives back what is not needed, answers other hosts, and makes this host's record and the
	 * cluster agree. Answers the addresses that containers have and that are another host's by now.
	 */
	async tend(): Promise<readonly string[]> {
		return await this.#turns.take(() => tend(this.#shared, this.#borrowing))
	}

	async #next(): Promise<string> {
		const { local } = this.#shared
		for (let n = 0; n < ATTEMPTS; n++) {
			const ip = local.next(membershipOf(this.#shared))
			if (ip === undefined) await this.#turns.take(() => this.#more())
			else if (await this.#give(ip)) return formatIp(ip)
		}
		throw new WeftError(
			'unreachable',
			`other hosts are faster at claiming blocks of ${formatCidr(local.pool)}; try again`,
		)
	}

	/** False where its block went to another host while it was written. */
	async #give(ip: Ip): Promise<boolean> {
		const { local, member } = this.#shared
		await local.give(ip)
		if (local.covers(ip, member.membership)) return true
		await local.release(ip)
		return false
	}

	async #more(): Promise<void> {
		const { local, cluster, keys, admit } = this.#shared
		await admit()
		if (local.next(membershipOf(this.#shared)) !== undefined || (await claimBlock(this.#shared))) return
		const holders = new Set((await cluster.range(keys.blocks)).entries.map(holderName))
		const who = [...holders].sort().join(', ')
		throw new WeftError('exhausted', `no block is left in the subnet ${formatCidr(local.pool)}: ${who} have them all`)
	}

	async #asked(ip: Ip): Promise<string> {
		const { local } = this.#shared
		checkGivable(local.pool, local.used, ip)
		const given = local.covers(ip, membershipOf(this.#shared)) ? await this.#give(ip) : await this.#borrow(ip)
		if (given) return formatIp(ip)
		throw new WeftError('unreachable', `the block of ${formatIp(ip)} is changing hands; try again`)
	}

	/** On record when the cluster has it: what it gave to a weftd that ended meanwhile is found there, and given back. */
	async #borrow(ip: Ip): Promise<boolean> {
		const { local, member, admit } = this.#shared
		const address = formatIp(ip)
		await admit()
		// Meanwhile somebody else may have got it.
		checkGivable(local.pool, local.used, ip)
		const membership = membershipOf(this.#shared)
		const borrowed = { poolId: local.id, address, membership }
		local.take(ip)
		this.#borrowing.add(address)
		try {
			await borrow(this.#shared, ip, this.#patience)
			await local.commit([local.borrow(borrowed), local.lease(ip)])
		} catch (error) {
			local.drop(ip)
			throw error
		} finally {
			this.#borrowing.delete(address)
		}
		if (member.membership === membership) return true
		await local.release(ip)
		return false
	}
}
