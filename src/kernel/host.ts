/** What is observed of this host before something is decided: nothing here changes anything. */
import { readFile } from 'node:fs/promises'
import { type Cidr, formatCidr, formatIp, type Ip, overlaps, parseCidr, tryParseIp, width } from '../model/address.ts'
import type { BridgeState } from '../model/network.ts'
import { isDockerName } from './docker-bridges.ts'
import type { Rtnetlink } from './netlink/rtnetlink.ts'
import { readSysctl } from './sysctl.ts'
import type { Wireguard } from './wireguard.ts'

const DEFAULT_MTU = 1500
const LINK_LOCAL = parseCidr('fe80::/10')

export interface LinkFacts {
	/** By which the kernel lists it; it may have been asked for by another (`altname`, see ip-link(8)). */
	readonly name: string
	/** As rtnetlink has it, such as `bridge`; absent for a device of hardware. */
	readonly kind?: string
	/** Bytes. */
	readonly mtu: number
	readonly up: boolean
	/** The kind of what it is a port of, such as `bridge`. */
	readonly masterKind?: string
	readonly loopback?: true
	/** Packets are dropped there whose sender is reached by another link (rp_filter). */
	readonly strict?: true
	readonly state: BridgeState
}

export interface Way {
	/** The name of the link. */
	readonly link?: string
	/** The address of who passes them on; absent where the link itself leads there. */
	readonly router?: string
}

/** What planning needs to know of the host. */
export interface HostFacts {
	/** Networks that a new pool must not overlap with: the routes of the main table, and the nameservers. */
	occupied(): Promise<readonly Cidr[]>
	/** Indexes of the links with a default route, the one that is used first in front. */
	waysOut(): Promise<readonly number[]>
	/** Bytes: the MTU of the link with the default route, 1500 where there is none. */
	defaultMtu(): Promise<number>
	/** Undefined where there is no link of that name, nor one with it as another name. */
	link(name: string): Promise<LinkFacts | undefined>
	/** The name of the link that has this address. */
	linkWith(address: Ip): Promise<string | undefined>
	/** How packets to this address leave; undefined where it cannot be reached. */
	wayTo(address: Ip): Promise<Way | undefined>
	/** Whether it is a name that Docker gives to its own bridges. */
	isDockers(link: string): boolean
	/** First and last port that the kernel itself chooses from. */
	ephemeralPorts(): readonly [number, number]
	/** Whether this kernel has WireGuard, if need be as a module that it loads now. */
	hasWireguard(): Promise<boolean>
	/** Whether frames on a bridge can be filtered. */
	readonly filtersBridges: boolean
}

export function hostFacts(
	rtnetlink: Rtnetlink,
	wireguard: Wireguard,
	filtersBridges: boolean,
	resolvConf = '/etc/resolv.conf',
): HostFacts {
	const waysOut = async (): Promise<number[]> => {
		const routes = (await Promise.all([rtnetlink.defaultRoutes(4), rtnetlink.defaultRoutes(6)])).flat()
		return routes.map(({ linkIndex }) => linkIndex).filter((index) => index !== undefined)
	}
	return {
		occupied: async () => {
			const routes = (await Promise.all([rtnetlink.routes(4), rtnetlink.routes(6)])).flat()
			const prefixes = routes.map((route) => route.destination).filter((cidr) => cidr.prefix > 0)
			return [...prefixes, ...nameservers(await readFile(resolvConf, 'utf8').catch(() => ''))]
		},
		waysOut,
		defaultMtu: async () => {
			const [index] = await waysOut()
			const link = index === undefined ? undefined : await rtnetlink.link(index)
			return link?.mtu ?? DEFAULT_MTU
		},
		link: async (which) => {
			const found = await rtnetlink.link(which)
			if (found === undefined) return undefined
			const { name, kind, mtu, up, masterKind, loopback } = found
			const addresses = (await rtnetlink.addresses(found.index)).map(({ cidr }) => formatCidr(cidr))
			const routesLocalnet = readSysctl(`net/ipv4/conf/${name}/route_localnet`) === '1'
			return {
				name,
				...(kind === undefined ? {} : { kind }),
				mtu,
				up,
				...(masterKind === undefined ? {} : { masterKind }),
				...(loopback === undefined ? {} : { loopback }),
				...(isStrict(name) ? { strict: true } : {}),
				state: { addresses, routesLocalnet },
			}
		},
		linkWith: async (address) => {
			const route = await rtnetlink.routeTo(address)
			if (route?.local !== true) return undefined
			return (await rtnetlink.links()).find(({ index }) => index === route.linkIndex)?.name
		},
		wayTo: async (address) => {
			const route = await rtnetlink.routeTo(address)
			if (route === undefined) return undefined
			const link = route.linkIndex === undefined ? undefined : await rtnetlink.link(route.linkIndex)
			return {
				...(link === undefined ? {} : { link: link.name }),
				...(route.via === undefined ? {} : { router: formatIp(route.via) }),
			}
		},
		isDockers: isDockerName,
		ephemeralPorts: () => {
			const [from, to] = readSysctl('net/ipv4/ip_local_port_range').split(/\s+/).map(Number)
			return [from ?? 32768, to ?? 60999]
		},
		hasWireguard: () => wireguard.isKnown(),
		filtersBridges,
	}
}

/** With which this host speaks to the world, unless told otherwise; undefined where it has no default route. */
export async function underlayAddress(rtnetlink: Rtnetlink): Promise<string | undefined> {
	for (const family of [4, 6] as const) {
		const [route] = await rtnetlink.defaultRoutes(family)
		if (route?.source !== undefined) return formatIp(route.source)
		const addresses = route?.linkIndex === undefined ? [] : await rtnetlink.addresses(route.linkIndex)
		const found = addresses.find(({ cidr }) => cidr.family === family && !overlaps(LINK_LOCAL, cidr))
		if (found !== undefined) return formatIp(found.cidr)
	}
	return undefined
}

/** The stricter of the setting of all links and that of its own counts, by their numbers: 2 is less strict than 1. */
function isStrict(name: string): boolean {
	const numbers = ['all', name].map((each) => Number(readSysctl(`net/ipv4/conf/${each}/rp_filter`)))
	return Math.max(...numbers) === 1
}

/** resolv.conf(5); a zone after the address does not matter here. */
export function nameservers(resolvConf: string): Cidr[] {
	return Array.from(resolvConf.matchAll(/^\s*nameserver\s+([^\s%]+)/gm), ([, text]) => tryParseIp(text ?? ''))
		.filter((ip) => ip !== undefined)
		.map((ip) => ({ ...ip, prefix: width(ip.family) }))
}
