/** In what the kernel's links and addresses are not as they should be: what others can take away, and weft puts back. */
import { isErrno } from '../errors.ts'
import { formatCidr, parseCidr } from '../model/address.ts'
import type { Single } from './effects.ts'
import type { Rtnetlink } from './netlink/rtnetlink.ts'
import {
	type Address,
	type BridgeLink,
	type DummyLink,
	type Element,
	type HostPort,
	identity,
	type Resource,
	type Route,
	type Sysctl,
	type VethLink,
} from './resource.ts'
import { readSysctl } from './sysctl.ts'

/** For people, what is amiss with a resource; undefined where nothing is, or nothing that would show. */
export async function drift(rtnetlink: Rtnetlink, resource: Single): Promise<string | undefined> {
	const what = await amiss(rtnetlink, resource)
	return what === undefined ? undefined : `${identity(resource)} was ${what}`
}

/** The same, and also what is not put back as a link is: settings, a pair that is gone, and what `has` knows of. */
export async function difference(
	rtnetlink: Rtnetlink,
	resource: Resource,
	has: (held: Element | HostPort) => boolean,
): Promise<string | undefined> {
	const gone = `${identity(resource)} was gone`
	switch (resource.kind) {
		case 'element':
		case 'port':
			return has(resource) ? undefined : gone
		case 'sysctl':
			return differenceOfSetting(resource)
		case 'veth':
			return rtnetlink.indexOf(resource.name) === undefined ? gone : drift(rtnetlink, resource)
		default:
			return drift(rtnetlink, resource)
	}
}

/** What the kernel does not have needs no value: see effects.ts. */
function differenceOfSetting(setting: Sysctl): string | undefined {
	try {
		const value = readSysctl(setting.key)
		return value === setting.value ? undefined : `${identity(setting)} was ${value} instead of ${setting.value}`
	} catch (error) {
		if (isErrno(error, 'ENOENT')) return undefined
		throw error
	}
}

async function amiss(rtnetlink: Rtnetlink, resource: Single): Promise<string | undefined> {
	switch (resource.kind) {
		case 'bridge':
		case 'dummy':
			return amissOfLink(rtnetlink, resource)
		case 'up':
			return (await rtnetlink.link(resource.link))?.up === false ? 'down' : undefined
		case 'shim':
		case 'vlan':
			// Up or down with its parent, or by a resource of its own.
			return rtnetlink.indexOf(resource.name) === undefined ? 'gone' : undefined
		case 'veth':
			return amissOfPair(rtnetlink, resource)
		case 'address':
			return amissOfAddress(rtnetlink, resource)
		case 'route':
			return amissOfRoute(rtnetlink, resource)
		default:
			return undefined
	}
}

async function amissOfLink(rtnetlink: Rtnetlink, { name }: BridgeLink | DummyLink): Promise<string | undefined> {
	const link = await rtnetlink.link(name)
	if (link === undefined) return 'gone'
	return link.up ? undefined : 'down'
}

/** A pair that is gone took the container's end with it, and cannot be put back. */
async function amissOfPair(rtnetlink: Rtnetlink, { name, master }: VethLink): Promise<string | undefined> {
	const link = await rtnetlink.link(name)
	if (link === undefined) return undefined
	if (link.masterIndex === undefined || link.masterIndex !== rtnetlink.indexOf(master)) return `not on ${master}`
	return link.up ? undefined : 'down'
}

async function amissOfAddress(rtnetlink: Rtnetlink, { link, cidr }: Address): Promise<string | undefined> {
	const index = rtnetlink.indexOf(link)
	const there = index === undefined ? [] : await rtnetlink.addresses(index)
	return there.some((each) => formatCidr(each.cidr) === formatCidr(parseCidr(cidr))) ? undefined : 'gone'
}

async function amissOfRoute(rtnetlink: Rtnetlink, { link, destination }: Route): Promise<string | undefined> {
	const wanted = parseCidr(destination)
	const there = await rtnetlink.routeTo(wanted)
	const same = there?.linkIndex === rtnetlink.indexOf(link) && there?.destination.prefix === wanted.prefix
	return same ? undefined : 'gone'
}
