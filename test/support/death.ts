/** A process that dies: from a certain step on, nothing that it still tries takes place. */
import type { Change } from '../../src/store/store.ts'
import { MemoryStore } from './memory-store.ts'

export class Death {
	#left: number
	#steps = 0

	/** Comes at this step, counted from 1. */
	constructor(step = Number.POSITIVE_INFINITY) {
		this.#left = step
	}

	comeAt(step: number): void {
		this.#left = step
	}

	/** Before everything that can be seen from outside: a commit, an effect, an answer. */
	step(): void {
		if (!this.passes()) throw new Error('dead')
	}

	/** The same for whoever has a better answer than an error: false where the step does not take place. */
	passes(): boolean {
		this.#steps++
		return --this.#left > 0
	}

	get happened(): boolean {
		return this.#left <= 0
	}

	/** How many there were. */
	get steps(): number {
		return this.#steps
	}
}

/** Each commit is a step of whoever lives by then. */
export class MortalStore extends MemoryStore {
	death: Death

	constructor(death: Death) {
		super()
		this.death = death
	}

	override async commit(changes: readonly Change[]): Promise<void> {
		this.death.step()
		await super.commit(changes)
	}
}
