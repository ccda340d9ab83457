/** What weftd counts. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { BOUNDS, Metrics } from '../src/metrics.ts'

describe('Metrics', () => {
	it('counts calls by method and outcome, in the bucket of their time', () => {
		const metrics = new Metrics()
		for (const seconds of [0.0005, 0.001, 0.002, 11]) metrics.called({ method: 'Join', outcome: 'ok', seconds })
		metrics.called({ method: 'Join', outcome: 'in-use', seconds: 0.1 })
		const [ok, refused, ...others] = metrics.calls
		assert.deepEqual(others, [])
		assert.deepEqual(ok?.buckets, [2, 1, ...Array(BOUNDS.length - 2).fill(0), 1])
		assert.equal(refused?.outcome, 'in-use')
		assert.equal(refused?.seconds, 0.1)
	})

	it('has every call in one bucket', () => {
		const call = fc.record({
			method: fc.constantFrom('Join', 'Leave'),
			outcome: fc.constantFrom('ok', 'system'),
			seconds: fc.double({ min: 0, max: 100, noNaN: true }),
		})
		fc.assert(
			fc.property(fc.array(call), (calls) => {
				const metrics = new Metrics()
				for (const each of calls) metrics.called(each)
				const counted = metrics.calls.flatMap(({ buckets }) => buckets).reduce((sum, each) => sum + each, 0)
				assert.equal(counted, calls.length)
			}),
		)
	})

	it('counts repairs and remembers the last', () => {
		const metrics = new Metrics()
		const seen = () => {
			const { done, failed, last } = metrics.repairs
			return [done, failed, last?.cause, last?.done]
		}
		assert.deepEqual(seen(), [0, 0, undefined, undefined])
		for (const cause of ['a', 'b']) metrics.repaired({ cause, done: [cause] })
		metrics.failed()
		assert.deepEqual(seen(), [2, 1, 'b', ['b']])
	})
})
