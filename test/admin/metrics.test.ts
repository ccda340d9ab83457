/** GET /metrics, read as Prometheus would. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { listenOnPort } from '../../src/listen.ts'
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
			const families = await scrape({ socketPath: scene.socket })
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

	it('is all that is answered by TCP, and the same', async () => {
		const scene = await openScene()
		const close = await listenOnPort(scene.scrapes, { address: '127.0.0.1', port: 0 })
		try {
			await populate(scene)
			const address = scene.scrapes.server.address()
			const port = typeof address === 'object' ? (address?.port ?? 0) : 0
			const names = [...(await scrape({ socketPath: scene.socket })).keys()]
			assert.deepEqual([...(await scrape({ port })).keys()], names)
			const answer = async (path: string, method = 'GET') => {
				const response = await fetch(`http://127.0.0.1:${port}${path}`, { method })
				await response.arrayBuffer()
				return response.status
			}
			for (const path of ['/status', '/networks', '/diff', '/', '/metrics/'])
				assert.equal(await answer(path), 404, path)
			assert.deepEqual([await answer('/metrics'), await answer('/metrics', 'POST')], [200, 404])
		} finally {
			await close()
			await scene.close()
		}
	})

	it('can be read before anything has happened', async () => {
		const scene = await openScene()
		try {
			const families = await scrape({ socketPath: scene.socket })
			assert.equal(families.get('weft_call_duration_seconds')?.samples.size, 0)
			assert.equal(families.get('weft_networks')?.samples.get('weft_networks'), 0)
		} finally {
			await scene.close()
		}
	})
})
