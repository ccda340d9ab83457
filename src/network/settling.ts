/** Tells the sockets of servers from those that clients have for a moment. Pure. */
import type { Listener } from '../kernel/verbs.ts'
import { keyOf } from './listening.ts'

export class Settling {
	/** Ports of UDP, seen at the last look, whose number the kernel may have chosen. */
	#before: ReadonlySet<string> = new Set()

	/**
	 * Without those that a client may have, whose numbers are from `first` to `last`, unless the look before this one has seen
	 * them or they are `known`.
	 */
	sift(
		listeners: readonly Listener[],
		[first, last]: readonly [number, number],
		known: ReadonlySet<string> = new Set(),
	): Listener[] {
		const isPassing = ({ protocol, port }: Listener) => protocol === 'udp' && port >= first && port <= last
		const before = this.#before
		this.#before = new Set(listeners.filter(isPassing).map(keyOf))
		return listeners.filter((each) => !isPassing(each) || before.has(keyOf(each)) || known.has(keyOf(each)))
	}
}
