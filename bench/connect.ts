/** What a person waits for at `docker network connect` and `disconnect`: one running container, and many at once. */
import { type Bed, networkOf } from './bed.ts'
import type { Engine } from './engine.ts'
import type { Row } from './figures.ts'
import { interleave, timed } from './interleave.ts'

const BURST_ROUNDS = 7

/** One container, again and again; `of` is in the names of the rows. */
export function connectOne(api: Engine, { drivers, containers }: Bed, of: string, rounds = 60): Promise<Row[]> {
	const [Container] = containers
	return interleave(drivers, { rounds, warmUps: 2 }, async (driver) => {
		const up = await timed(() => api.call('POST', `/networks/${networkOf(driver)}/connect`, { Container }))
		const down = await timed(() => api.call('POST', `/networks/${networkOf(driver)}/disconnect`, { Container }))
		return [
			{ name: `connect${of}`, unit: 'ms', value: up },
			{ name: `disconnect${of}`, unit: 'ms', value: down },
		]
	})
}

/** All containers at the same time. */
export function connectAll(api: Engine, { drivers, containers }: Bed): Promise<Row[]> {
	const all = (verb: string, network: string) =>
		Promise.all(containers.map((Container) => api.call('POST', `/networks/${network}/${verb}`, { Container })))
	return interleave(drivers, { rounds: BURST_ROUNDS }, async (driver) => {
		const up = await timed(() => all('connect', networkOf(driver)))
		const down = await timed(() => all('disconnect', networkOf(driver)))
		return [
			{ name: `connect ${containers.length} at once`, unit: 'ms', value: up },
			{ name: `disconnect ${containers.length} at once`, unit: 'ms', value: down },
		]
	})
}
