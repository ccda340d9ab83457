/** weftd's log: lines of JSON on standard output. */
import { pino } from 'pino'
import { Output } from './output.ts'

/**
 * Milliseconds that lines wait for others. A call's line would be written, and read by whoever keeps the log, just when dockerd
 * needs the CPUs to go on with the answer. Warnings and errors do not wait, and neither does the end of the process.
 */
const LINGER = 25

/** pino's number of `warn`: see its documentation of levels. */
const WARN = 40

export type Logger = pino.Logger

export function openLog(level: string): Logger {
	const output = new Output()
	process.on('exit', () => output.writeSync())
	const stream = {
		// Asks pino for the level of each line: see its documentation of pino.symbols.
		[pino.symbols.needsMetadataGsym]: true,
		lastLevel: 0,
		write(line: string): void {
			if (output.isEmpty) setTimeout(() => output.write(), LINGER).unref()
			output.add(line)
			if (this.lastLevel >= WARN) output.write()
		},
		/** That of the logger. */
		flush(done: () => void): void {
			void output.settle().then(done)
		},
	}
	return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream)
}

/** When no line is on its way, for which the end of the process does not wait; it writes those that wait. */
export function written(log: Logger): Promise<void> {
	return new Promise((resolve) => log.flush(() => resolve()))
}
