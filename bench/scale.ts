/** What a thousand networks cost: one more of them, and a new start of weftd, through the plugin socket and without dockerd. */
import { performance } from 'node:perf_hooks'
import { addMember, type Member, moveIn } from '../test/support/crowd.ts'
import { startHost } from '../test/support/host.ts'
import { Wire } from '../test/support/wire.ts'
import { median } from './figures.ts'

const NETWORKS = 1000
/** Networks over which a median is taken: the first ones after those that warm weftd up, and the last. */
const SAMPLE = 50
const SOCKET = '/run/docker/plugins/weft.sock'

export interface ScaleFigures {
	readonly networks: number
	/** Milliseconds for a network with two endpoints and four published ports: around the 10th, and the last. */
	readonly early: number
	readonly late: number
	/** Milliseconds from the start of a new weftd until all is true again. */
	readonly restart: number
}

export async function scaleFigures(): Promise<ScaleFigures> {
	const host = await startHost({ dockerd: false, env: { WEFT_POOLS: '10.128.0.0/9:24', WEFT_LOG_LEVEL: 'info' } })
	try {
		const wire = new Wire(host.path(SOCKET))
		const members: Member[] = []
		const times: number[] = []
		for (let number = 0; number < NETWORKS; number++) {
			const start = performance.now()
			members.push(await addMember(wire, number))
			times.push(performance.now() - start)
		}
		await moveIn(host, members)
		wire.close()
		await host.stopWeftd()
		const start = performance.now()
		await host.startWeftd()
		const again = new Wire(host.path(SOCKET))
		// Is answered when everything is restored.
		await again.call('NetworkDriver.EndpointOperInfo', { NetworkID: members[0]?.network.id, EndpointID: 'none' })
		const restart = performance.now() - start
		again.close()
		return {
			networks: NETWORKS,
			early: median(times.slice(5, 5 + SAMPLE)),
			late: median(times.slice(-SAMPLE)),
			restart,
		}
	} finally {
		await host.stop()
	}
}
