/**
 * What the kernel tells of links that leave the host: that they do, long before it has done with them, and where those are
 * that have nothing left on the host, as a macvlan that dockerd has moved into a container (`unregister_netdevice_many` and
 * `dev_change_net_namespace` in net/core/dev.c).
 */
import type { LinkInfo, Place } from './netlink/link.ts'
import type { LinkListener } from './netlink/link-monitor.ts'

export class Departures implements LinkListener {
	/** By the names that they had on the host. */
	readonly #places = new Map<string, Place | undefined>()
	readonly #awaited = new Map<string, () => void>()

	/** Before it can have been moved, so that only such links are remembered. */
	follow(name: string): void {
		this.#places.set(name, undefined)
	}

	/** Undefined where it was not moved, or not heard of. The place may be another link's by now. */
	forget(name: string): Place | undefined {
		const place = this.#places.get(name)
		this.#places.delete(name)
		return place
	}

	/**
	 * Returns when a link that is being deleted is gone, or `deleted` is done, which for one that is heard of is after some
	 * 15 ms more: the kernel waits for whoever may still look at the link, before it gives back its memory.
	 */
	async untilGone(name: string, deleted: Promise<void>): Promise<void> {
		const left = new Promise<void>((resolve) => this.#awaited.set(name, resolve))
		try {
			await Promise.race([left, deleted])
		} finally {
			this.#awaited.delete(name)
		}
	}

	gone({ name, movedTo }: LinkInfo): void {
		this.#awaited.get(name)?.()
		if (movedTo !== undefined && this.#places.has(name)) this.#places.set(name, movedTo)
	}

	/** What is on the host again is found by its name. */
	changed({ name }: LinkInfo): void {
		if (this.#places.has(name)) this.#places.set(name, undefined)
	}

	/** Who waits has the end of the deletion to wait for, and a link that was moved meanwhile goes when dockerd has moved it back. */
	lost(): void {}
}
