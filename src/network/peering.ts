/**
 * Follows what the cluster tells of the other hosts: what each overlay network knows of them is written down, and its routes
 * are made so. What is no longer told of stays: an etcd that is down takes no route away.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { messageOf, WeftError } from '../errors.ts'
import { identity } from '../kernel/resource.ts'
import { isOverlay, type OverlayNetwork } from '../model/network.ts'
import { modeOf } from '../modes/index.ts'
import { CHOICE, type Host, put } from './host.ts'
import { ownResources } from './networks.ts'
import { findUnderlay, noUnderlay, seekUnderlay, tellOf } from './overlay-design.ts'

/** Milliseconds from a failure to the next attempt. */
const PAUSE = 1000

export class Peering {
	readonly #host: Host
	readonly #ending = new AbortController()
	/** Ids of networks whose routes may not be as they are on record. */
	readonly #suspects = new Set<string>()
	/** Of those that could not be made so, of which was told. */
	readonly #behind = new Set<string>()
	/** Hosts that host-gw cannot reach, of which was told. */
	readonly #beyond = new Set<string>()
	#isOpen = false
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
		const networks = overlays(this.#host)
		if (networks.length === 0 || this.#host.cluster === undefined) return
		try {
			const underlay = await findUnderlay(this.#host)
			for (const network of networks) await replace(this.#host, network, { ...network, underlay })
		} catch (error) {
			this.#host.warn(error, `other hosts are not reached as they should be: ${messageOf(error)}`)
		}
	}

	/** From when all has been made true, as far as the kernel let it: after a boot the underlay may have no address yet. */
	open(): void {
		this.#isOpen = true
		this.#host.cluster?.watch(() => this.look())
		this.#suspect(overlays(this.#host))
	}

	/** A link was set down or lost an address, and with it routes, of which the kernel does not tell. */
	linkStruck(name: string): void {
		if (this.#isOpen) this.#suspect(overlays(this.#host).filter(({ underlay }) => underlay.link === name))
	}

	/** Waits for what is under way; there will be nothing else. */
	async close(): Promise<void> {
		this.#ending.abort()
		await this.#running
	}

	/** For what nobody told, as of a link with another MTU. */
	lookAround(): void {
		this.look()
	}

	/** Something may be different, of the cluster or of this host's networks. Beside everything else. */
	look(): void {
		if (this.#host.cluster === undefined) return
		this.#due = true
		this.#running ??= this.#run().finally(() => {
			this.#running = undefined
		})
	}

	#suspect(networks: readonly OverlayNetwork[]): void {
		if (networks.length === 0) return
		for (const { id } of networks) this.#suspects.add(id)
		this.look()
	}

	async #run(): Promise<void> {
		const { signal } = this.#ending
		while (this.#due && !signal.aborted) {
			this.#due = false
			for (const { id } of overlays(this.#host)) await this.#follow(id)
			for (const id of this.#behind) if (this.#host.store.get('network', '', id) === undefined) this.#behind.delete(id)
			if (this.#behind.size === 0) continue
			this.#due = true
			await sleep(PAUSE, undefined, { signal }).catch(() => undefined)
		}
	}

	/** Told once of what fails, and tried until it does not. */
	async #follow(id: string): Promise<void> {
		const isSuspect = this.#suspects.delete(id)
		const isBehind = this.#behind.delete(id)
		try {
			await this.#host.mutex.run(id, () => this.#become(id, isSuspect || isBehind))
		} catch (error) {
			this.#behind.add(id)
			if (!isBehind) this.#host.warn(error, `network ${id} does not reach all of the other hosts: ${messageOf(error)}`)
		}
	}

	async #become(id: string, isSuspect: boolean): Promise<void> {
		const network = this.#host.store.get('network', '', id)
		if (network?.settled !== true || !isOverlay(network)) return
		// Its address may become another one while weftd runs, go to another link, or be away for a while.
		const found = await seekUnderlay(this.#host)
		const underlay = found ?? network.underlay
		const { remotes, borrowed, beyond } = await tellOf(this.#host, { ...network, underlay })
		for (const { node, way } of beyond) if (way !== undefined) this.#tellOf(node, id)
		const lost = beyond.find(({ way }) => way === undefined)
		const next = { ...network, underlay, remotes, borrowed }
		if (isDeepStrictEqual(next, network) && !isSuspect && lost === undefined && found !== undefined) return
		await replace(this.#host, network, next)
		// Until then the kernel refuses what is sent from there.
		if (found === undefined) throw noUnderlay(this.#host)
		const plan = modeOf(next).network(next)
		await this.#host.kernel.ensure(plan.filter(({ kind }) => kind === 'element'))
		await this.#host.kernel.repair(plan)
		if (lost !== undefined) throw new WeftError('unreachable', `host ${lost.node} at ${lost.address} is out of reach`)
	}

	#tellOf(node: string, id: string): void {
		const what = `host ${node} is not on the segment of this one: network ${id.slice(0, 12)}, of host-gw, does not reach it`
		if (!this.#beyond.has(what)) this.#host.inform(what)
		this.#beyond.add(what)
	}
}

function overlays({ store }: Host): OverlayNetwork[] {
	return store.list('network', '').filter(isOverlay)
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
