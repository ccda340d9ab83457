/**
 * The kernel's links, addresses, routes and neighbours as typed verbs, in the network namespace in which it was opened.
 * Each verb is one message, and fails with the kernel's errno: whoever calls decides whether EEXIST is an error.
 */
import { isErrno } from '../../errors.ts'
import type { Cidr, Family, Ip } from '../../model/address.ts'
import { closeFd, interfaceIndex, openProbe, orClose } from '../ffi.ts'
import * as address from './address.ts'
import * as link from './link.ts'
import type { Message, Request } from './message.ts'
import * as namespace from './namespace.ts'
import * as neighbour from './neighbour.ts'
import { SocketPool } from './pool.ts'
import * as route from './route.ts'
import * as rule from './rule.ts'
import * as stacked from './stacked-link.ts'
import * as vxlan from './vxlan.ts'

const NETLINK_ROUTE = 0
const SOCKETS = 2
const DEFAULT_MTU = 1500

export class Rtnetlink {
	readonly #sockets = new SocketPool(NETLINK_ROUTE, SOCKETS)
	#probe: number | undefined

	/** Synchronous, so that it can run inside withNetns. */
	open(): void {
		this.#probe = orClose(openProbe(), () => this.#sockets.open())
	}

	/** Waits for the calls under way. */
	async close(): Promise<void> {
		await this.#sockets.close()
		if (this.#probe !== undefined) closeFd(this.#probe)
		this.#probe = undefined
	}

	links(): Promise<link.LinkInfo[]> {
		return this.#list(link.getLinks(), link.readLink)
	}

	/** By its name or its index. */
	link(which: string | number): Promise<link.LinkInfo | undefined> {
		return this.#linkAs(which, link.readLink)
	}

	/** Undefined where there is no link of that name. */
	vxlan(name: string): Promise<(link.LinkInfo & vxlan.VxlanInfo) | undefined> {
		return this.#linkAs(name, (answer) => {
			const found = link.readLink(answer)
			// The same numbers mean something else of a link of another kind.
			return found.kind === 'vxlan' ? { ...found, ...vxlan.readVxlan(answer) } : found
		})
	}

	async #linkAs<T>(which: string | number, read: (message: Message) => T): Promise<T | undefined> {
		try {
			const [answer] = await this.#ask(link.getLink(which))
			return answer === undefined ? undefined : read(answer)
		} catch (error) {
			if (isErrno(error, 'ENODEV')) return undefined
			throw error
		}
	}

	/** Undefined also where that namespace is no more. */
	async linkAt(place: link.Place): Promise<link.LinkInfo | undefined> {
		try {
			const [answer] = await this.#ask(namespace.getLinkAt(place))
			return answer === undefined ? undefined : link.readLink(answer)
		} catch (error) {
			if (isErrno(error, 'ENODEV', 'EINVAL')) return undefined
			throw error
		}
	}

	/** Of all namespaces to which links of this one lead, or were moved. */
	namespaceIds(): Promise<number[]> {
		return this.#list(namespace.getNamespaceIds(), namespace.readNamespaceId)
	}

	/** Of a namespace; none where it is no more. */
	linksAt(id: number): Promise<link.LinkInfo[]> {
		return unlessEnded(this.#list(namespace.getLinksAt(id), link.readLink))
	}

	/** Of all links of a namespace; none where it is no more. */
	addressesAt(id: number): Promise<address.AddressInfo[]> {
		return unlessEnded(this.#list(namespace.getAddressesAt(id), address.readAddress))
	}

	/** By which links of this namespace name the one of `fd`; undefined where none of them leads there. */
	async namespaceId(fd: number): Promise<number | undefined> {
		const [answer] = await this.#ask(namespace.getNamespaceId(fd))
		return answer === undefined ? undefined : namespace.readNamespaceId(answer)
	}

	/** At once and without the RTNL lock, however busy the kernel is with links. */
	indexOf(name: string): number | undefined {
		return this.#probe === undefined ? undefined : interfaceIndex(this.#probe, name)
	}

	/**
	 * A bridge, up. Its MTU is set by a message of its own: one given at the creation counts as a guess, and the
	 * kernel takes it back to 1500 as soon as the last port leaves.
	 */
	async addBridge(bridge: link.NewBridge & { readonly mtu: number }): Promise<void> {
		await this.#ask(link.newBridge(bridge))
		if (bridge.mtu === DEFAULT_MTU) return
		try {
			await this.#ask(link.setMtuByName(bridge.name, bridge.mtu))
		} catch (error) {
			await this.deleteLink(bridge.name)
			throw error
		}
	}

	/** A veth pair whose end `name` is up and a port of `master`. */
	async addVeth(veth: link.NewVeth): Promise<void> {
		await this.#ask(link.newVeth(veth))
	}

	/** A VXLAN device, up. */
	async addVxlan(added: vxlan.NewVxlan): Promise<void> {
		await this.#ask(vxlan.newVxlan(added))
	}

	async addMacvlan(macvlan: stacked.NewMacvlan): Promise<void> {
		await this.#ask(stacked.newMacvlan(macvlan))
	}

	async addIpvlan(ipvlan: stacked.NewIpvlan): Promise<void> {
		await this.#ask(stacked.newIpvlan(ipvlan))
	}

	async addVlan(vlan: stacked.NewVlan): Promise<void> {
		await this.#ask(stacked.newVlan(vlan))
	}

	async addDummy(name: string): Promise<void> {
		await this.#ask(stacked.newDummy(name))
	}

	/** A WireGuard device, down; `mtu` in bytes. */
	async addWireguard(name: string, mtu: number): Promise<void> {
		await this.#ask(stacked.newWireguard(name, mtu))
	}

	/** Of a veth pair, both ends. */
	async deleteLink(name: string): Promise<void> {
		await this.#ask(link.deleteLink(name))
	}

	async deleteLinkAt(place: link.Place): Promise<void> {
		await this.#ask(namespace.deleteLinkAt(place))
	}

	async setLink(change: link.LinkChange): Promise<void> {
		await this.#ask(link.setLink(change))
	}

	async setBridgePort(change: link.BridgePortChange): Promise<void> {
		await this.#ask(link.setBridgePort(change))
	}

	/** Of the link with this index, or of all. */
	addresses(index = 0): Promise<address.AddressInfo[]> {
		return this.#list(address.getAddresses(index), address.readAddress)
	}

	async addAddress(index: number, cidr: Cidr, options: address.AddressOptions = {}): Promise<void> {
		await this.#ask(address.newAddress(index, cidr, options))
	}

	async deleteAddress(index: number, cidr: Cidr): Promise<void> {
		await this.#ask(address.deleteAddress(index, cidr))
	}

	/** Of the link with this index, or of all. */
	async routes(family: Family, index = 0, table = route.TABLE_MAIN): Promise<route.RouteInfo[]> {
		const read = (message: Message) => route.readRouteOf(table, message)
		const all = await unlessNoTable(this.#list(route.getRoutes(family, index, table), read))
		return index === 0 ? all : all.filter(({ linkIndex }) => linkIndex === index)
	}

	/** Of the main table, the one that is used first in front. */
	defaultRoutes(family: Family): Promise<route.RouteInfo[]> {
		return unlessNoTable(this.#list(route.getRoutes(family), route.readDefaultRoute))
	}

	/** The route to an address, of any table; undefined where it cannot be reached. */
	async routeTo(address: Ip): Promise<route.RouteInfo | undefined> {
		try {
			const [answer] = await this.#ask(route.getRoute(address))
			return answer === undefined ? undefined : route.readRoute(answer)
		} catch (error) {
			// The route is unreachable, prohibited or a hole; the last is of a host without IPv6.
			if (isErrno(error, 'ENETUNREACH', 'EHOSTUNREACH', 'EACCES', 'EINVAL', 'EOPNOTSUPP')) return undefined
			throw error
		}
	}

	/** In the place of one to the same destination. */
	async addRoute(added: route.NewRoute, flags?: number): Promise<void> {
		await this.#ask(route.newRoute(added, flags))
	}

	/** The one that came with an address. */
	async addRouteOfAddress(address: Cidr, index: number): Promise<void> {
		await this.#ask(route.routeOfAddress(address, index))
	}

	async deleteRoute(deleted: route.NewRoute): Promise<void> {
		await this.#ask(route.deleteRoute(deleted))
	}

	/** About marks. */
	rules(family: Family): Promise<Omit<rule.MarkRule, 'family'>[]> {
		return this.#list(rule.getRules(family), rule.readRule)
	}

	async addRule(added: rule.MarkRule): Promise<void> {
		await this.#ask(rule.newRule(added))
	}

	async deleteRule(deleted: rule.MarkRule): Promise<void> {
		await this.#ask(rule.deleteRule(deleted))
	}

	/** Of the link with this index, or of all. */
	neighbours(index = 0): Promise<neighbour.NeighbourInfo[]> {
		return this.#list(neighbour.getNeighbours(index), neighbour.readNeighbour)
	}

	/** A permanent entry, in the place of what is known of that address. */
	async setNeighbour(entry: neighbour.Neighbour, flags?: number): Promise<void> {
		await this.#ask(neighbour.setNeighbour(entry, flags))
	}

	async deleteNeighbour(entry: { readonly index: number; readonly ip: Ip }): Promise<void> {
		await this.#ask(neighbour.deleteNeighbour(entry.index, entry.ip))
	}

	/** From now on this host answers on that link for an address that it has on another one. */
	async addProxy(entry: { readonly index: number; readonly ip: Ip }): Promise<void> {
		await this.#ask(neighbour.addProxy(entry.index, entry.ip))
	}

	async deleteProxy(entry: { readonly index: number; readonly ip: Ip }): Promise<void> {
		await this.#ask(neighbour.deleteProxy(entry.index, entry.ip))
	}

	/** Of the VXLAN device with this index. */
	forwardings(index: number): Promise<neighbour.Forwarding[]> {
		return this.#list(neighbour.getForwardings(index), neighbour.readForwarding)
	}

	/** A permanent entry, in the place of the one for the same MAC. */
	async setForwarding(entry: neighbour.Forwarding, flags?: number): Promise<void> {
		await this.#ask(neighbour.setForwarding(entry, flags))
	}

	async deleteForwarding(entry: { readonly index: number; readonly mac: string }): Promise<void> {
		await this.#ask(neighbour.deleteForwarding(entry.index, entry.mac))
	}

	#ask(request: Request): Promise<Message[]> {
		return this.#sockets.use((socket) => socket.request(request))
	}

	#list<T>(request: Request, read: (message: Message) => T | undefined): Promise<T[]> {
		return this.#sockets.use((socket) => socket.dump(request, read))
	}
}

/** A network namespace has no table before its first route. */
function unlessNoTable(list: Promise<route.RouteInfo[]>): Promise<route.RouteInfo[]> {
	return noneFor('ENOENT', list)
}

/** The kernel knows no namespace of that number any more. */
function unlessEnded<T>(list: Promise<T[]>): Promise<T[]> {
	return noneFor('EINVAL', list)
}

async function noneFor<T>(errno: string, list: Promise<T[]>): Promise<T[]> {
	try {
		return await list
	} catch (error) {
		if (isErrno(error, errno)) return []
		throw error
	}
}
