/** The ways of weft's packets through the host's other firewalls: open while there are bridges, as they were after the last. */
import { KeyedMutex } from '../mutex.ts'
import { FirewalldZone, namedOtherwise } from './firewalld.ts'
import { keepForwardAccept } from './iptables.ts'

/** What may stop packets that weft's tables let through, by the program that it belongs to. */
export type Gate = 'iptables' | 'firewalld'

export class Passage {
	readonly #mutex = new KeyedMutex()
	readonly #keep: (bridges: readonly string[]) => Promise<readonly string[]>
	readonly #need: (bridges: readonly string[]) => string
	/** For what it was kept last; undefined where that failed. */
	#kept: string | undefined

	/** `keep` makes it as these bridges need it and says what had to be done, `need` tells what one list needs from another. */
	constructor(
		keep: (bridges: readonly string[]) => Promise<readonly string[]>,
		need: (bridges: readonly string[]) => string,
	) {
		this.#keep = keep
		this.#need = need
	}

	/** Looks while nothing is being changed. */
	look<T>(work: () => Promise<T>): Promise<T> {
		return this.#mutex.run('passage', work)
	}

	/**
	 * For these bridges, which are asked for when it is this call's turn. Looks at the firewall only where something else
	 * is needed than was last, or `anew`, because somebody has changed it. What had to be done, for people.
	 */
	keep(bridges: () => readonly string[], anew: boolean): Promise<readonly string[]> {
		return this.#mutex.run('passage', async () => {
			const now = bridges()
			const need = this.#need(now)
			if (need === this.#kept && !anew) return []
			this.#kept = undefined
			const done = await this.#keep(now)
			this.#kept = need
			return done
		})
	}
}

export function passages(): Readonly<Record<Gate, Passage>> {
	const zone = new FirewalldZone()
	return {
		iptables: new Passage(
			(bridges) => keepForwardAccept(bridges.length > 0),
			(bridges) => String(bridges.length > 0),
		),
		firewalld: new Passage(
			(bridges) => zone.keep(bridges),
			(bridges) => [bridges.length > 0, ...namedOtherwise(bridges)].join(' '),
		),
	}
}
