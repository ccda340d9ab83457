/** weftd's log: lines of JSON on standard output. */
import { pino } from 'pino'

/**
 * Milliseconds that lines wait for others. A call's line would be written, and read by whoever keeps the log, just when dockerd
 * needs the CPUs to go on with the answer. Warnings and errors do not wait, and neither does the end of the process.
 */
const LINGER = 25

/** pino's number of `warn`: see its documentation of levels. */
const WARN = 40

export type Logger = pino.Logger

export function openLog(level: string): Logger {
	let waiting = ''
	// Before pino's own, which writes the rest of what it was given.
	process.on('exit', leave)
	const output = pino.destination({ sync: false })

	function leave(): void {
		if (waiting !== '') output.write(waiting)
		waiting = ''
	}

	const stream = {
		// Asks pino for the level of each line: see its documentation of pino.symbols.
		[pino.symbols.needsMetadataGsym]: true,
		lastLevel: 0,
		write(line: string): void {
			if (waiting === '') setTimeout(leave, LINGER).unref()
			waiting += line
			if (this.lastLevel >= WARN) leave()
		},
	}
	return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream)
}
