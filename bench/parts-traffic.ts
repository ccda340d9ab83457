/** The parts that measure packets: each driver has a Docker host of its own, so that neither's rules are in the other's way. */
import { isSince, OWN_ENGINE } from '../test/support/engine.ts'
import { type Crowd, dockerCrowd, ROOM, weftCrowd } from './crowds.ts'
import type { Row } from './figures.ts'
import { type Rig, withRig } from './rig.ts'
import { type Extent, type Scenes, setScene, traffic } from './traffic.ts'

/** 1,000 networks with 5,000 published ports. */
const CROWD: Crowd = { networks: 1000, containers: 1, ports: 5 }

function withRigs<T>(work: (weft: Rig, docker: Rig) => Promise<T>): Promise<T> {
	return withRig((weft) => withRig((docker) => work(weft, docker), { weftd: false }), { env: ROOM })
}

export function ways(): Promise<Row[]> {
	return withRigs(async (weft, docker) => {
		const scenes = { weft: await setScene(weft, 'weft'), docker: await setScene(docker, 'docker') }
		return await measure(scenes, { of: '', rounds: 3, streams: [1, 8] })
	})
}

/** Docker's network comes when half of the others are there: its rules are neither the first nor the last. */
export async function crowdedWays(): Promise<Row[]> {
	if (isSince(OWN_ENGINE, 28)) {
		console.error(
			`Docker ${OWN_ENGINE.version} writes other rules than those that are known here: not measured among many`,
		)
		return []
	}
	return withRigs(async (weft, docker) => {
		await weftCrowd(weft.host, CROWD)
		await dockerCrowd(docker.host, CROWD, 0, CROWD.networks / 2)
		const scenes = { weft: await setScene(weft, 'weft'), docker: await setScene(docker, 'docker') }
		await dockerCrowd(docker.host, CROWD, CROWD.networks / 2, CROWD.networks)
		return await measure(scenes, { of: ', among 5,000 ports', rounds: 3, streams: [1] })
	})
}

async function measure(scenes: Scenes, extent: Extent): Promise<Row[]> {
	const rows = await traffic(scenes, extent)
	scenes.weft.end()
	scenes.docker.end()
	return rows
}
