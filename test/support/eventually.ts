/** Waits for what has to come, on a machine of which nobody knows how busy it is. */

import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

const PATIENCE = 10_000
const PAUSE = 50

interface Options {
	/** For people, when it has not come; asked then. */
	readonly what?: string | (() => string)
	/** Milliseconds, for which it is asked, and between two questions. */
	readonly within?: number
	readonly pause?: number
}

/** Asks until it holds; fails when it does not in time. */
export async function eventually(
	holds: () => boolean | Promise<boolean>,
	{ what = 'it', within = PATIENCE, pause = PAUSE }: Options = {},
): Promise<void> {
	const deadline = Date.now() + within
	while (!(await holds())) {
		if (Date.now() > deadline) assert.fail(`${typeof what === 'string' ? what : what()}: not so within ${within} ms`)
		await sleep(pause)
	}
}
