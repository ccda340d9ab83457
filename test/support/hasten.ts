/**
 * Loaded into weftd before itself: minutes pass in seconds, for what it does every few minutes. Waits of less than ten
 * seconds take as long as ever.
 */

const FACTOR = 60
const LONG = 10_000

for (const clock of [Date, performance]) {
	const began = clock.now()
	const now = clock.now.bind(clock)
	clock.now = () => began + (now() - began) * FACTOR
}

function hasten<T extends (work: () => void, wait?: number) => unknown>(timer: T): T {
	return ((work: () => void, wait = 0) => timer(work, wait < LONG ? wait : wait / FACTOR)) as T
}

Object.assign(globalThis, { setTimeout: hasten(setTimeout), setInterval: hasten(setInterval) })
