/** Looks at everything by the clock, for what no notification has told. */

/** Milliseconds. */
const PERIOD = 300_000

export interface Looker {
	/** Looks at everything that it keeps, beside everything else. */
	lookAround(): void
}

export class Rounds {
	readonly #timer: NodeJS.Timeout

	/** `period` is in milliseconds, between the beginnings of two looks. */
	constructor(lookers: readonly Looker[], period = PERIOD) {
		this.#timer = setInterval(() => {
			for (const looker of lookers) looker.lookAround()
		}, period)
	}

	close(): void {
		clearInterval(this.#timer)
	}
}
