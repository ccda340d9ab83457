/** The verbs of this folder on one host, as cnm/ calls them. */
import { createEndpoint, deleteEndpoint, join, leave } from './endpoints.ts'
import type { Host } from './host.ts'
import { createNetwork, deleteNetwork, skipsGateway } from './networks.ts'
import { publish, unpublish } from './publish.ts'
import type { NetworkVerbs } from './verbs.ts'

export function networkDriver(host: Host): NetworkVerbs {
	return {
		skipsGateway,
		createNetwork: (request) => createNetwork(host, request),
		deleteNetwork: (networkId) => deleteNetwork(host, networkId),
		createEndpoint: (request) => createEndpoint(host, request),
		deleteEndpoint: (networkId, endpointId) => deleteEndpoint(host, networkId, endpointId),
		join: (networkId, endpointId) => join(host, networkId, endpointId),
		leave: (networkId, endpointId) => leave(host, networkId, endpointId),
		publish: (networkId, endpointId, ports) => publish(host, networkId, endpointId, ports),
		unpublish: (networkId, endpointId) => unpublish(host, networkId, endpointId),
	}
}
