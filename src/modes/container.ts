/**
 * container: all is as in mode host, but in the namespace of another container, the owner, in the place of the host. A link
 * ends on the host, on no bridge and heard by nobody there: the owner has a macvlan that takes all of it, as a port of
 * the bridge. So no rule of the host sees what passes, and neither container's link goes with the other container.
 */
import { element, type Resource } from '../kernel/resource.ts'
import { peerName } from '../model/names.ts'
import type { Endpoint, OwnedNetwork } from '../model/network.ts'
import { host } from './host.ts'
import type { Mode } from './mode.ts'

/** What comes to the host's end while no owner has it is dropped. */
function attached({ mtu }: OwnedNetwork, { link, mac }: Endpoint): Resource[] {
	return [{ kind: 'veth', name: link, peer: peerName(link), peerMac: mac, mtu }, element('links', [link])]
}

function attachedToOwner(network: OwnedNetwork, endpoint: Endpoint): Resource[] {
	return host
		.attached(network, endpoint)
		.map((each) => (each.kind === 'veth' ? { kind: 'passthru', name: each.name, master: network.bridge } : each))
}

export const container: Mode<OwnedNetwork> = {
	...host,
	network: () => [],
	attached,
	published: () => [],
	owned: { network: host.network, attached: attachedToOwner, published: host.published },
}
