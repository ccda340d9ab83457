/** GET /metrics, read as Prometheus would. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { scrape } from '../support/prometheus.ts'
import { openScene, populate } from './scene.ts'

describe('GET /metrics', () => {
	it('has what there is, how full pools are, and each call', async () => {
		const scene = await openScene()
		try {
			await populate(scene)
			const { metrics } = scene
			metrics.called({ method: 'NetworkDriver.Join', outcome: 'ok', seconds: 0.003 })
			metrics.called({ method: 'NetworkDriver.Join', outcome: 'ok', seconds: 0.3 })
			metrics.called({ method: 'IpamDriver.RequestPool', outcome: 'exhausted', seconds: 0.001 })
			metrics.repaired({ cause: 'x', done: ['y'] })
			const families = await scrape(scene.socket)
			const value = (family: string, sample = family) => families.get(family)?.samples.get(sample)
			assert.deepEqual([value('weft_networks'), value('weft_endpoints'), value('weft_published_ports')], [2, 2, 1])
			assert.deepEqual([value('weft_repairs_total'), value('weft_failed_repairs_total')], [1, 0])
			const pool = '{pool="10.210.2.0/24",range="10.210.2.128/25"}'
			assert.equal(value('weft_pool_free_addresses', `weft_pool_free_addresses${pool}`), 127)
			const duration = (labels: string) => value('weft_call_duration_seconds', `weft_call_duration_seconds${labels}`)
			const join = 'method="NetworkDriver.Join",outcome="ok"'
			assert.equal(duration(`_bucket{${join},le="0.0025"}`), 0)
			assert.equal(duration(`_bucket{${join},le="0.005"}`), 1)
			assert.equal(duration(`_bucket{${join},le="+Inf"}`), 2)
			assert.equal(duration('_count{method="IpamDriver.RequestPool",outcome="exhausted"}'), 1)
			assert.ok((value('process_resident_memory_bytes') ?? 0) > 1_000_000)
		} finally {
			await scene.close()
		}
	})

	it('can be read before anything has happened', async () => {
		const scene = await openScene()
		try {
			const families = await scrape(scene.socket)
			assert.equal(families.get('weft_call_duration_seconds')?.samples.size, 0)
			assert.equal(families.get('weft_networks')?.samples.get('weft_networks'), 0)
		} finally {
			await scene.close()
		}
	})
})
