/** What of repairs is in the log, and counted. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pino } from 'pino'
import { PartlyRepaired } from '../src/keeper.ts'
import { Metrics } from '../src/metrics.ts'
import { forgottenLog, repairLog } from '../src/repair-log.ts'

const WARN = 40

function scene() {
	const lines: { level: number; msg: string }[] = []
	const log = pino({ level: 'debug' }, { write: (line: string) => lines.push(JSON.parse(line)) })
	const metrics = new Metrics()
	return { log, metrics, warnings: () => lines.filter(({ level }) => level === WARN).map(({ msg }) => msg) }
}

describe('the log of repairs', () => {
	it('has each repair and each failure as a warning', () => {
		const { log, metrics, warnings } = scene()
		const repairs = repairLog(log, metrics)
		repairs.repaired({ cause: 'nft deleted it', done: ['made it anew'] })
		repairs.failed(new Error('EBUSY'), 'nft deleted it')
		assert.deepEqual(warnings(), [
			'repaired, because nft deleted it: made it anew',
			'not repaired, although nft deleted it: EBUSY',
		])
		assert.deepEqual([metrics.repairs.done, metrics.repairs.failed], [1, 1])
	})

	it('has what Docker forgot and could not be taken away as a warning, and not that Docker is away', () => {
		const { log, metrics, warnings } = scene()
		const forgotten = forgottenLog(log, metrics)
		forgotten.failed(new Error('ECONNREFUSED'), 'Docker has forgotten it')
		assert.deepEqual([warnings(), metrics.repairs.failed], [[], 0])
		forgotten.failed(new PartlyRepaired([], [new Error('network 1: EBUSY')]), 'Docker has forgotten it')
		assert.deepEqual(warnings(), ['not repaired, although Docker has forgotten it: network 1: EBUSY'])
		assert.equal(metrics.repairs.failed, 1)
	})
})
