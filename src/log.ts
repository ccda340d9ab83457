/** weftd's log: lines of JSON on standard output. */
import { pino } from 'pino'

/**
 * Milliseconds that lines wait for others. A call's line would be written, and read by whoever keeps the log, just when dockerd
 * needs the CPUs to go on with the answer. What is left when the process exits is written then.
 */
const LINGER = 25

/** Bytes that do not wait. */
const ENOUGH = 8192

export type Logger = pino.Logger

export function openLog(level: string): Logger {
	const output = pino.destination({ sync: false, minLength: ENOUGH })
	let waiting = false
	const write = (line: string): void => {
		output.write(line)
		if (waiting) return
		waiting = true
		setTimeout(() => {
			waiting = false
			output.flush()
		}, LINGER).unref()
	}
	return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write })
}
