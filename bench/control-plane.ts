/** What a person waits for: containers that connect to a network and leave it, one at a time and many at once. */
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { IMAGE } from '../test/support/image.ts'
import type { Engine } from './engine.ts'
import type { Pair } from './figures.ts'

const ROUNDS = 60
const BURST = 20
const BURST_ROUNDS = 7

/** The two networks, of the same shape, and containers that are running on neither. */
export interface Bed {
	readonly networks: readonly { readonly driver: 'weft' | 'docker'; readonly name: string }[]
	readonly containers: readonly string[]
}

/** What the two networks are made of, beside their names. */
export interface Shape {
	readonly weft: object
	readonly docker: object
}

export const BRIDGE: Shape = { weft: { IPAM: { Driver: 'weft' } }, docker: { Driver: 'bridge' } }

/** On the host's uplink. */
export const MACVLAN = onUplink('macvlan')
export const IPVLAN = onUplink('ipvlan')

function onUplink(mode: 'macvlan' | 'ipvlan'): Shape {
	return {
		weft: { Options: { mode, parent: 'eth0' }, IPAM: { Driver: 'weft', Config: [{ Subnet: '10.88.0.0/24' }] } },
		docker: { Driver: mode, Options: { parent: 'eth0' }, IPAM: { Config: [{ Subnet: '10.88.1.0/24' }] } },
	}
}

/** Networks and containers to measure with, for as long as `work` takes. */
export async function withBed<T>(api: Engine, shape: Shape, work: (bed: Bed) => Promise<T>): Promise<T> {
	const bed = await prepare(api, shape)
	try {
		return await work(bed)
	} finally {
		await tidy(api, bed)
	}
}

async function prepare(api: Engine, { weft, docker }: Shape): Promise<Bed> {
	await api.call('POST', '/networks/create', { Name: 'bench-weft', Driver: 'weft', ...weft })
	await api.call('POST', '/networks/create', { Name: 'bench-docker', ...docker })
	const containers = Array.from({ length: BURST }, (_, i) => `bench-${i}`)
	for (const name of containers) {
		const body = { Image: IMAGE, HostConfig: { NetworkMode: 'none' }, Cmd: ['sleep', '86400'], StopSignal: 'SIGKILL' }
		await api.call('POST', `/containers/create?name=${name}`, body)
		await api.call('POST', `/containers/${name}/start`)
		// A container of network "none" may be on no other.
		await api.call('POST', '/networks/none/disconnect', { Container: name })
	}
	return {
		networks: [
			{ driver: 'weft', name: 'bench-weft' },
			{ driver: 'docker', name: 'bench-docker' },
		],
		containers,
	}
}

async function tidy(api: Engine, { networks, containers }: Bed): Promise<void> {
	for (const name of containers) await api.call('DELETE', `/containers/${name}?force=1`)
	for (const { name } of networks) await api.call('DELETE', `/networks/${name}`)
}

/**
 * The kernel's grace periods end with its ticks, and so does what waits for them: started right after another, a
 * measurement would always meet the same tick. The pause is of 20 ms and a random part of a few ticks.
 */
async function timed(work: () => Promise<unknown>): Promise<number> {
	await sleep(20)
	const late = performance.now() + Math.random() * 12
	while (performance.now() < late);
	const start = performance.now()
	await work()
	return performance.now() - start
}

/** Times of one operation, per driver. */
function series(name: string) {
	const times: { weft: number[]; docker: number[] } = { weft: [], docker: [] }
	return { times, pair: (): Pair => ({ name, ...times }) }
}

/** One container, again and again; `of` is in the names of what is measured. */
export async function single(api: Engine, { networks, containers }: Bed, of = ''): Promise<Pair[]> {
	const [container] = containers
	const body = { Container: container }
	const connect = series(`connect a running container${of}`)
	const disconnect = series(`disconnect it${of}`)
	for (let round = 0; round < ROUNDS + 2; round++) {
		for (const { driver, name } of networks) {
			const up = await timed(() => api.call('POST', `/networks/${name}/connect`, body))
			const down = await timed(() => api.call('POST', `/networks/${name}/disconnect`, body))
			// The first rounds warm both up.
			if (round < 2) continue
			connect.times[driver].push(up)
			disconnect.times[driver].push(down)
		}
	}
	return [connect.pair(), disconnect.pair()]
}

/** All containers at the same time. */
export async function burst(api: Engine, { networks, containers }: Bed): Promise<Pair[]> {
	const connect = series(`connect ${BURST} at once`)
	const disconnect = series(`disconnect ${BURST} at once`)
	const all = (verb: string, network: string) => () =>
		Promise.all(containers.map((Container) => api.call('POST', `/networks/${network}/${verb}`, { Container })))
	for (let round = 0; round < BURST_ROUNDS + 1; round++) {
		for (const { driver, name } of networks) {
			const up = await timed(all('connect', name))
			const down = await timed(all('disconnect', name))
			if (round === 0) continue
			connect.times[driver].push(up)
			disconnect.times[driver].push(down)
		}
	}
	return [connect.pair(), disconnect.pair()]
}
