/** The way of weft's packets through the host's other firewalls: open while there are networks, as it was after the last. */
import { KeyedMutex } from '../mutex.ts'
import { keepForwardAccept } from './iptables.ts'

export class Passage {
	readonly #mutex = new KeyedMutex()
	/** What was done last; undefined where that failed. */
	#open: boolean | undefined

	/**
	 * For these bridges, which are asked for when it is this call's turn. Looks at the firewalls only where something
	 * else is wanted than was done last, or `anew`, because somebody has changed them. What had to be done, for people.
	 */
	keep(bridges: () => readonly string[], anew: boolean): Promise<readonly string[]> {
		return this.#mutex.run('passage', async () => {
			const open = bridges().length > 0
			if (open === this.#open && !anew) return []
			this.#open = undefined
			const done = await keepForwardAccept(open)
			this.#open = open
			return done
		})
	}
}
