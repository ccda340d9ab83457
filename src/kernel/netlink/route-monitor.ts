/** Tells of routes, neighbours and forwarding entries that go. */
import type { Message } from './message.ts'
import { Monitor } from './monitor.ts'
import { RTM_DELNEIGH } from './neighbour.ts'
import { RTM_DELROUTE, readRoute } from './route.ts'

const NETLINK_ROUTE = 0
const RTNLGRP_NEIGH = 3
const RTNLGRP_IPV4_ROUTE = 7
const RTNLGRP_IPV6_ROUTE = 11

export interface RouteListener {
	/** The link with this index has lost one; a forwarding entry counts as a neighbour. */
	stripped(index: number, what: 'route' | 'neighbour'): void
	/** More happened than could be heard. */
	lost(): void
}

export function routeMonitor(listener: RouteListener): Monitor {
	const groups = [RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE]
	const heard = (message: Message): void => {
		const index = linkOf(message)
		if (index !== undefined) listener.stripped(index, message.type === RTM_DELROUTE ? 'route' : 'neighbour')
	}
	// A host hears of its neighbours all the time.
	const types = [RTM_DELROUTE, RTM_DELNEIGH]
	return new Monitor(NETLINK_ROUTE, groups, { heard, lost: () => listener.lost() }, types)
}

function linkOf(message: Message): number | undefined {
	// struct ndmsg
	if (message.type === RTM_DELNEIGH) return message.body.readInt32LE(4)
	return message.type === RTM_DELROUTE ? readRoute(message)?.linkIndex : undefined
}
