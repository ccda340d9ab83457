/** How repairs are told of: counted, and one line in the log each. */
import type { Logger } from 'pino'
import { messageOf } from './errors.ts'
import type { KeeperLog } from './keeper.ts'
import type { Metrics } from './metrics.ts'

export function repairLog(log: Logger, metrics: Metrics): KeeperLog {
	return {
		repaired: (repair) => {
			metrics.repaired(repair)
			const { cause, done, pause } = repair
			const rest = pause === undefined ? '' : `; this keeps happening, so the next repair waits ${pause / 1000} s`
			log.warn({ repairs: metrics.repairs.done }, `repaired, because ${cause}: ${done.join(', ')}${rest}`)
		},
		failed: (error, cause) => {
			metrics.failed()
			log.warn({ err: error }, `not repaired, although ${cause}: ${messageOf(error)}`)
		},
	}
}

/** Docker may be away for long, and nothing is amiss then. */
export function forgottenLog(log: Logger, metrics: Metrics): KeeperLog {
	const failed = (error: unknown) => log.debug({ err: error }, 'what Docker may have forgotten cannot be told')
	return { ...repairLog(log, metrics), failed }
}
