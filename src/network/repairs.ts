/** What others take away from weft's networks in the kernel is made good. Told by the kernel's own notifications. */
import { within } from '../errors.ts'
import { Keeper, type KeeperLog, PartlyRepaired } from '../keeper.ts'
import type { Gate } from '../kernel/verbs.ts'
import { isOwnName, mayBeLinkName } from '../model/names.ts'
import { type BridgeNetwork, isOverlay, type LanNetwork } from '../model/network.ts'
import { answersTable, linkAcross } from '../modes/overlay.ts'
import { type Host, keepGate, settledBridges, settledLans } from './host.ts'
import { Leftovers } from './leftovers.ts'
import type { Peering } from './peering.ts'
import { repairNetwork } from './resync.ts'

/** Milliseconds for which a container's start waits for all looks at the firewall; after that they go on beside it. */
const DUE = 2000

/** What is seen of a link when it changes. */
interface Seen {
	readonly name: string
	readonly kind?: string
	/** Set up by somebody, whether or not it has a carrier. */
	readonly up: boolean
	readonly masterIndex?: number
	/** Bytes. */
	readonly mtu?: number
}

export class Repairs {
	readonly #host: Host
	readonly #peering: Pick<Peering, 'linkStruck'>
	readonly #tables: Keeper
	readonly #comparison: Keeper
	readonly #leftovers: Keeper
	readonly #gates: Readonly<Record<Gate, Keeper>>
	readonly #links: Keeper
	/** Names of links with which something is amiss, as far as has been seen. */
	#suspects = new Set<string>()
	/** Of links below weft's own, as last seen: bytes. */
	readonly #mtus = new Map<string, number>()

	/** Nothing is repaired before `ready`, when all has been made true for the first time. */
	constructor(host: Host, peering: Pick<Peering, 'linkStruck'>, ready: Promise<void>, log: KeeperLog) {
		const keeper = (repair: () => Promise<readonly string[]>, settle?: number): Keeper => {
			return new Keeper(() => ready.then(repair), log, settle)
		}
		const renewTables = async (): Promise<readonly string[]> => {
			await host.kernel.renewTables()
			return ["made weft's tables anew"]
		}
		this.#host = host
		this.#peering = peering
		// At once: without its table the host itself answers for published ports, and resets their connections.
		this.#tables = keeper(renewTables, 0)
		this.#gates = {
			iptables: keeper(() => keepGate(host, 'iptables', true)),
			firewalld: keeper(() => keepGate(host, 'firewalld', true)),
		}
		this.#links = keeper(() => this.#repairLinks())
		this.#comparison = keeper(async () => {
			const found = await host.kernel.compareTables()
			return found.length === 0 ? [] : [`${(await renewTables()).join()}, since ${few(found)}`]
		})
		const leftovers = new Leftovers(host)
		this.#leftovers = keeper(() => leftovers.clear())
	}

	/** Somebody else changed a table of weft's; `cause` is for people. */
	tableChanged(cause: string): void {
		this.#tables.tell(cause)
	}

	/** Somebody changed what may stop weft's packets. */
	passageChanged(gate: Gate, cause: string): void {
		this.#gates[gate].tell(cause)
	}

	/**
	 * A link came or changed. A container's that is on its bridge and up before the next look is none to look at, as while weft
	 * makes it; a bridge that looks right may still be without what it lost meanwhile.
	 */
	linkChanged({ name, kind, up, masterIndex, mtu }: Seen): void {
		if (!up) this.#peering.linkStruck(name)
		const containers = kind === 'veth' && mayBeLinkName(name)
		if (kind === 'bridge' && !up && this.#isBridge(name)) this.#suspect(name, `link ${name} was set down`)
		else if (containers && masterIndex === undefined) this.#suspect(name, `link ${name} left its bridge`)
		else if (containers && !up) this.#suspect(name, `link ${name} was set down`)
		else if (up && this.#isMissed(name)) this.#suspect(name, `link ${name} is back`)
		else if (this.#hasNewMtu(name, mtu)) this.#suspect(name, `link ${name} has another MTU`)
		else if (kind === 'veth') this.#suspects.delete(name)
	}

	/** A pair that is gone cannot be put back; it was set down on its way. */
	linkGone({ name }: Seen): void {
		if (this.#isBridge(name) || this.#isMade(name)) this.#suspect(name, `link ${name} was deleted`)
		else this.#suspects.delete(name)
	}

	/** A link has lost an address. */
	linkBared(name: string): void {
		if (this.#isBridge(name) || this.#isMade(name)) this.#suspect(name, `link ${name} lost an address`)
		this.#peering.linkStruck(name)
	}

	/** The links that lead to other hosts' containers, by routes that others may take away. */
	acrossLinks(): ReadonlySet<string> {
		return new Set(settledBridges(this.#host).filter(isOverlay).map(linkAcross))
	}

	/** One of those has lost one. On a link of the host's neighbours go all the time, and weft has none there. */
	linkStripped(name: string, what: 'route' | 'neighbour'): void {
		if (what === 'route' || isOwnName(name)) this.#suspect(name, `link ${name} lost a ${what}`)
	}

	/** A rule that led packets to this table of routes is gone. */
	tableUnled(table: number): void {
		const led = settledBridges(this.#host).filter((each) => isOverlay(each) && answersTable(each) === table)
		for (const { bridge } of led) this.#suspect(bridge, `the rule that leads to table ${table} was deleted`)
	}

	/** More links changed than could be followed. */
	linksLost(): void {
		this.#suspectAll('more links changed than could be followed')
	}

	/** Looks at everything that can be broken, or left over, also where nobody has told of anything. */
	lookAround(): void {
		const cause = 'it was found so in a look at everything'
		for (const keeper of [this.#comparison, this.#leftovers, ...Object.values(this.#gates)]) keeper.tell(cause)
		this.#suspectAll(cause)
	}

	/**
	 * Waits for the looks at the firewall that are due, since a container's first packet is not to find it shut, but not for
	 * ever: iptables can hang on a lock of somebody else's. What comes of them then is in the log.
	 */
	async firewallDue(): Promise<void> {
		// Not for firewalld's: too slow for anybody to wait for.
		const looks = Promise.all([this.#tables.due(), this.#gates.iptables.due()])
		let timer: NodeJS.Timeout | undefined
		const late = new Promise<void>((resolve) => {
			timer = setTimeout(() => {
				this.#host.inform(`a container starts while the look at the firewall takes more than ${DUE / 1000} s`)
				resolve()
			}, DUE)
		})
		await Promise.race([looks, late])
		clearTimeout(timer)
	}

	/** Waits for the repairs under way; there will be no others. */
	async close(): Promise<void> {
		const keepers = [this.#tables, this.#comparison, this.#leftovers, this.#links, ...Object.values(this.#gates)]
		await Promise.all(keepers.map((keeper) => keeper.close()))
	}

	/** Not of a network that weft itself is taking away. */
	#isBridge(name: string): boolean {
		return settledBridges(this.#host).some(({ bridge }) => bridge === name)
	}

	/** For the sake of a network on a link of the host, or on many hosts. */
	#isMade(name: string): boolean {
		return settledLans(this.#host).some((network) => madeLinks(network).includes(name)) || this.acrossLinks().has(name)
	}

	/** Whether a link of weft's belongs on it and went with it. */
	#isMissed(name: string): boolean {
		return this.#madeOn(name).some((link) => !this.#host.kernel.hasLink(link))
	}

	/** Whether links of weft's are to follow it, which each of them that comes or goes tells of as well. */
	#hasNewMtu(name: string, mtu: number | undefined): boolean {
		if (mtu === undefined || mtu === this.#mtus.get(name) || this.#madeOn(name).length === 0) return false
		this.#mtus.set(name, mtu)
		return true
	}

	/** Names of weft's own links on a link of somebody else's. */
	#madeOn(name: string): string[] {
		if (mayBeLinkName(name)) return []
		const on = settledLans(this.#host).filter((network) => (network.vlans[0]?.parent ?? network.parent) === name)
		return on.flatMap(madeLinks)
	}

	#suspectAll(cause: string): void {
		const bridges = settledBridges(this.#host).map(({ bridge }) => bridge)
		const parents = settledLans(this.#host).map(({ parent }) => parent)
		for (const name of [...bridges, ...parents]) this.#suspect(name, cause)
	}

	#suspect(name: string, cause: string): void {
		this.#suspects.add(name)
		this.#links.tell(cause)
	}

	async #repairLinks(): Promise<readonly string[]> {
		const suspects = this.#suspects
		this.#suspects = new Set()
		const [done, errors]: [string[], unknown[]] = [[], []]
		const concerned = [
			...settledBridges(this.#host).filter((each) => this.#has(each, suspects)),
			...settledLans(this.#host).filter((each) => isOn(each, suspects)),
		]
		for (const { id } of concerned) {
			const name = `network ${id.slice(0, 12)}`
			const found = await repairNetwork(this.#host, id).catch((error: unknown) => {
				errors.push(within(name, error))
				return error instanceof PartlyRepaired ? error.done : []
			})
			if (found.length > 0) done.push(`put ${name} right, of which ${few(found)}`)
		}
		if (errors.length === 0) return done
		// For the next attempt.
		for (const name of suspects) this.#suspects.add(name)
		throw new PartlyRepaired(done, errors)
	}

	#has(network: BridgeNetwork, links: ReadonlySet<string>): boolean {
		const { id, bridge } = network
		if (isOverlay(network) && links.has(linkAcross(network))) return true
		return links.has(bridge) || this.#host.store.list('endpoint', id).some(({ link }) => links.has(link))
	}
}

function isOn(network: LanNetwork, links: ReadonlySet<string>): boolean {
	const below = network.vlans.map((vlan) => vlan.parent)
	return [network.parent, ...below, ...madeLinks(network)].some((name) => links.has(name))
}

/** Those of its own, which weft puts back. */
function madeLinks({ options, parent, vlans, shim }: LanNetwork): string[] {
	return [
		...(options.parent === undefined ? [parent] : []),
		...vlans.map(({ name }) => name),
		...(shim === undefined ? [] : [shim.name]),
	]
}

/** For people: a bridge with many ports loses all of them at once. */
export function few(found: readonly string[]): string {
	const rest = found.length - 3
	return rest > 0 ? `${found.slice(0, 3).join(', ')}, and so on (${rest} more)` : found.join(', ')
}
