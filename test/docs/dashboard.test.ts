/** The example dashboard asks for metrics that weftd has, by labels that they have. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { openScene, populate } from '../admin/scene.ts'
import { scrape } from '../support/prometheus.ts'

// From dist/test/docs/ up to the repository.
const DASHBOARD = new URL('../../../docs/examples/grafana.json', import.meta.url)
/** What is no metric's name: functions and words of PromQL, and Prometheus' own label. */
const WORDS = ['sum', 'by', 'rate', 'increase', 'count', 'time', 'topk', 'bottomk', 'histogram_quantile', 'instance']

interface Panel {
	readonly id: number
	readonly title: string
	readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[]
}

/** Names in an expression, without what is in quotes or a unit of time. */
function namesIn(expression: string): string[] {
	const bare = expression.replace(/"[^"]*"/g, '').replace(/\[[^\]]*\]/g, '')
	return [...bare.matchAll(/[a-zA-Z_]\w*/g)].map(([name]) => name)
}

test('the example dashboard knows only metrics and labels that there are', async () => {
	const { panels, templating } = JSON.parse(readFileSync(DASHBOARD, 'utf8'))
	const scene = await openScene()
	try {
		await populate(scene)
		scene.metrics.called({ method: 'NetworkDriver.Join', outcome: 'ok', seconds: 0.003 })
		const samples = [...(await scrape({ socketPath: scene.socket })).values()].flatMap((each) => [
			...each.samples.keys(),
		])
		const metrics = new Set(samples.map((sample) => sample.split('{')[0] ?? ''))
		const labels = new Set(
			samples.flatMap((sample) => [...sample.matchAll(/(\w+)="/g)].map(([, label]) => label ?? '')),
		)
		const known = new Set([...metrics, ...labels, ...WORDS])
		for (const { title, targets } of panels as Panel[]) {
			assert.ok(targets.length > 0, title)
			for (const { expr, legendFormat } of targets) {
				const names = namesIn(expr)
				assert.deepEqual(
					names.filter((name) => !known.has(name)),
					[],
					title,
				)
				assert.ok(
					names.some((name) => metrics.has(name)),
					`${title} shows a metric`,
				)
				for (const [, label = ''] of legendFormat.matchAll(/{{(\w+)}}/g)) assert.ok(known.has(label), label)
			}
		}
		assert.match(templating.list[1].query, /^label_values\(weft_info, instance\)$/)
		assert.ok(metrics.has('weft_info'))
	} finally {
		await scene.close()
	}
})

test('its panels have ids of their own and lie beside each other', () => {
	const { panels } = JSON.parse(readFileSync(DASHBOARD, 'utf8'))
	const taken = new Set<string>()
	for (const { gridPos, title } of panels) {
		for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
			for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
				assert.ok(x < 24 && !taken.has(`${x} ${y}`), title)
				taken.add(`${x} ${y}`)
			}
		}
	}
	assert.equal(new Set(panels.map(({ id }: Panel) => id)).size, panels.length)
})
