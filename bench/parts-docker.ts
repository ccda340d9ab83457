/** The parts that measure what people wait for at a docker command. */
import { BRIDGE, FLOOR, IPVLAN, MACVLAN, makeBed, type Shape } from './bed.ts'
import { connectAll, connectOne } from './connect.ts'
import { type Crowd, ROOM, weftCrowd } from './crowds.ts'
import { emulated } from './emulated.ts'
import type { Row } from './figures.ts'
import { createAndRemove } from './networks.ts'
import { type Rig, startFloor, withRig } from './rig.ts'
import { runOnce, startTogether } from './starts.ts'

/** Containers that connect at the same time. */
const BURST = 20
/** 500 networks with 2,000 containers, which weft alone has: Docker is spared what as many of its own would cost. */
const PRESENT: Crowd = { networks: 500, containers: 4, ports: 0 }
const AMONG = ', among 500 networks'
const WITH_FLOOR = { ...BRIDGE, ...FLOOR }

export function attach(): Promise<Row[]> {
	return withRig(async ({ host, api }) => {
		await startFloor(host)
		const bed = await makeBed(api, WITH_FLOOR, BURST)
		return [
			...(await connectOne(api, bed, '')),
			...(await connectAll(api, bed)),
			...(await createAndRemove(api, WITH_FLOOR, bed.drivers, '', 15)),
		]
	})
}

export function macvlan(): Promise<Row[]> {
	return withRig(connectOn(MACVLAN, ', macvlan'))
}

export async function ipvlan(): Promise<Row[]> {
	const here = await withRig(async (rig) => ((await hasIpvlan(rig)) ? connectOn(IPVLAN, ', ipvlan')(rig) : undefined))
	return here ?? emulated()
}

function connectOn(shape: Shape, of: string): (rig: Rig) => Promise<Row[]> {
	return async ({ api }) => connectOne(api, await makeBed(api, shape, 1), of, 40)
}

/** Kernels can be built without. */
async function hasIpvlan({ host }: Rig): Promise<boolean> {
	const { code } = await host.attempt(['ip', 'link', 'add', 'probe', 'link', 'eth0', 'type', 'ipvlan'])
	if (code === 0) await host.exec(['ip', 'link', 'del', 'probe'])
	return code === 0
}

export function starts(): Promise<Row[]> {
	return withRig(async ({ host, api }) => {
		await startFloor(host)
		const { drivers } = await makeBed(api, WITH_FLOOR, 0)
		return [
			...(await runOnce(api, [...drivers, 'none', 'host'], 12)),
			...(await startTogether(api, drivers, 10, 4)),
			...(await startTogether(api, drivers, 20, 3)),
			...(await startTogether(api, drivers, 50, 2)),
		]
	})
}

export function crowded(): Promise<Row[]> {
	return withRig(
		async ({ host, api }) => {
			await weftCrowd(host, PRESENT)
			const bed = await makeBed(api, BRIDGE, 1)
			return [
				...(await connectOne(api, bed, AMONG, 20)),
				...(await createAndRemove(api, BRIDGE, bed.drivers, AMONG, 10)),
				...(await runOnce(api, bed.drivers, 8, AMONG)),
			]
		},
		{ env: ROOM },
	)
}
