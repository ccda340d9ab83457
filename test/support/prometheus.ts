/** Reads the text format of Prometheus as strictly as Prometheus does. */
import assert from 'node:assert/strict'
import { get } from 'node:http'

export interface Family {
	readonly type: string
	/** By the name of the sample and its labels, as `name{a="b"}`. */
	readonly samples: ReadonlyMap<string, number>
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\S+)$/

/** What weftd has on its admin socket, or by TCP. */
export function scrape(where: { socketPath: string } | { port: number }): Promise<ReadonlyMap<string, Family>> {
	return new Promise((resolve, reject) => {
		const call = get({ ...where, path: '/metrics', agent: false }, (response) => {
			let text = ''
			response.setEncoding('utf8').on('data', (chunk: string) => {
				text += chunk
			})
			response.on('end', () => {
				try {
					assert.equal(response.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
					resolve(readExposition(text))
				} catch (error) {
					reject(error)
				}
			})
		})
		call.on('error', reject)
	})
}

/** By name. Each family has HELP and TYPE in front of its samples, and no sample comes twice. */
export function readExposition(text: string): Map<string, Family> {
	assert.ok(text.endsWith('\n'), 'the last line ends')
	const families = new Map<string, { type: string; samples: Map<string, number> }>()
	let name = ''
	for (const line of text.trimEnd().split('\n')) {
		const [, word, subject, rest] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? []
		if (word === 'HELP') {
			assert.ok(subject && !families.has(subject), `${subject} comes once`)
			name = subject
		} else if (word === 'TYPE') {
			assert.equal(subject, name)
			assert.match(rest ?? '', /^(counter|gauge|histogram)$/)
			families.set(name, { type: rest ?? '', samples: new Map() })
		} else {
			addSample(families.get(name), name, line)
		}
	}
	for (const [each, family] of families) if (family.type === 'histogram') checkHistogram(each, family)
	return families
}

function addSample(
	family: { type: string; samples: Map<string, number> } | undefined,
	name: string,
	line: string,
): void {
	const [, sample = '', labels = '', value = ''] = SAMPLE.exec(line) ?? assert.fail(`not a sample: ${line}`)
	const suffixes = family?.type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
	assert.ok(
		suffixes.some((suffix) => sample === name + suffix),
		`${sample} belongs to ${name}`,
	)
	assert.ok(Number.isFinite(Number(value)), line)
	assert.ok(!family?.samples.has(sample + labels), `${sample}${labels} comes once`)
	family?.samples.set(sample + labels, Number(value))
}

/** Buckets grow, the last is +Inf, and it is the count. */
function checkHistogram(name: string, { samples }: Family): void {
	const series = new Map<string, [bound: number, count: number][]>()
	for (const [sample, value] of samples) {
		const [, labels, bound] = /_bucket\{(.*),le="([^"]+)"\}$/.exec(sample) ?? []
		if (labels === undefined) continue
		series.set(labels, [...(series.get(labels) ?? []), [Number(bound?.replace('+Inf', 'Infinity')), value]])
	}
	for (const [labels, buckets] of series) {
		assert.deepEqual(
			buckets,
			buckets.toSorted(([a], [b]) => a - b),
		)
		assert.deepEqual(
			buckets.map(([, count]) => count),
			buckets.map(([, count]) => count).sort((a, b) => a - b),
		)
		assert.equal(buckets.at(-1)?.[0], Number.POSITIVE_INFINITY)
		assert.equal(buckets.at(-1)?.[1], samples.get(`${name}_count{${labels}}`))
		assert.ok(samples.has(`${name}_sum{${labels}}`))
	}
}
