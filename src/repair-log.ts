/** How repairs are told of: counted, and one line in the log each. */
import type { Logger } from 'pino'
import { messageOf } from './errors.ts'
import { type KeeperLog, PartlyRepaired } from './keeper.ts'
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

/** Networks that come from other hosts are no repairs. */
export function replicaLog(log: Logger): KeeperLog {
	return {
		repaired: ({ done }) => log.info(done.join(', ')),
		failed: (error) => log.warn({ err: error }, `networks do not come from or to other hosts: ${messageOf(error)}`),
	}
}

/** Docker may be away for long, and nothing is amiss then; what it has forgotten and could not be taken away is. */
export function forgottenLog(log: Logger, metrics: Metrics): KeeperLog {
	const repairs = repairLog(log, metrics)
	const failed: KeeperLog['failed'] = (error, cause) => {
		if (error instanceof PartlyRepaired) repairs.failed(error, cause)
		else log.debug({ err: error }, 'what Docker may have forgotten cannot be told')
	}
	return { ...repairs, failed }
}
