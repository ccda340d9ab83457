/** At start: what is stored is made true again, and what a crash left half made is taken away. */
import { messageOf } from '../errors.ts'
import type { Resource } from '../kernel/resource.ts'
import type { Network } from '../model/network.ts'
import { modes } from '../modes/index.ts'
import { isAttached, resourcesOf } from './endpoints.ts'
import type { Host } from './host.ts'
import { unmake } from './networks.ts'

export interface Resynced {
	readonly networks: number
	readonly endpoints: number
	/** Endpoints whose container went without a Leave, as after a reboot: kept until Docker deletes them. */
	readonly dead: number
}

/** Docker replays nothing: after a reboot there is no bridge, and no call that would ask for one. */
export async function resync(host: Host, observed: readonly Resource[]): Promise<Resynced> {
	const all = host.store.list('network', '')
	const networks = all.filter((network) => network.settled)
	const endpoints = networks.flatMap((network) =>
		host.store.list('endpoint', network.id).map((each) => ({ network, each })),
	)
	const alive = endpoints.filter(({ each }) => isAttached(host, each))
	const plan = [
		...observed,
		...networks.flatMap((network) => modes[network.options.mode].network(network)),
		...alive.flatMap(({ network, each }) => resourcesOf(network, each)),
	]
	for (const error of await host.kernel.restore(plan)) host.warn(error, `not restored: ${messageOf(error)}`)
	await undo(
		host,
		all.filter((network) => !network.settled),
	)
	return { networks: networks.length, endpoints: alive.length, dead: endpoints.length - alive.length }
}

async function undo(host: Host, halfMade: readonly Network[]): Promise<void> {
	for (const network of halfMade) {
		try {
			await unmake(host, network)
		} catch (error) {
			host.warn(error, `network ${network.id} cannot be taken away; it is tried again at the next start`)
		}
	}
}
