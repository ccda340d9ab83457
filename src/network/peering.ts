/**
 * Follows what the cluster tells of the other hosts: what each overlay network knows of them is written down, and its routes
 * are made so. What is no longer told of stays: an etcd that is down takes no route away.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { messageOf } from '../errors.ts'
import { identity } from '../kernel/resource.ts'
import { isOverlay, type OverlayNetwork } from '../model/network.ts'
import { modeOf } from '../modes/index.ts'
import { CHOICE, type Host, put } from './host.ts'
import { ownResources } from './networks.ts'
import { findUnderlay, tellOf } from './overlay-design.ts'

/** Milliseconds from a failure to the next attempt. */
const PAUSE = 1000

export class Peering {
	readonly #host: Host
	readonly #ending = new AbortController()
	/** Ids of networks whose routes may not be as they are on record. */
	readonly #behind = new Set<string>()
	/** Hosts that host-gw cannot reach, of which was told. */
	readonly #beyond = new Set<string>()
	#due = false
	#running: Promise<void> | undefined

	constructor(host: Host) {
		this.#host = host
	}

	/**
	 * Before all is made true at start: the address of this host may be another one than before. What cannot be found out then
	 * stays as it was.
	 */
	async refresh(): Promise<void> {
		const networks = this.#host.store.list('network', '').filter(isOverlay)
		if (networks.length === 0 || this.#host.cluster === undefined) return
		try {
			const underlay = await findUnderlay(this.#host)
			for (const network of networks) await replace(this.#host, network, { ...network, underlay })
		} catch (error) {
			this.#host.warn(error, `other hosts are not reached as they should be: ${messageOf(error)}`)
		}
	}

	/** From when all has been made true. */
	open(): void {
		this.#host.cluster?.watch(() => this.look())
		this.look()
	}

	/** Waits for what is under way; there will be nothing else. */
	async close(): Promise<void> {
		this.#ending.abort()
		await this.#running
	}

	/** Something may be different, of the cluster or of this host's networks. Beside everything else. */
	look(): void {
		if (this.#host.cluster === undefined) return
		this.#due = true
		this.#running ??= this.#run().finally(() => {
			this.#running = undefined
		})
	}

	async #run(): Promise<void> {
		const { signal } = this.#ending
		while (this.#due && !signal.aborted) {
			this.#due = false
			for (const { id } of this.#host.store.list('network', '').filter(isOverlay)) await this.#follow(id)
			if (this.#behind.size === 0) continue
			this.#due = true
			await sleep(PAUSE, undefined, { signal }).catch(() => undefined)
		}
	}

	/** Told once of what fails, and tried until it does not. */
	async #follow(id: string): Promise<void> {
		const isBehind = this.#behind.delete(id)
		try {
			await this.#host.mutex.run(id, () => this.#become(id, isBehind))
		} catch (error) {
			this.#behind.add(id)
			if (!isBehind) this.#host.warn(error, `network ${id} does not reach all of the other hosts: ${messageOf(error)}`)
		}
	}

	async #become(id: string, isBehind: boolean): Promise<void> {
		const network = this.#host.store.get('network', '', id)
		if (network?.settled !== true || !isOverlay(network)) return
		const { remotes, borrowed, beyond } = await tellOf(this.#host, network)
		for (const { node } of beyond) this.#tellOf(node, id)
		// Of the default route it may become another one while weftd runs.
		const isMoved = this.#host.cluster?.node.address !== network.underlay.address
		const underlay = isMoved ? await findUnderlay(this.#host) : network.underlay
		const next = { ...network, underlay, remotes, borrowed }
		if (isDeepStrictEqual(next, network) && !isBehind) return
		await replace(this.#host, network, next)
		const plan = modeOf(next).network(next)
		await this.#host.kernel.ensure(plan.filter(({ kind }) => kind === 'element'))
		await this.#host.kernel.repair(plan)
	}

	#tellOf(node: string, id: string): void {
		const what = `host ${node} is not on the segment of this one: network ${id.slice(0, 12)}, of host-gw, does not reach it`
		if (!this.#beyond.has(what)) this.#host.inform(what)
		this.#beyond.add(what)
	}
}

/** What goes is taken away before it is off the record, and what comes is on record before it is made. */
async function replace(host: Host, network: OverlayNetwork, next: OverlayNetwork): Promise<void> {
	if (isDeepStrictEqual(next, network)) return
	const stays = new Set(modeOf(next).network(next).map(identity))
	await host.mutex.run(CHOICE, async () => {
		await host.kernel.remove(ownResources(host, network).filter((each) => !stays.has(identity(each))))
		await host.store.commit([put(next)])
	})
}
