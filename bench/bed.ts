/** Networks of the same shape, one for each contender, and containers that are running on none of them. */
import { IMAGE } from '../test/support/image.ts'
import type { Engine } from './engine.ts'

/** A contender that has a network of its own. */
export type Driver = 'weft' | 'docker' | 'floor'

/** What the networks are made of, beside their names: the body of POST /networks/create. */
export type Shape = Partial<Record<Driver, object>>

export const BRIDGE = { weft: { Driver: 'weft', IPAM: { Driver: 'weft' } }, docker: { Driver: 'bridge' } }
export const FLOOR = { floor: { Driver: 'floor', IPAM: { Driver: 'floor' } } }

/** On the host's uplink. */
export const MACVLAN = onUplink('macvlan')
export const IPVLAN = onUplink('ipvlan')

function onUplink(mode: 'macvlan' | 'ipvlan'): Shape {
	const [weft, docker] = ['10.88.0.0/24', '10.88.1.0/24'].map((Subnet) => [{ Subnet }])
	return {
		weft: { Driver: 'weft', Options: { mode, parent: 'eth0' }, IPAM: { Driver: 'weft', Config: weft } },
		docker: { Driver: mode, Options: { parent: 'eth0' }, IPAM: { Config: docker } },
	}
}

export interface Bed {
	readonly drivers: readonly Driver[]
	/** Names of running containers. */
	readonly containers: readonly string[]
}

export function networkOf(contender: string): string {
	return contender === 'none' || contender === 'host' ? contender : `bench-${contender}`
}

/** Once on a host, with which it ends. */
export async function makeBed(api: Engine, shape: Shape, count: number): Promise<Bed> {
	for (const [driver, body] of Object.entries(shape)) {
		await api.call('POST', '/networks/create', { Name: networkOf(driver), ...body })
	}
	const containers = Array.from({ length: count }, (_, i) => `bench-${i}`)
	for (const name of containers) {
		const body = { Image: IMAGE, HostConfig: { NetworkMode: 'none' }, Cmd: ['sleep', '86400'], StopSignal: 'SIGKILL' }
		await api.call('POST', `/containers/create?name=${name}`, body)
		await api.call('POST', `/containers/${name}/start`)
		// A container of network "none" may be on no other.
		await api.call('POST', '/networks/none/disconnect', { Container: name })
	}
	const all: readonly Driver[] = ['weft', 'docker', 'floor']
	return { drivers: all.filter((driver) => shape[driver] !== undefined), containers }
}
