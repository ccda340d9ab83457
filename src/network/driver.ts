/** The verbs of this folder on one host, as cnm/ calls them. */
import { createEndpoint, deleteEndpoint, join, leave } from './endpoints.ts'
import type { Host } from './host.ts'
import { createNetwork, deleteNetwork, networkAnswered, skipsGateway } from './networks.ts'
import type { Owners } from './owners.ts'
import type { Peering } from './peering.ts'
import { publish, unpublish } from './publish.ts'
import type { SharedPorts } from './shared-ports.ts'
import type { NetworkVerbs } from './verbs.ts'

/** Who has to know of containers that come and go. */
type Onlooker = Pick<SharedPorts, 'joined' | 'left'>

/** `firewallDue` waits until what was told of others' changes to the firewall is looked into. */
export function networkDriver(
	host: Host,
	firewallDue: () => Promise<void>,
	onlooker: Onlooker,
	peering: Pick<Peering, 'look'>,
	owners: Pick<Owners, 'check' | 'mustServe' | 'joined' | 'dismiss' | 'look'>,
): NetworkVerbs {
	return {
		skipsGateway,
		createNetwork: async (request) => {
			await owners.check(request)
			await createNetwork(host, request)
			// What the cluster told meanwhile was of no network yet.
			peering.look()
			owners.look()
		},
		networkAnswered: (networkId) => void networkAnswered(host, networkId),
		deleteNetwork: async (networkId) => {
			await owners.dismiss(networkId)
			await deleteNetwork(host, networkId)
			owners.look()
		},
		createEndpoint: async (request) => {
			await owners.mustServe(request.networkId)
			return createEndpoint(host, request)
		},
		deleteEndpoint: (networkId, endpointId) => {
			onlooker.left(endpointId)
			return deleteEndpoint(host, networkId, endpointId)
		},
		join: async (networkId, endpointId) => {
			const [answer] = await Promise.all([join(host, networkId, endpointId), firewallDue()])
			owners.joined(networkId, endpointId)
			onlooker.joined(networkId, endpointId)
			return answer
		},
		leave: (networkId, endpointId) => {
			onlooker.left(endpointId)
			return leave(host, networkId, endpointId)
		},
		publish: (networkId, endpointId, ports) => publish(host, networkId, endpointId, ports),
		unpublish: (networkId, endpointId) => unpublish(host, networkId, endpointId),
	}
}
