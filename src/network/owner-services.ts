/** Follows what an owner of networks itself listens on, this host or a container, for containers that share its loopback. */
import { messageOf } from '../errors.ts'
import type { Listener, OwnerKernel, Service, Sockets } from '../kernel/verbs.ts'
import type { PerFamily } from '../model/options.ts'
import { type Host, ownerOf } from './host.ts'
import { servedByOwner } from './loopback.ts'
import { Settling } from './settling.ts'

/** Milliseconds between two looks: an owner may have other sockets all the time. */
const PERIOD = 1000

export class OwnerServices {
	readonly #host: Host
	readonly #owner: OwnerKernel
	readonly #changed: () => void
	readonly #settling = new Settling()
	#sockets: Sockets | undefined
	#listeners: readonly Listener[] = []
	#looking: Promise<void> | undefined
	#due = 0
	/** Some have to be seen once more before they count. */
	#unsettled = false
	#trouble: string | undefined

	/** `changed` is called after each look that may have seen something else than the one before. */
	constructor(host: Host, owner: OwnerKernel, changed: () => void) {
		this.#host = host
		this.#owner = owner
		this.#changed = changed
	}

	/** Looks beside everything else, if it is due at this moment, in milliseconds, and there can be something new. */
	look(now: number): void {
		if (this.#looking !== undefined || now < this.#due) return
		this.#sockets ??= this.#owner.openOwnSockets()
		if (!this.#sockets.stirred() && !this.#unsettled) return
		this.#due = now + PERIOD
		this.#looking = this.#list(this.#sockets)
			.catch((error: unknown) => {
				const trouble = messageOf(error)
				const what = `containers may not reach what their owner serves on its loopback: ${trouble}`
				if (trouble !== this.#trouble) this.#host.warn(error, what)
				this.#trouble = trouble
			})
			.finally(() => {
				this.#looking = undefined
			})
	}

	/** What is served on the owner's loopback, as far as has been seen. */
	served(): PerFamily<readonly Service[]> {
		const { store } = this.#host
		const networks = store.list('network', '').filter((each) => ownerOf(this.#host, each) === this.#owner)
		const published = networks.flatMap(({ id }) => store.list('endpoint', id)).flatMap((each) => each.published)
		return { 4: servedByOwner(this.#listeners, published, 4), 6: servedByOwner(this.#listeners, published, 6) }
	}

	/** After the look under way. */
	async close(): Promise<void> {
		await this.#looking
		await this.#sockets?.close()
		this.#sockets = undefined
	}

	async #list(sockets: Sockets): Promise<void> {
		const listeners = await sockets.listeners()
		this.#listeners = this.#settling.sift(listeners, this.#host.facts.ephemeralPorts())
		this.#unsettled = this.#listeners.length < listeners.length
		this.#trouble = undefined
		this.#changed()
	}
}
