/** A container as the admin API shows it: on each of its networks. */
import { WeftError } from '../errors.ts'
import type { Host } from '../network/host.ts'
import type { ContainerDetail } from './api.ts'
import type { Names } from './names.ts'
import { networkDetail, type Shared } from './views.ts'

/** @throws WeftError `not-found` for one that is on no network of weft's, or whose name Docker has not told */
export function containerDetail(host: Host, names: Names, name: string, shared: Shared): ContainerDetail {
	const ids = new Set([...names.containers].filter(([, each]) => each === name).map(([id]) => id))
	const networks = host.store.list('network', '').filter((network) => {
		return host.store.list('endpoint', network.id).some(({ id }) => ids.has(id))
	})
	if (networks.length === 0) throw new WeftError('not-found', `weft has no container ${JSON.stringify(name)}`)
	const details = networks.map((network) => networkDetail(host, names, network, shared))
	const endpoints = details.flatMap(({ network, endpoints: all }) => {
		return all.filter(({ id }) => ids.has(id)).map((endpoint) => ({ network, endpoint }))
	})
	return { name, endpoints }
}
