/** What Linux does for each kind of resource: how it comes into being, and how it goes. */
import { existsSync } from 'node:fs'
import { WeftError, within } from '../errors.ts'
import { type Cidr, parseCidr, parseIp, width } from '../model/address.ts'
import type { Departures } from './departures.ts'
import { PROC } from './host-files.ts'
import type { LinkInfo } from './netlink/link.ts'
import { NLM_F_EXCL, NLM_F_REPLACE } from './netlink/message.ts'
import type { Rtnetlink } from './netlink/rtnetlink.ts'
import { followParent } from './parent-mtu.ts'
import type { HostPorts } from './ports.ts'
import type { Premises } from './premises.ts'
import { knownKind, onBridge, onParent, unlessGone, unlessThere } from './refusals.ts'
import type {
	Address,
	BridgeLink,
	DummyLink,
	Element,
	ForwardingEntry,
	Hairpin,
	HostPort,
	LanLink,
	Neighbour,
	PassthruLink,
	ProxyEntry,
	Resource,
	Route,
	ShimLink,
	Sysctl,
	VethLink,
	VlanLink,
	VxlanLink,
} from './resource.ts'
import { writeSysctl } from './sysctl.ts'
import { vxlanDrift } from './vxlan-drift.ts'
import { type Wireguard, wireguardEffects } from './wireguard.ts'

/** Of a bridge that has lost its last port. */
const NO_MAC = '00:00:00:00:00:00'

/** Before those that others have for all packets. */
const RULE_PRIORITY = 7766

/** All but elements, which are the firewall's. */
export type Single = Exclude<Resource, Element>

/** What a kind needs: `ensure` says whether it made something, so that a failure can be undone. */
export interface Effect<R> {
	ensure(resource: R): Promise<boolean>
	remove(resource: R): Promise<void>
}

export type Effects = { readonly [K in Single['kind']]: Effect<Extract<Single, { kind: K }>> }

export function effects(
	rtnetlink: Rtnetlink,
	ports: HostPorts,
	departures: Departures,
	wireguard: Wireguard,
	premises: Premises,
): Effects {
	/** The index of a link that must be there. */
	const indexOf = (name: string): number => {
		const index = rtnetlink.indexOf(name)
		if (index !== undefined) return index
		throw within(`link ${name}`, new Error('No such device'))
	}
	const parentIndex = (name: string): number => {
		const index = rtnetlink.indexOf(name)
		if (index !== undefined) return index
		throw new WeftError('system', `the parent ${name} is not there`)
	}
	const setSysctl = (key: string, value: string) => writeSysctl(key, value, undefined, premises.visit)
	/** What is on a link that is gone, is gone. */
	const onLink = async (name: string, work: (index: number) => Promise<void>): Promise<void> => {
		const index = rtnetlink.indexOf(name)
		if (index !== undefined) await unlessGone(work(index))
	}
	/** Asked for first without the RTNL lock, since a link is often gone with something else already. */
	const deleteOwn = async ({ name }: VethLink | PassthruLink | LanLink | ShimLink): Promise<void> => {
		if (rtnetlink.indexOf(name) !== undefined) await departures.untilGone(name, unlessGone(rtnetlink.deleteLink(name)))
	}
	/** After a boot its name may have become that of a link of somebody else's. */
	const deleteLink = async ({ kind, name }: BridgeLink | VlanLink | DummyLink | VxlanLink): Promise<void> => {
		if ((await rtnetlink.link(name))?.kind === kind) await unlessGone(rtnetlink.deleteLink(name))
	}
	const addOnParent = async ({ name, parent, sort, ...rest }: LanLink | ShimLink): Promise<boolean> => {
		if (rtnetlink.indexOf(name) !== undefined) return false
		const link = { ...rest, name, parent: parentIndex(parent), up: false }
		const made =
			sort.kind === 'macvlan' ? rtnetlink.addMacvlan({ ...link, ...sort }) : rtnetlink.addIpvlan({ ...link, ...sort })
		return unlessThere(onParent(parent, sort, knownKind(sort.kind, made)))
	}
	/** Of one that was there. */
	const follow = async (link: ShimLink | VlanLink): Promise<false> => {
		await followParent(rtnetlink, link)
		return false
	}
	return {
		bridge: {
			ensure: async (link) => {
				if (await unlessThere(rtnetlink.addBridge(link))) return true
				const there = await rtnetlink.link(link.name)
				if (there?.kind !== 'bridge') throw new WeftError('in-use', 'exists and is not a bridge')
				// One that was never told its MAC takes the lowest of its ports, and neighbours lose it when a container leaves.
				const mac = there.mac === NO_MAC ? link.mac : there.mac
				if (link.kept === true) await rtnetlink.setLink({ index: there.index, up: true, mac })
				else if (!there.up || there.mtu !== link.mtu)
					await rtnetlink.setLink({ index: there.index, up: true, mtu: link.mtu })
				return false
			},
			remove: async (link) => {
				if (link.kept !== true) await deleteLink(link)
			},
		},
		veth: {
			ensure: async (link) => {
				const { master: bridge, ...pair } = link
				const master = bridge === undefined ? {} : { master: indexOf(bridge) }
				const index = rtnetlink.indexOf(link.name)
				if (index === undefined) return unlessThere(onBridge(bridge, rtnetlink.addVeth({ ...pair, ...master })))
				// A spare pair, or one whose Join is repeated; the container's end may be in its sandbox by then.
				await onBridge(bridge, rtnetlink.setLink({ index, ...master, mtu: link.mtu, up: true }))
				const peer = rtnetlink.indexOf(link.peer)
				if (peer !== undefined) await rtnetlink.setLink({ index: peer, mtu: link.mtu, mac: link.peerMac })
				return false
			},
			remove: deleteOwn,
		},
		passthru: {
			ensure: async (link: PassthruLink) => {
				const master = indexOf(link.master)
				const isNew = rtnetlink.indexOf(link.name) === undefined
				if (isNew) await premises.addPassthru(link)
				await rtnetlink.setLink({ index: indexOf(link.name), master, up: true })
				return isNew
			},
			remove: deleteOwn,
		},
		lan: {
			// One that is there is of a Join that is repeated: Docker has not moved it yet.
			ensure: (link) => {
				departures.follow(link.name)
				return addOnParent(link)
			},
			// In the container, too: for dockerd to move it back first takes as long again.
			remove: async (link) => {
				const place = departures.forget(link.name)
				if (rtnetlink.indexOf(link.name) !== undefined) await deleteOwn(link)
				else if (place !== undefined && isOf(link, await rtnetlink.linkAt(place)))
					await unlessGone(rtnetlink.deleteLinkAt(place))
			},
		},
		shim: { ensure: async (link) => (await addOnParent(link)) || follow(link), remove: deleteOwn },
		up: {
			ensure: async ({ link }) => {
				await rtnetlink.setLink({ index: indexOf(link), up: true })
				return false
			},
			remove: async () => undefined,
		},
		vlan: {
			ensure: async (link) => {
				if (rtnetlink.indexOf(link.name) !== undefined) return follow(link)
				const { parent, ...rest } = link
				return unlessThere(knownKind('vlan', rtnetlink.addVlan({ ...rest, parent: parentIndex(parent), up: true })))
			},
			remove: deleteLink,
		},
		dummy: {
			ensure: ({ name }) => unlessThere(knownKind('dummy', rtnetlink.addDummy(name))),
			remove: deleteLink,
		},
		vxlan: {
			ensure: async (link: VxlanLink) => {
				const there = await rtnetlink.vxlan(link.name)
				if (there !== undefined && there.kind !== 'vxlan')
					throw new WeftError('in-use', 'exists and is not a VXLAN device')
				if (there !== undefined && vxlanDrift(there, link) === undefined) return false
				// None of it can be changed in all kernels, and what is on it is made after it.
				await deleteLink(link)
				const made = rtnetlink.addVxlan({ ...link, local: parseIp(link.local), learning: false })
				if (await unlessThere(knownKind('vxlan', made))) return true
				throw new WeftError('in-use', `another VXLAN device has its port ${link.port} and network ${link.id}`)
			},
			remove: deleteLink,
		},
		...wireguardEffects(rtnetlink, wireguard),
		address: {
			ensure: async ({ link, cidr, kept }: Address) => {
				const [index, address] = [indexOf(link), parseCidr(cidr)]
				if (await unlessThere(rtnetlink.addAddress(index, address, { nodad: true }))) return true
				if (kept !== true && hasRoute(address)) await unlessThere(rtnetlink.addRouteOfAddress(address, index))
				return false
			},
			remove: async ({ link, cidr, kept }) => {
				if (kept !== true) await onLink(link, (index) => rtnetlink.deleteAddress(index, parseCidr(cidr)))
			},
		},
		route: {
			ensure: async (route: Route) => {
				const deadEnd = deadEndOf(route)
				if (deadEnd !== undefined) await unlessThere(rtnetlink.addRoute(deadEnd, NLM_F_EXCL))
				const wanted = routeOf(route, indexOf(route.link))
				return putThere((flags) => rtnetlink.addRoute(wanted, flags))
			},
			remove: async (route) => {
				await onLink(route.link, (index) => rtnetlink.deleteRoute(routeOf(route, index)))
				const deadEnd = deadEndOf(route)
				if (deadEnd !== undefined) await unlessGone(rtnetlink.deleteRoute(deadEnd))
			},
		},
		rule: {
			ensure: (rule) => unlessThere(rtnetlink.addRule({ ...rule, priority: RULE_PRIORITY })),
			remove: (rule) => unlessGone(rtnetlink.deleteRule({ ...rule, priority: RULE_PRIORITY })),
		},
		neighbour: {
			ensure: async ({ link, ip, mac }: Neighbour) => {
				const index = indexOf(link)
				const entry = { index, ip: parseIp(ip), mac: mac ?? (await rtnetlink.link(index))?.mac ?? NO_MAC }
				return putThere((flags) => rtnetlink.setNeighbour(entry, flags))
			},
			remove: ({ link, ip }) => onLink(link, (index) => rtnetlink.deleteNeighbour({ index, ip: parseIp(ip) })),
		},
		proxy: {
			ensure: async ({ link, ip }: ProxyEntry) => {
				await rtnetlink.addProxy({ index: indexOf(link), ip: parseIp(ip) })
				return true
			},
			remove: ({ link, ip }) => onLink(link, (index) => rtnetlink.deleteProxy({ index, ip: parseIp(ip) })),
		},
		forwarding: {
			ensure: async ({ link, mac, remote }: ForwardingEntry) => {
				const entry = { index: indexOf(link), mac, remote: parseIp(remote) }
				return putThere((flags) => rtnetlink.setForwarding(entry, flags))
			},
			remove: ({ link, mac }) => onLink(link, (index) => rtnetlink.deleteForwarding({ index, mac })),
		},
		hairpin: {
			ensure: async ({ link }: Hairpin) => {
				await rtnetlink.setBridgePort({ index: indexOf(link), hairpin: true })
				return true
			},
			remove: ({ link }) => onLink(link, (index) => rtnetlink.setBridgePort({ index, hairpin: false })),
		},
		sysctl: {
			ensure: async ({ key, value, undone }: Sysctl) => {
				// A host without IPv6 (ipv6.disable=1) has none of its settings, and no IPv6 that they could tame.
				if (key.startsWith('net/ipv6/') && !existsSync(`${PROC}/sys/net/ipv6/conf`)) return false
				const changed = await setSysctl(key, value)
				return changed && undone !== undefined
			},
			remove: async ({ key, undone }) => {
				if (undone !== undefined) await unlessGone(setSysctl(key, undone))
			},
		},
		port: {
			ensure: async (port: HostPort) => {
				const made = !ports.has(port)
				ports.hold(port)
				return made
			},
			remove: async (port) => ports.release(port),
		},
	}
}

/** A namespace that has gone leaves its number to another, in which the index may be another link's. */
function isOf({ sort }: LanLink, found: LinkInfo | undefined): boolean {
	return found?.kind === sort.kind && (sort.kind === 'ipvlan' || found.mac === sort.mac)
}

/** Has it there by `put`, and says whether it was not: what another network has as well is not to go when this one fails. */
async function putThere(put: (flags: number) => Promise<void>): Promise<boolean> {
	const isNew = await unlessThere(put(NLM_F_EXCL))
	if (!isNew) await put(NLM_F_REPLACE)
	return isNew
}

/** Whether the kernel adds a route with it. */
export function hasRoute({ family, prefix }: Cidr): boolean {
	return prefix < width(family)
}

/** Without one, the next table would be asked when the link goes, and with it the route. */
function deadEndOf({ destination, table }: Route) {
	return table === undefined ? undefined : { destination: parseCidr(destination), table }
}

function routeOf(route: Route, linkIndex: number) {
	const { destination, via, onlink, source, table } = route
	return {
		destination: parseCidr(destination),
		linkIndex,
		...(via === undefined ? {} : { via: parseIp(via) }),
		...(onlink === undefined ? {} : { onlink }),
		...(source === undefined ? {} : { source: parseIp(source) }),
		...(table === undefined ? {} : { table }),
	}
}
