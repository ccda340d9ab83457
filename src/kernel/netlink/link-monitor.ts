/** Tells of links and their addresses that come, change and go. */
import { RTM_DELADDR } from './address.ts'
import { type LinkInfo, RTM_DELLINK, RTM_NEWLINK, readLink } from './link.ts'
import type { Message } from './message.ts'
import { Monitor } from './monitor.ts'

const AF_UNSPEC = 0
const NETLINK_ROUTE = 0
const RTNLGRP_LINK = 1
const RTNLGRP_IPV4_IFADDR = 5
const RTNLGRP_IPV6_IFADDR = 9
const RT_SCOPE_LINK = 253

export interface LinkListener {
	changed(link: LinkInfo): void
	gone(link: LinkInfo): void
	/** The link with this index has lost an address that others can reach. */
	bared?(index: number): void
	/** More happened than could be heard: what is known of links must be taken anew. */
	lost(): void
}

export function linkMonitor(...listeners: readonly LinkListener[]): Monitor {
	const each = (tell: (listener: LinkListener) => void): void => listeners.forEach(tell)
	return new Monitor(NETLINK_ROUTE, [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR], {
		heard: (message) => hear(message, each),
		lost: () => each((listener) => listener.lost()),
	})
}

function hear(message: Message, each: (tell: (listener: LinkListener) => void) => void): void {
	if (message.type === RTM_DELADDR) {
		// struct ifaddrmsg; every link that goes has an address of its own that counts on the link only.
		const index = message.body.readUInt32LE(4)
		if (message.body[3] !== RT_SCOPE_LINK) each((listener) => listener.bared?.(index))
	}
	// Of a bridge's family: a port that changes or leaves, with the same types.
	if (message.body[0] !== AF_UNSPEC) return
	if (message.type !== RTM_NEWLINK && message.type !== RTM_DELLINK) return
	const link = readLink(message)
	each((listener) => (message.type === RTM_NEWLINK ? listener.changed(link) : listener.gone(link)))
}
