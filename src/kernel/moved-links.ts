/**
 * Where links are that have nothing left on the host, as a macvlan that dockerd has moved into a container. The kernel
 * tells of it once, when it is moved (`dev_change_net_namespace` in net/core/dev.c).
 */
import type { LinkInfo, Place } from './netlink/link.ts'
import type { LinkListener } from './netlink/link-monitor.ts'

export class MovedLinks implements LinkListener {
	/** By the names that they had on the host. */
	readonly #places = new Map<string, Place | undefined>()

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

	gone({ name, movedTo }: LinkInfo): void {
		if (movedTo !== undefined && this.#places.has(name)) this.#places.set(name, movedTo)
	}

	/** What is on the host again is found by its name. */
	changed({ name }: LinkInfo): void {
		if (this.#places.has(name)) this.#places.set(name, undefined)
	}

	/** A link that was moved meanwhile goes when dockerd has moved it back. */
	lost(): void {}
}
