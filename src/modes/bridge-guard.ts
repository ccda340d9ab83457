/** What a container on a bridge may send, by elements of the table `bridge weft`: to whom, and as whom. */
import { type Element, element } from '../kernel/resource.ts'
import { plainAddress } from '../model/address.ts'
import type { BridgeNetwork, Endpoint } from '../model/network.ts'

export function guarded({ options }: BridgeNetwork, endpoint: Endpoint): Element[] {
	return [
		...(options.icc ? [] : [element('apart_links', [endpoint.link])]),
		...(options.antispoof ? identityOf(endpoint) : []),
	]
}

/** Where Docker's IPAM addresses nothing, people do it inside the container, and weft holds only the MAC. */
function identityOf({ link, mac, ipv4, ipv6 }: Endpoint): Element[] {
	const addressed = ipv4 !== undefined || ipv6 !== undefined
	return [
		element('macs', [link, mac]),
		...(ipv4 === undefined ? [] : [element('sources4', [link, mac, plainAddress(ipv4)])]),
		...(ipv6 === undefined
			? []
			: [element('sources6', [link, mac, plainAddress(ipv6)]), element('claims6', [link, plainAddress(ipv6)])]),
		element('guards', [link], [addressed ? 'goto held' : 'goto held_mac']),
	]
}
