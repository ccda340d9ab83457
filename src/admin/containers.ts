/** Containers as the admin API shows them: each on its networks. */
import { WeftError } from '../errors.ts'
import type { Host } from '../network/host.ts'
import type { ContainerDetail, ContainerSummary } from './api.ts'
import { containerName, type Names, networkName } from './names.ts'
import { networkDetail, type Shared } from './views.ts'

export function containerList({ store }: Host, names: Names): ContainerSummary[] {
	const found = new Map<string, ContainerSummary['networks']>()
	for (const { id } of store.list('network', '')) {
		for (const endpoint of store.list('endpoint', id)) {
			const name = containerName(names, endpoint.id)
			if (name !== null) found.set(name, [...(found.get(name) ?? []), { id, name: networkName(names, id) }])
		}
	}
	return Array.from(found, ([name, networks]) => ({ name, networks }))
}

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
