/** Time that passes only when a test says so: timers, the time of day and, unlike it, the clock that nobody can set. */
import { mock } from 'node:test'

/** Milliseconds since 1970. */
const NOON = 1_800_000_000_000

type Timer = 'setTimeout' | 'setInterval'

/** Milliseconds by which the time of day was set. */
let set = 0

/** Until `startClock`. */
export function stopClock(...timers: readonly Timer[]): void {
	set = 0
	mock.timers.enable({ apis: [...timers, 'Date'], now: NOON })
	mock.method(performance, 'now', () => Date.now() - set)
}

export function startClock(): void {
	mock.reset()
}

export function passTime(milliseconds: number): void {
	mock.timers.tick(milliseconds)
}

/** Somebody sets the time of day, by so many milliseconds; none pass. */
export function setTimeOfDay(milliseconds: number): void {
	set += milliseconds
	mock.timers.setTime(Date.now() + milliseconds)
}
