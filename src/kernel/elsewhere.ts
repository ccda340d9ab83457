/**
 * Whether a container has a link of which nothing is left on the host: of a macvlan or ipvlan that was moved, the namespace in
 * which it is by now tells, and that has a number here for as long as it lives (`dev_change_net_namespace` in net/core/dev.c).
 */
import { formatIp, plainAddress } from '../model/address.ts'
import type { LinkInfo } from './netlink/link.ts'
import type { Rtnetlink } from './netlink/rtnetlink.ts'
import type { LanLink } from './resource.ts'

/** By what the container cannot change unless it wants to: its kind and parent, and then its MAC or one of the addresses. */
export async function isElsewhere(
	rtnetlink: Rtnetlink,
	{ parent, sort }: LanLink,
	addresses: readonly string[],
): Promise<boolean> {
	const parentIndex = rtnetlink.indexOf(parent)
	// What was on it went with it.
	if (parentIndex === undefined) return false
	const wanted = new Set(addresses.map(plainAddress))
	const isOnParent = ({ kind, linkIndex, peerNamespace }: LinkInfo): boolean => {
		return kind === sort.kind && linkIndex === parentIndex && peerNamespace !== undefined
	}
	for (const namespace of await rtnetlink.namespaceIds()) {
		const links = (await rtnetlink.linksAt(namespace)).filter(isOnParent)
		if (sort.kind === 'macvlan' && links.some(({ mac }) => mac === sort.mac)) return true
		if (links.length === 0) continue
		const indexes = new Set(links.map(({ index }) => index))
		const there = await rtnetlink.addressesAt(namespace)
		if (there.some(({ index, cidr }) => indexes.has(index) && wanted.has(formatIp(cidr)))) return true
	}
	return false
}
