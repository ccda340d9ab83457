/** Makes resources exist on this host, and go. */
import { WeftError, within } from '../errors.ts'
import { peerName } from '../model/names.ts'
import type { Departures } from './departures.ts'
import { difference, drift, type Sources } from './drift.ts'
import { type Effect, type Effects, effects, type Single } from './effects.ts'
import { isElsewhere } from './elsewhere.ts'
import type { Firewall } from './firewall.ts'
import { connectionless, type Flows } from './flows.ts'
import { type AcceptPlace, acceptPlaces } from './iptables.ts'
import type { LinkInfo } from './netlink/link.ts'
import type { Rtnetlink } from './netlink/rtnetlink.ts'
import { type Gate, passages } from './passage.ts'
import { processAt } from './port-holder.ts'
import type { HostPorts } from './ports.ts'
import { ON_HOST, type Premises } from './premises.ts'
import {
	type Element,
	type HostPort,
	identity,
	isContainers,
	isLink,
	type LanLink,
	type PortChange,
	type Resource,
	type VethLink,
} from './resource.ts'
import { SETS } from './ruleset.ts'
import { openSandboxes, Stir } from './sandboxes.ts'
import { SparePairs } from './spare-pairs.ts'
import type { Kernel, PortHolder, Sandbox, Sockets } from './verbs.ts'
import type { Wireguard } from './wireguard.ts'

export class LinuxKernel implements Kernel {
	readonly #rtnetlink: Rtnetlink
	readonly #firewall: Firewall
	readonly #passages = passages()
	readonly #ports: HostPorts
	readonly #flows: Flows
	readonly #spares: SparePairs
	readonly #stir = new Stir()
	readonly #sources: Sources
	readonly #effects: Effects
	readonly #premises: Premises

	/** All of them of one namespace, which `premises` tells of. */
	constructor(
		rtnetlink: Rtnetlink,
		firewall: Firewall,
		ports: HostPorts,
		flows: Flows,
		departures: Departures,
		wireguard: Wireguard,
		premises = ON_HOST,
	) {
		this.#rtnetlink = rtnetlink
		this.#firewall = firewall
		this.#ports = ports
		this.#flows = flows
		this.#spares = new SparePairs(rtnetlink)
		this.#sources = { rtnetlink, wireguard, visit: premises.visit }
		this.#effects = effects(rtnetlink, ports, departures, wireguard, premises)
		this.#premises = premises
	}

	async ensure(resources: readonly Resource[]): Promise<void> {
		const { elements, others } = split(resources)
		const made: Resource[] = []
		const done = await Promise.allSettled([this.#ensureElements(elements, made), this.#ensureInOrder(others, made)])
		const failed = done.find((each) => each.status === 'rejected')
		if (failed === undefined) return
		await this.remove(made).catch((error: unknown) => {
			throw new AggregateError([failed.reason, error])
		})
		throw failed.reason
	}

	async remove(resources: readonly Resource[]): Promise<void> {
		const { elements, others } = split(resources)
		const errors: unknown[] = []
		const note = (error: unknown) => errors.push(within('remove', error))
		const take = (some: readonly Element[]) =>
			this.#firewall.remove(some).catch((error: unknown) => note(within('firewall', error)))
		const closed = take(elements.filter((each) => !restricts(each)))
		for (const resource of others.reverse()) {
			await this.#effect(resource)
				.remove(resource)
				.catch((error: unknown) => note(named(resource, error)))
		}
		await Promise.all([closed, take(elements.filter(restricts))])
		if (errors.length === 1) throw errors[0]
		if (errors.length > 1) throw new AggregateError(errors)
	}

	async restore(resources: readonly Resource[]): Promise<unknown[]> {
		const { elements, others } = split(resources)
		const errors: unknown[] = []
		await this.#firewall.replace(elements).catch((error: unknown) => errors.push(within('firewall', error)))
		const links = new Map((await this.#rtnetlink.links()).map((link) => [link.name, link]))
		for (const resource of others) {
			if (isContainers(resource)) continue
			const work = resource.kind === 'veth' ? this.#reattach(resource, links) : this.#ensureInOrder([resource], [])
			await work.catch((error: unknown) => errors.push(error))
		}
		return errors
	}

	/** A pair is never made again at start, since its other end went with the sandbox; but its bridge may be a new one. */
	async #reattach(veth: VethLink, links: ReadonlyMap<string, LinkInfo>): Promise<void> {
		const link = links.get(veth.name)
		const master = veth.master === undefined ? undefined : this.#rtnetlink.indexOf(veth.master)
		if (link === undefined || (veth.master !== undefined && master === undefined)) return
		if (link.masterIndex === master && link.up && link.mtu === veth.mtu) return
		const change = { index: link.index, mtu: veth.mtu, up: true }
		await this.#rtnetlink.setLink(master === undefined ? change : { ...change, master })
	}

	async repair(resources: readonly Resource[]): Promise<readonly string[]> {
		// A pair that is gone took the container's end with it.
		const others = split(resources).others.filter((each) => !isContainers(each))
		const there = others.filter((each) => each.kind !== 'veth' || this.hasLink(each.name))
		const links = there.filter((each) => each.kind !== 'port')
		const ports = there.filter((each) => each.kind === 'port' && !this.#ports.has(each))
		const amiss = await Promise.all(links.map((resource) => drift(this.#sources, resource)))
		const found = amiss.filter((each) => each !== undefined)
		// All of them: a bridge loses its settings with itself, and a port what is set on it with its place there.
		if (found.length > 0) await this.#ensureInOrder(links, [])
		await this.#ensureInOrder(ports, [])
		return [...found, ...ports.map((port) => `${identity(port)} was not held`)]
	}

	async differences(resources: readonly Resource[]): Promise<readonly string[]> {
		const found: string[] = []
		// One after the other: calls of Docker's are not to stand in a queue behind all of them.
		for (const resource of resources) {
			const what = await difference(this.#sources, resource, (each) => this.has(each))
			if (what !== undefined) found.push(what)
		}
		return found
	}

	async links(): Promise<readonly string[]> {
		return (await this.#rtnetlink.links()).map(({ name }) => name)
	}

	hasLink(name: string): boolean {
		return this.#rtnetlink.indexOf(name) !== undefined
	}

	has(resource: Resource): boolean {
		if (isLink(resource)) return this.hasLink(resource.name)
		if (resource.kind === 'element') return this.#firewall.has(resource)
		return resource.kind === 'port' && this.#ports.has(resource)
	}

	async isAwaited(link: string): Promise<boolean> {
		const there = await this.#rtnetlink.link(link)
		if (there === undefined) return false
		// What has no other end on the host says nothing of a sandbox that it was in, but that packets passed there.
		return there.kind === 'veth' ? this.hasLink(peerName(link)) && there.carried !== true : there.passed !== true
	}

	isElsewhere(link: LanLink, addresses: readonly string[]): Promise<boolean> {
		return isElsewhere(this.#rtnetlink, link, addresses)
	}

	takeSpare(): string | undefined {
		return this.#spares.take()
	}

	adoptSpares(onRecord: ReadonlySet<string>): Promise<void> {
		return this.#spares.adopt(onRecord)
	}

	keepSpares(wanted: boolean): Promise<void> {
		return this.#spares.keep(wanted)
	}

	openSandboxes(links: readonly string[]): Promise<ReadonlyMap<string, Sandbox>> {
		return openSandboxes(this.#rtnetlink, links)
	}

	openOwnSockets(): Sockets {
		return this.#premises.openSockets()
	}

	stirred(): boolean {
		return this.#stir.stirred()
	}

	async holderOf(port: HostPort): Promise<PortHolder | undefined> {
		const owner = this.#ports.ownerOf(port)
		return owner === undefined ? processAt(port, this.#premises.lists) : { owner }
	}

	async forgetFlows(change: PortChange): Promise<void> {
		const { closed, opened } = connectionless(change)
		if (closed.length + opened.length === 0) return
		const addresses = opened.length === 0 ? [] : await this.#rtnetlink.addresses()
		await this.#flows.forget(
			{ closed, opened },
			addresses.map(({ cidr }) => cidr),
		)
	}

	keepPassage(gate: Gate, bridges: () => readonly string[], anew = false): Promise<readonly string[]> {
		return this.#passages[gate].keep(bridges, anew)
	}

	acceptPlaces(bridges: () => readonly string[]): Promise<readonly AcceptPlace[]> {
		return this.#passages.iptables.look(() => acceptPlaces(bridges().length > 0))
	}

	compareTables(): Promise<readonly string[]> {
		return this.#firewall.drift()
	}

	renewTables(): Promise<void> {
		return this.#firewall.renew()
	}

	async #ensureElements(elements: readonly Element[], made: Resource[]): Promise<void> {
		// Listed before they are added: the firewall wants them from then on, also when it cannot have them.
		made.push(...elements.filter((element) => !this.#firewall.has(element)))
		await this.#firewall.add(elements).catch((error: unknown) => {
			throw within('firewall', error)
		})
	}

	async #ensureInOrder(resources: readonly Single[], made: Resource[]): Promise<void> {
		for (const resource of resources) {
			try {
				if (await this.#effect(resource).ensure(resource)) made.push(resource)
			} catch (error) {
				throw named(resource, error)
			}
		}
	}

	#effect(resource: Single): Effect<Single> {
		return this.#effects[resource.kind] as Effect<Single>
	}
}

/** A container that is still running must not be let loose for the moment in which its link is taken away. */
function restricts({ set }: Element): boolean {
	return SETS[set]?.restricts === true
}

/** Elements name links without needing them to be there: they all go in one transaction, beside everything else. */
function split(resources: readonly Resource[]): { elements: Element[]; others: Single[] } {
	const elements: Element[] = []
	const others: Single[] = []
	for (const resource of resources) {
		if (resource.kind === 'element') elements.push(resource)
		else others.push(resource)
	}
	return { elements, others }
}

function named(resource: Single, error: unknown): WeftError {
	// A port's error says which port, in the way in which it was asked for.
	return resource.kind === 'port' && error instanceof WeftError ? error : within(identity(resource), error)
}
