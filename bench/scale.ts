/** What a thousand networks cost: one more of them, and a new start of weftd, by Docker's calls and without dockerd. */
import { performance } from 'node:perf_hooks'
import { addMember, type Member, moveIn } from '../test/support/crowd.ts'
import type { Host } from '../test/support/host.ts'
import { Wire } from '../test/support/wire.ts'
import { ROOM } from './crowds.ts'
import { alone, median, type Row } from './figures.ts'
import { withRig } from './rig.ts'

const NETWORKS = 1000
/** The first networks, which warm weftd up and are not counted, and how many then are. */
const WARM = 5
const SAMPLE = 50
const SOCKET = '/run/docker/plugins/weft.sock'

export function scale(): Promise<Row[]> {
	return withRig(
		async ({ host }) => {
			const { members, times } = await addNetworks(host)
			const [first, last] = [times.slice(WARM, WARM + SAMPLE), times.slice(-SAMPLE)]
			return [
				alone('one of the first networks', 'ms', first),
				alone('one of the last of 1,000 networks', 'ms', last),
				alone('the last of 1,000 networks to the first', 'times', [median(last) / median(first)]),
				alone('weftd has all restored, with 1,000 networks', 'ms', [await restart(host, members)]),
			]
		},
		{ dockerd: false, env: ROOM },
	)
}

/** Milliseconds for each network, with two endpoints and four published ports. */
async function addNetworks(host: Host): Promise<{ readonly members: readonly Member[]; readonly times: number[] }> {
	const wire = new Wire(host.path(SOCKET))
	const members: Member[] = []
	const times: number[] = []
	for (let number = 0; number < NETWORKS; number++) {
		const start = performance.now()
		members.push(await addMember(wire, number))
		times.push(performance.now() - start)
	}
	wire.close()
	await moveIn(
		host,
		members.flatMap(({ endpoints }) => endpoints),
	)
	return { members, times }
}

/** Milliseconds from the start of a new weftd until all is true again. */
async function restart(host: Host, [member]: readonly Member[]): Promise<number> {
	await host.stopWeftd()
	const start = performance.now()
	await host.startWeftd()
	const wire = new Wire(host.path(SOCKET))
	// Is answered when everything is restored.
	await wire.call('NetworkDriver.EndpointOperInfo', { NetworkID: member?.network.id, EndpointID: 'none' })
	const restored = performance.now() - start
	wire.close()
	return restored
}
