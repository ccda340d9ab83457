/** Tells of routes, neighbours, forwarding entries and rules about a mark that go. */
import type { Message } from './message.ts'
import { Monitor } from './monitor.ts'
import { RTM_DELNEIGH } from './neighbour.ts'
import { RTM_DELROUTE, readRoute } from './route.ts'
import { RTM_DELRULE, readRule } from './rule.ts'

const NETLINK_ROUTE = 0
const RTNLGRP_NEIGH = 3
const RTNLGRP_IPV4_ROUTE = 7
const RTNLGRP_IPV4_RULE = 8
const RTNLGRP_IPV6_ROUTE = 11
const RTNLGRP_IPV6_RULE = 19

export interface RouteListener {
	/** The link with this index has lost one; a forwarding entry counts as a neighbour. */
	stripped(index: number, what: 'route' | 'neighbour'): void
	/** A rule that led packets to this table of routes is gone. */
	unled(table: number): void
	/** More happened than could be heard. */
	lost(): void
}

export function routeMonitor(listener: RouteListener): Monitor {
	const groups = [RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE]
	const heard = (message: Message): void => {
		const rule = message.type === RTM_DELRULE ? readRule(message) : undefined
		if (rule !== undefined) listener.unled(rule.table)
		const index = linkOf(message)
		if (index !== undefined) listener.stripped(index, message.type === RTM_DELROUTE ? 'route' : 'neighbour')
	}
	// A host hears of its neighbours all the time.
	const types = [RTM_DELROUTE, RTM_DELNEIGH, RTM_DELRULE]
	return new Monitor(NETLINK_ROUTE, groups, { heard, lost: () => listener.lost() }, types)
}

function linkOf(message: Message): number | undefined {
	// struct ndmsg
	if (message.type === RTM_DELNEIGH) return message.body.readInt32LE(4)
	return message.type === RTM_DELROUTE ? readRoute(message)?.linkIndex : undefined
}
