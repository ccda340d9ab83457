/**
 * This host as a member of the cluster. Two leases: a long one, with which goes all that the host claims, so that its end,
 * or `forget`, gives all of it back in one moment; and a short one, which shows that it is there. No clock of the wall is
 * asked: time is the host's since its boot, which no setting of the clock moves.
 */
import { WeftError } from '../errors.ts'
import { hostAddress, type Membership, type Node } from '../model/node.ts'
import type { Store } from '../store/store.ts'
import type { Cluster, Entry } from './cluster.ts'
import { NODES, nodeOf, PRESENT } from './nodes.ts'

/** Seconds after which a host that does not answer is shown as unreachable; its routes stay. */
const PRESENCE = 30
/** What of the long lease this host relies on: the cluster's clock may be faster, and the answer took a while. */
const RELIANCE = 0.8
/** How often the last contact is written down, in each long lease. */
const NOTES = 50

export interface Boot {
	/** Another one after each boot of the host. */
	readonly id: string
	/** Seconds since then, also those that the host has slept. */
	uptime(): number
}

export class Member {
	#node: Node
	readonly #cluster: Cluster
	readonly #store: Store
	readonly #boot: Boot
	readonly #retirement: number
	readonly #find: () => Promise<string | undefined>
	/** When the cluster confirmed the membership that is on record, in this process. */
	#contact: number | undefined
	#presence: string | undefined
	#beating: Promise<void> | undefined
	/** It was said, or shown, that the membership is over. */
	#over = false
	/** As the cluster has this host, as far as is known. */
	#listed = ''
	#isReached = false
	/** While the others are being told of it. */
	#nextKey: string | undefined

	/**
	 * After `retirement` seconds without a word from it the host counts as gone for good. `find` is asked for its address
	 * with each heartbeat, and what it answered last holds while it finds none.
	 */
	constructor(
		cluster: Cluster,
		store: Store,
		boot: Boot,
		node: Node,
		retirement: number,
		find: () => Promise<string | undefined> = async () => node.address,
	) {
		this.#cluster = cluster
		this.#store = store
		this.#boot = boot
		this.#node = node
		this.#retirement = retirement
		this.#find = find
	}

	get node(): Node {
		return this.#node
	}

	/** Whether the last heartbeat arrived. */
	get isReached(): boolean {
		return this.#isReached
	}

	/**
	 * The membership with which things are claimed, while what was claimed with it is certainly this host's; undefined before
	 * the cluster has confirmed it since the host's boot, and when that was too long ago.
	 */
	get membership(): string | undefined {
		const contact = this.#lastContact()
		if (contact === undefined || this.#over) return undefined
		return this.#boot.uptime() - contact < this.#retirement * RELIANCE ? this.#record()?.lease : undefined
	}

	/** Since the boot of the host. */
	#lastContact(): number | undefined {
		const record = this.#record()
		return this.#contact ?? (record?.boot === this.#boot.id ? record.contact : undefined)
	}

	/** What to tell a person for whom there is no membership. */
	refusal(): WeftError {
		const since = this.#lastContact() === undefined ? 'since its boot' : 'for too long'
		const why = this.#over ? 'was left out of the cluster, and joins again' : `has not reached the cluster ${since}`
		const risk = 'its addresses may be another host’s by now'
		return new WeftError('unreachable', `this host, ${this.node.name}, ${why} (WEFT_CLUSTER); ${risk}`)
	}

	/** Whoever was told by the cluster that a membership is over says so. */
	isOver(membership: string): void {
		if (membership === this.#record()?.lease) this.#over = true
	}

	/**
	 * Tells the cluster that this host is there, and joins, or joins again, where it is no member. To be called every few seconds.
	 * @throws WeftError `unreachable`; `in-use` where another host has its name; `system` where it has no address for the others
	 */
	async heartbeat(): Promise<void> {
		this.#beating ??= this.#counted()
		await this.#beating
	}

	async #counted(): Promise<void> {
		let isReached = false
		try {
			await this.#beat()
			isReached = true
		} finally {
			this.#isReached = isReached
			this.#beating = undefined
		}
	}

	async #beat(): Promise<void> {
		this.#node = { ...this.#node, address: usable((await this.#find()) ?? this.#node.address) }
		const sent = this.#boot.uptime()
		const record = this.#record()
		if (record === undefined || this.#over || !(await this.#confirm(record.lease))) await this.#join()
		else await this.#note(record.lease, sent)
	}

	/**
	 * The others are to know this host by another key of WireGuard, and do so when this returns.
	 * @throws WeftError where they cannot be told, as `heartbeat` does; then they will know it by the former one
	 */
	async rekey(publicKey: string): Promise<void> {
		await this.#beating?.catch(() => undefined)
		this.#nextKey = publicKey
		try {
			await this.heartbeat()
			// A heartbeat is one also where the record was changed by others meanwhile, and is put right by the next.
			if (this.#presence === undefined || this.#listed !== this.#text()) throw notTold(this.node.name)
			this.#node = { ...this.#node, publicKey }
		} catch (error) {
			// It may have arrived.
			this.#listed = ''
			throw error
		} finally {
			this.#nextKey = undefined
		}
	}

	#record(): Membership | undefined {
		return this.#store.get('membership', '', '')
	}

	/** False where the membership is over. */
	async #confirm(lease: string): Promise<boolean> {
		if (!(await this.#cluster.keepAlive(lease))) return false
		const isShown = this.#presence !== undefined && (await this.#cluster.keepAlive(this.#presence))
		if (isShown && this.#listed === this.#text()) return true
		return await this.#show(lease, await this.#cluster.get(NODES + this.node.name))
	}

	/**
	 * Only while the host is listed: whoever forgets it takes it off the list, and only while it does not show itself. So one of
	 * the two comes first.
	 */
	async #show(lease: string, listed: Entry | undefined): Promise<boolean> {
		if (listed?.lease !== lease) return false
		const presence = await this.#cluster.grant(PRESENCE)
		const conditions = [{ key: listed.key, revision: listed.revision }]
		const shown = { key: PRESENT + this.node.name, value: '', lease: presence }
		const text = this.#text()
		const writes = listed.value === text ? [shown] : [shown, { key: listed.key, value: text, lease }]
		const done = await this.#cluster.transaction(conditions, writes)
		this.#presence = done === undefined ? undefined : presence
		this.#listed = text
		return done !== undefined
	}

	async #join(): Promise<void> {
		this.#over = true
		this.#contact = undefined
		const before = this.#record()
		const former = before === undefined ? [] : [before.lease, ...before.former]
		const key = NODES + this.node.name
		const listed = await this.#cluster.get(key)
		if (listed !== undefined && !former.includes(listed.lease ?? '')) throw taken(this.node.name, listed)
		const sent = this.#boot.uptime()
		const lease = await this.#cluster.grant(this.#retirement)
		// On record first: one that is listed with a lease that nobody remembers would have the name for long.
		await this.#write({ lease, former, boot: '', contact: 0 })
		const entry = { key, value: this.#text(), lease }
		const revision = await this.#cluster.transaction([{ key, revision: listed?.revision ?? 0 }], [entry])
		if (revision === undefined || !(await this.#show(lease, { ...entry, revision }))) return
		await this.#note(lease, sent)
		this.#over = false
	}

	async #note(lease: string, contact: number): Promise<void> {
		const record = this.#record()
		// They may still have something, which is to be claimed again, by this host or another one.
		for (const each of record?.former ?? []) await this.#cluster.revoke(each)
		this.#contact = contact
		const isRecent = record?.boot === this.#boot.id && contact - record.contact < this.#retirement / NOTES
		if (!isRecent) await this.#write({ lease, former: [], boot: this.#boot.id, contact })
	}

	async #write(value: Membership): Promise<void> {
		await this.#store.commit([{ kind: 'membership', group: '', id: '', value }])
	}

	#text(): string {
		const next = this.#nextKey === undefined ? {} : { publicKey: this.#nextKey }
		return JSON.stringify({ ...this.node, ...next })
	}
}

/** @throws WeftError `system` for one of no host, or none at all */
function usable(address: string): string {
	const found = hostAddress(address)
	if (found !== undefined) return found
	const none = 'this host has no default route, whose address the others could use'
	const why = address === '' ? none : `the others do not reach this host at ${address}`
	throw new WeftError('system', `${why}: set WEFT_NODE_ADDRESS`)
}

function notTold(name: string): WeftError {
	return new WeftError('unreachable', `what the cluster has of this host, ${name}, was just changed; try again`)
}

function taken(name: string, listed: Entry): WeftError {
	const { address } = nodeOf(listed)
	const advice = `if that host is gone, weft node forget ${name}`
	return new WeftError(
		'in-use',
		`WEFT_NODE=${name} is the name of another host of the cluster, at ${address}; ${advice}`,
	)
}
