/** What a person waits for at `docker network create` and `rm`. */
import { type Driver, networkOf, type Shape } from './bed.ts'
import type { Engine } from './engine.ts'
import type { Row } from './figures.ts'
import { interleave, timed } from './interleave.ts'

export function createAndRemove(
	api: Engine,
	shape: Shape,
	drivers: readonly Driver[],
	of: string,
	rounds: number,
): Promise<Row[]> {
	return interleave(drivers, { rounds }, async (driver) => {
		const Name = `${networkOf(driver)}-another`
		const up = await timed(() => api.call('POST', '/networks/create', { Name, ...shape[driver] }))
		const down = await timed(() => api.call('DELETE', `/networks/${Name}`))
		return [
			{ name: `network create${of}`, unit: 'ms', value: up },
			{ name: `network rm${of}`, unit: 'ms', value: down },
		]
	})
}
