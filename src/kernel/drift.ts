/** In what the kernel is not as it should be: what others can change of links, addresses and settings, and weft puts back. */
import { isErrno } from '../errors.ts'
import { formatCidr, formatIp, networkOf, parseCidr } from '../model/address.ts'
import { hasRoute, type Single } from './effects.ts'
import type { RouteInfo } from './netlink/route.ts'
import type { Rtnetlink } from './netlink/rtnetlink.ts'
import type { Visit } from './netns.ts'
import { behindParent } from './parent-mtu.ts'
import {
	type Address,
	type BridgeLink,
	type DummyLink,
	type Element,
	type Hairpin,
	type HostPort,
	identity,
	type MarkRule,
	type PassthruLink,
	type Resource,
	type Route,
	type ShimLink,
	type Sysctl,
	type VethLink,
	type VlanLink,
} from './resource.ts'
import { readSysctl } from './sysctl.ts'
import { forwardingDrift, neighbourDrift, vxlanDrift } from './vxlan-drift.ts'
import { allowedDrift, peerDrift, type Wireguard, wireguardDrift } from './wireguard.ts'

/** What tells how the kernel is. */
export interface Sources {
	readonly rtnetlink: Rtnetlink
	readonly wireguard: Wireguard
	/** To where the settings are. */
	readonly visit: Visit
}

/** For people, what is amiss with a resource; undefined where nothing is, or nothing that would show. */
export async function drift(sources: Sources, resource: Single): Promise<string | undefined> {
	const what = await amiss(sources, resource)
	return what === undefined ? undefined : `${identity(resource)} was ${what}`
}

/** The same, and also what is not put back so: a pair that is gone, and what `has` knows of. */
export async function difference(
	sources: Sources,
	resource: Resource,
	has: (held: Element | HostPort) => boolean,
): Promise<string | undefined> {
	const gone = `${identity(resource)} was gone`
	switch (resource.kind) {
		case 'element':
		case 'port':
			return has(resource) ? undefined : gone
		case 'veth':
			return sources.rtnetlink.indexOf(resource.name) === undefined ? gone : drift(sources, resource)
		default:
			return drift(sources, resource)
	}
}

/** What the kernel does not have needs no value: see effects.ts. */
function amissOfSetting(visit: Visit, setting: Sysctl): string | undefined {
	try {
		const value = visit(() => readSysctl(setting.key))
		return value === setting.value ? undefined : `${value} instead of ${setting.value}`
	} catch (error) {
		if (isErrno(error, 'ENOENT')) return undefined
		throw error
	}
}

async function amiss({ rtnetlink, wireguard, visit }: Sources, resource: Single): Promise<string | undefined> {
	switch (resource.kind) {
		case 'bridge':
		case 'dummy':
			return amissOfLink(rtnetlink, resource)
		case 'up':
			return (await rtnetlink.link(resource.link))?.up === false ? 'down' : undefined
		case 'shim':
		case 'vlan':
			return amissOnParent(rtnetlink, resource)
		case 'veth':
			return amissOfPair(rtnetlink, resource)
		case 'passthru':
			return amissOfPassthru(rtnetlink, resource)
		case 'address':
			return amissOfAddress(rtnetlink, resource)
		case 'vxlan': {
			const link = await rtnetlink.vxlan(resource.name)
			return link === undefined ? 'gone' : vxlanDrift(link, resource)
		}
		case 'wireguard':
			return wireguardDrift(wireguard, await rtnetlink.link(resource.name), resource)
		case 'peer':
			return peerDrift(wireguard, resource)
		case 'allowed':
			return allowedDrift(wireguard, resource)
		case 'route':
			return amissOfRoute(rtnetlink, resource)
		case 'rule':
			return amissOfRule(rtnetlink, resource)
		case 'neighbour':
			return neighbourDrift(rtnetlink, resource)
		case 'forwarding':
			return forwardingDrift(rtnetlink, resource)
		case 'hairpin':
			return amissOfHairpin(rtnetlink, resource)
		case 'sysctl':
			return amissOfSetting(visit, resource)
		default:
			return undefined
	}
}

async function amissOfLink(rtnetlink: Rtnetlink, wanted: BridgeLink | DummyLink): Promise<string | undefined> {
	const link = await rtnetlink.link(wanted.name)
	if (link === undefined) return 'gone'
	if (!link.up) return 'down'
	return wanted.kind === 'bridge' && wanted.kept !== true ? amissOfMtu(link, wanted) : undefined
}

/** Up or down with its parent, or by a resource of its own. */
async function amissOnParent(rtnetlink: Rtnetlink, wanted: ShimLink | VlanLink): Promise<string | undefined> {
	if (rtnetlink.indexOf(wanted.name) === undefined) return 'gone'
	const behind = await behindParent(rtnetlink, wanted)
	return behind === undefined ? undefined : amissOfMtu(behind, { mtu: behind.most })
}

function amissOfMtu({ mtu }: { readonly mtu: number }, wanted: { readonly mtu: number }): string | undefined {
	return mtu === wanted.mtu ? undefined : `with an MTU of ${mtu} instead of ${wanted.mtu}`
}

/** A pair that is gone took the container's end with it, and cannot be put back. */
async function amissOfPair(rtnetlink: Rtnetlink, wanted: VethLink): Promise<string | undefined> {
	const link = await rtnetlink.link(wanted.name)
	if (link === undefined) return undefined
	const master = wanted.master === undefined ? undefined : rtnetlink.indexOf(wanted.master)
	if (link.masterIndex !== master) return wanted.master === undefined ? 'on a bridge' : `not on ${wanted.master}`
	if (wanted.master !== undefined && master === undefined) return `not on ${wanted.master}`
	return link.up ? amissOfMtu(link, wanted) : 'down'
}

async function amissOfPassthru(rtnetlink: Rtnetlink, { name, master }: PassthruLink): Promise<string | undefined> {
	const link = await rtnetlink.link(name)
	if (link === undefined) return 'gone'
	const bridge = rtnetlink.indexOf(master)
	if (bridge === undefined || link.masterIndex !== bridge) return `not on ${master}`
	return link.up ? undefined : 'down'
}

async function amissOfHairpin(rtnetlink: Rtnetlink, { link }: Hairpin): Promise<string | undefined> {
	const port = await rtnetlink.link(link)
	return port === undefined || port.hairpin === true ? undefined : 'off'
}

async function amissOfAddress(rtnetlink: Rtnetlink, { link, cidr, kept }: Address): Promise<string | undefined> {
	const address = parseCidr(cidr)
	const index = rtnetlink.indexOf(link)
	if (index === undefined) return 'gone'
	const there = await rtnetlink.addresses(index)
	if (!there.some((each) => formatCidr(each.cidr) === formatCidr(address))) return 'gone'
	// Somebody else's may have been given without one.
	if (kept === true || !hasRoute(address)) return undefined
	const destination = formatCidr(networkOf(address))
	const routes = await rtnetlink.routes(address.family, index)
	if (routes.some((route) => formatCidr(route.destination) === destination)) return undefined
	// While a link is down none of its addresses has one.
	return (await rtnetlink.link(index))?.up === true ? 'without its route' : undefined
}

async function amissOfRule(rtnetlink: Rtnetlink, { family, mark, table }: MarkRule): Promise<string | undefined> {
	const there = await rtnetlink.rules(family)
	return there.some((each) => each.mark === mark && each.table === table) ? undefined : 'gone'
}

async function amissOfRoute(
	rtnetlink: Rtnetlink,
	{ link, destination, via, table }: Route,
): Promise<string | undefined> {
	const wanted = parseCidr(destination)
	const index = rtnetlink.indexOf(link)
	const isIt = (route: RouteInfo | undefined): boolean => {
		return route !== undefined && route.linkIndex === index && formatCidr(route.destination) === destination
	}
	// Of another table only packets with a mark are told.
	const first = table === undefined ? await rtnetlink.routeTo(wanted) : undefined
	// Within it there may be a route to its first address alone.
	const there = isIt(first) ? first : (await rtnetlink.routes(wanted.family, index, table)).find(isIt)
	const isDeadEnd = (route: RouteInfo) => route.unreachable === true && formatCidr(route.destination) === destination
	const all = table === undefined ? [] : await rtnetlink.routes(wanted.family, 0, table)
	if (index === undefined || there === undefined) return 'gone'
	const leadsTo = there.via === undefined ? undefined : formatIp(there.via)
	if (via !== leadsTo) return `by ${leadsTo ?? 'nobody'} instead of ${via ?? 'nobody'}`
	return table === undefined || all.some(isDeadEnd) ? undefined : 'without its dead end'
}
