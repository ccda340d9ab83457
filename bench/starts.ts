/** What a person waits for at `docker run --rm`, and when many containers start at the same moment. */
import { performance } from 'node:perf_hooks'
import { IMAGE } from '../test/support/image.ts'
import { networkOf } from './bed.ts'
import type { Engine } from './engine.ts'
import { type Contender, median, quantile, type Row } from './figures.ts'
import { interleave, timed } from './interleave.ts'

/** The calls of `docker run --rm IMAGE true`: all that lies between its first and the container's removal. */
export function runOnce(api: Engine, contenders: readonly Contender[], rounds: number, of = ''): Promise<Row[]> {
	return interleave(contenders, { rounds }, async (contender) => {
		const value = await timed(async () => {
			const id = await create(api, contender, ['true'], { AutoRemove: true })
			// Its headers are sent at once, before there is anything to wait for.
			const removed = api.call('POST', `/containers/${id}/wait?condition=removed`)
			await api.call('POST', `/containers/${id}/start`)
			await removed
		})
		return [{ name: `run --rm${of}`, unit: 'ms', value }]
	})
}

/** `count` containers that are created already start together: until the last one runs, and the times of each. */
export function startTogether(
	api: Engine,
	contenders: readonly Contender[],
	count: number,
	rounds: number,
): Promise<Row[]> {
	return interleave(contenders, { rounds, warmUps: 0 }, async (contender) => {
		const ids: string[] = []
		for (let i = 0; i < count; i++) ids.push(await create(api, contender, ['sleep', '86400'], {}))
		const each: number[] = []
		const value = await timed(async () => {
			const start = performance.now()
			await Promise.all(
				ids.map(async (id) => {
					await api.call('POST', `/containers/${id}/start`)
					each.push(performance.now() - start)
				}),
			)
		})
		await Promise.all(ids.map((id) => api.call('DELETE', `/containers/${id}?force=1`)))
		return [
			{ name: `start ${count} at once`, unit: 'ms', value },
			{ name: `start ${count} at once, p50 of each`, unit: 'ms', value: median(each) },
			{ name: `start ${count} at once, p99 of each`, unit: 'ms', value: quantile(each, 0.99) },
		]
	})
}

async function create(api: Engine, contender: Contender, Cmd: string[], config: object): Promise<string> {
	const HostConfig = { NetworkMode: networkOf(contender), ...config }
	const answer = await api.call('POST', '/containers/create', { Image: IMAGE, Cmd, StopSignal: 'SIGKILL', HostConfig })
	return (answer as { Id: string }).Id
}
