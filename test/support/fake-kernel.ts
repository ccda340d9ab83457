/**
 * A kernel in memory: the same order of work, the same refusals and the same undoing as LinuxKernel, so that one suite
 * runs on both (contract/kernel.ts). `before` sees every effect and may throw, as a kernel that refuses, or a crash.
 */
import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { messageOf, WeftError, within } from '../../src/errors.ts'
import type { LinkFacts, Way } from '../../src/kernel/host.ts'
import type { AcceptPlace } from '../../src/kernel/iptables.ts'
import {
	type Element,
	type HostPort,
	identity,
	isContainers,
	isLink,
	type LanLink,
	type Link,
	type PortChange,
	type Resource,
	type Sysctl,
	type VethLink,
} from '../../src/kernel/resource.ts'
import { renderElements } from '../../src/kernel/ruleset.ts'
import type { ContainerKernel, Kernel, Listener, PortHolder, Sandbox, Sockets } from '../../src/kernel/verbs.ts'
import { formatIp, type Ip, parseCidr, parseIp } from '../../src/model/address.ts'
import { peerName } from '../../src/model/names.ts'

type Verb = 'ensure' | 'remove' | 'replace' | 'pass'

export class FakeKernel implements Kernel {
	/** Called with each effect before it takes place; elements that go in one transaction are one effect. */
	before: (verb: Verb, what: string) => void = () => undefined
	/** The bridges for which other firewalls let packets pass. */
	readonly passage: Record<'iptables' | 'firewalld', readonly string[]> = { iptables: [], firewalld: [] }
	readonly settings = new Map<string, string>()
	/** Programs of the host by the port that they listen on. */
	readonly processes = new Map<number, { readonly pid: number; readonly name: string }>()
	/** Namespaces of containers by the host's ends of their links, as far as processes are seen in them. */
	readonly sandboxes = new Map<string, Sandbox>()
	/** How packets leave to addresses of other hosts; to those that are not named by eth0, directly. */
	readonly ways = new Map<string, Way | undefined>()
	/** Whether there can be WireGuard devices. */
	hasWireguard = true
	/** What the host itself listens on. */
	listeners: readonly Listener[] = []
	/** Whether sockets may have come. */
	isStirred = true
	/** Who has a link of this host in passthru, or had it last, by its name. */
	readonly passthru = new Map<string, FakeKernel>()
	/** Calls of forgetFlows. */
	readonly forgotten: PortChange[] = []
	readonly #there = new Map<string, Resource>()
	readonly #foreign = new Map<string, LinkFacts>()
	/** Elements that are wanted and went with the table. */
	readonly #lost: Element[] = []
	/** Links without another end on this host that containers have. */
	readonly #away = new Map<string, Resource>()
	/** Ends of pairs that dockerd has not moved yet. */
	readonly #peers = new Set<string>()
	/** Ends that are, or were, in a container. */
	readonly #taken = new Set<string>()
	/** Links that somebody has set down. */
	readonly #down = new Set<string>()
	/** Links that have not followed their parent. */
	readonly #behind = new Set<string>()
	readonly #spares: string[] = []

	async ensure(resources: readonly Resource[]): Promise<void> {
		const made: Resource[] = []
		const { elements, others } = split(resources)
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
		const attempt = async (what: string, work: () => void) => {
			await turn()
			try {
				this.before('remove', what)
				work()
			} catch (error) {
				errors.push(within(`remove: ${what}`, error))
			}
		}
		if (elements.length > 0) {
			await attempt('firewall', () => {
				for (const element of elements) this.#there.delete(identity(element))
			})
		}
		for (const resource of others.reverse()) await attempt(identity(resource), () => this.#take(resource))
		if (errors.length === 1) throw errors[0]
		if (errors.length > 1) throw new AggregateError(errors, errors.map(messageOf).join('; '))
	}

	async restore(resources: readonly Resource[]): Promise<unknown[]> {
		const { elements, others } = split(resources)
		const errors: unknown[] = []
		await this.#replace(elements).catch((error: unknown) => errors.push(error))
		for (const resource of others) {
			if (isContainers(resource)) continue
			const work = resource.kind === 'veth' ? this.#reattach(resource) : this.#ensureInOrder([resource], [])
			await work.catch((error: unknown) => errors.push(error))
		}
		return errors
	}

	async repair(resources: readonly Resource[]): Promise<readonly string[]> {
		const others = split(resources).others.filter((each) => !isContainers(each))
		const there = others.filter((each) => each.kind !== 'veth' || this.hasLink(each.name))
		const found = there.flatMap((each) => {
			const what = this.#amiss(each)
			return what === undefined ? [] : [`${identity(each)} was ${what}`]
		})
		const ports = there.filter((each) => each.kind === 'port' && !this.has(each))
		if (found.length > 0)
			await this.#ensureInOrder(
				there.filter(({ kind }) => kind !== 'port'),
				[],
			)
		await this.#ensureInOrder(ports, [])
		return [...found, ...ports.map((port) => `${identity(port)} was not held`)]
	}

	async differences(resources: readonly Resource[]): Promise<readonly string[]> {
		await turn()
		return resources.flatMap((each) => {
			const what = this.#difference(each)
			return what === undefined ? [] : [`${identity(each)} was ${what}`]
		})
	}

	async links(): Promise<readonly string[]> {
		await turn()
		const own = [...this.#there.values()].filter(isLink).map(({ name }) => name)
		return [...this.#foreign.keys(), ...own, ...this.#peers]
	}

	hasLink(name: string): boolean {
		return this.#foreign.has(name) || this.#peers.has(name) || this.#there.has(`link ${name}`)
	}

	async isAwaited(link: string): Promise<boolean> {
		await turn()
		const peer = peerName(link)
		const waiting = this.#peers.has(peer) || this.#there.get(`link ${link}`)?.kind === 'lan'
		return waiting && !this.#taken.has(peer) && !this.#taken.has(link)
	}

	async isElsewhere({ name }: LanLink): Promise<boolean> {
		await turn()
		return this.isAway(name)
	}

	takeSpare(): string | undefined {
		return this.#spares.pop()
	}

	async adoptSpares(): Promise<void> {}

	async keepSpares(): Promise<void> {}

	async openSandboxes(links: readonly string[]): Promise<ReadonlyMap<string, Sandbox>> {
		await turn()
		return new Map([...this.sandboxes].filter(([link]) => links.includes(link)))
	}

	openOwnSockets(): Sockets {
		return { stirred: () => true, listeners: async () => this.listeners, close: async () => undefined }
	}

	stirred(): boolean {
		return this.isStirred
	}

	async holderOf(port: HostPort): Promise<PortHolder | undefined> {
		const owner = this.#clashing(port)?.owner
		return owner === undefined ? this.processes.get(port.port) : { owner }
	}

	async forgetFlows(change: PortChange): Promise<void> {
		this.forgotten.push(change)
	}

	async keepPassage(gate: 'iptables' | 'firewalld', bridges: () => readonly string[]): Promise<readonly string[]> {
		await turn()
		this.before('pass', gate)
		this.passage[gate] = bridges()
		return []
	}

	async acceptPlaces(bridges: () => readonly string[]): Promise<readonly AcceptPlace[]> {
		await turn()
		const there = this.passage.iptables.length > 0
		const right = there === bridges().length > 0
		return [{ program: 'iptables-nft', chain: there ? 'FORWARD' : undefined, right }]
	}

	async compareTables(): Promise<readonly string[]> {
		await turn()
		return this.#lost.length > 0 ? ['table inet weft was gone'] : []
	}

	async renewTables(): Promise<void> {
		await turn()
		this.before('replace', 'firewall')
		for (const element of this.#lost.splice(0)) this.#there.set(identity(element), element)
	}

	/** What is there, by identity; hairpins are attributes of their links and not listed. */
	objects(): string[] {
		const foreign = Array.from(this.#foreign, ([name, { state }]) => {
			return [`link ${name}`, ...state.addresses.map((cidr) => `address ${name} ${cidr}`)]
		}).flat()
		const own = [...this.#there.values()].flatMap((each) => (each.kind === 'hairpin' ? [] : [identity(each)]))
		return [...new Set([...foreign, ...own])].sort()
	}

	has(resource: Resource): boolean {
		if (resource.kind === 'sysctl') return this.settings.get(resource.key) === resource.value
		if (resource.kind === 'up') return this.hasLink(resource.link) && !this.#down.has(resource.link)
		return isDeepStrictEqual(this.#there.get(identity(resource)), resource)
	}

	masterOf(link: string): string | undefined {
		const there = this.#there.get(`link ${link}`)
		const master = there?.kind === 'veth' ? there.master : undefined
		return master !== undefined && this.hasLink(master) ? master : undefined
	}

	targetOf(set: string, key: string): string | undefined {
		const there = this.#there.get(`element ${set} ${key}`)
		return there?.kind === 'element' ? there.value?.join(' . ') : undefined
	}

	/** A link of somebody else's. */
	addForeignLink(name: string, more: Partial<LinkFacts> = {}): void {
		this.#foreign.set(name, { name, mtu: 1500, up: true, state: { addresses: [], routesLocalnet: false }, ...more })
	}

	/** What HostFacts would tell. */
	link(name: string): LinkFacts | undefined {
		const own = this.#there.get(`link ${name}`)
		if (own === undefined || !isLink(own)) return this.#foreign.get(name)
		const mtu = 'mtu' in own ? own.mtu : undefined
		return { name, kind: own.kind, mtu: mtu ?? 1500, up: true, state: { addresses: [], routesLocalnet: false } }
	}

	/** The link with this address. */
	linkWith(address: Ip): string | undefined {
		const plain = formatIp(address)
		const holder = this.objects().find((each) => each.startsWith('address ') && each.includes(` ${plain}/`))
		return holder?.split(' ')[1]
	}

	wayTo(address: Ip): Way | undefined {
		const plain = formatIp(address)
		return this.ways.has(plain) ? this.ways.get(plain) : { link: 'eth0' }
	}

	/** A pair that is ready before anybody needs it. */
	addSpare(name: string): void {
		const peer = peerName(name)
		this.#spares.push(name)
		this.#peers.add(peer)
		this.#there.set(`link ${name}`, { kind: 'veth', name, peer, peerMac: '', master: '', mtu: 1500 })
	}

	/** dockerd takes the container's end out of this namespace, or a link that has no other. */
	moveAway(peer: string): void {
		const whole = this.#there.get(`link ${peer}`)
		if (whole !== undefined) {
			this.#there.delete(`link ${peer}`)
			this.#away.set(peer, whole)
			this.#taken.add(peer)
			return
		}
		if (this.#peers.delete(peer)) this.#taken.add(peer)
		else assert.ok(this.#taken.has(peer) || this.#away.has(peer), `there is no link ${peer}`)
	}

	/** dockerd puts it back, or the container's end of the sandbox does; not of a pair that is gone. */
	moveBack(peer: string): void {
		const whole = this.#away.get(peer)
		if (whole !== undefined) this.#there.set(identity(whole), whole)
		this.#away.delete(peer)
		if (this.#there.has(`link ${peer.slice(0, -1)}`)) this.#peers.add(peer)
	}

	/** Whether a container has that link, whose name on this host it was. */
	isAway(name: string): boolean {
		return this.#away.has(name)
	}

	/** A sandbox ends, or somebody deletes a link. */
	loseLink(name: string): void {
		this.#foreign.delete(name)
		const link = this.#there.get(`link ${name}`)
		if (link !== undefined && isLink(link)) this.#forget(link)
	}

	/** Somebody gives it a larger MTU, which links on it do not get by themselves. */
	grow(parent: string): void {
		for (const each of this.#there.values()) {
			if ((each.kind === 'vlan' || each.kind === 'shim') && each.parent === parent) this.#behind.add(each.name)
		}
	}

	setDown(link: string): void {
		this.#down.add(link)
	}

	loseAddress(link: string, cidr: string): void {
		this.#there.delete(`address ${link} ${cidr}`)
	}

	/** Somebody deletes the firewall's table. */
	loseTable(): void {
		for (const [id, each] of this.#there) {
			if (each.kind !== 'element') continue
			this.#there.delete(id)
			this.#lost.push(each)
		}
	}

	/** What goes with a process that ends. */
	endProcess(): void {
		for (const [id, { kind }] of this.#there) if (kind === 'port') this.#there.delete(id)
	}

	/** What a boot leaves. */
	reboot(): void {
		this.#there.clear()
		this.#foreign.clear()
		this.#away.clear()
		this.#peers.clear()
		this.#taken.clear()
		this.settings.clear()
	}

	#difference(resource: Resource): string | undefined {
		// What is lost with the table is still wanted.
		if (resource.kind === 'element') {
			return this.has(resource) || this.#lost.some((each) => identity(each) === identity(resource)) ? undefined : 'gone'
		}
		if (resource.kind === 'port') return this.has(resource) ? undefined : 'gone'
		return resource.kind === 'veth' && !this.hasLink(resource.name) ? 'gone' : this.#amiss(resource)
	}

	#amiss(resource: Single): string | undefined {
		if (resource.kind === 'sysctl') {
			const value = this.settings.get(resource.key) ?? resource.value
			return value === resource.value ? undefined : `${value} instead of ${resource.value}`
		}
		if (resource.kind === 'veth') {
			if (this.masterOf(resource.name) !== resource.master) return `not on ${resource.master}`
			return this.#down.has(resource.name) ? 'down' : undefined
		}
		if ('name' in resource && this.#behind.has(resource.name)) return 'with an MTU of 1500 instead of 9000'
		return this.#shows(resource) ? undefined : 'gone'
	}

	/** False where it can be seen that it is not there, or is another one. */
	#shows(resource: Single): boolean {
		if (WHOLE.includes(resource.kind)) return this.has(resource)
		return (
			!['bridge', 'passthru', 'vlan', 'shim', 'dummy', 'address'].includes(resource.kind) ||
			this.#there.has(identity(resource))
		)
	}

	async #replace(elements: readonly Element[]): Promise<void> {
		await turn()
		this.before('replace', 'firewall')
		renderElements('add', elements)
		for (const [id, { kind }] of this.#there) if (kind === 'element') this.#there.delete(id)
		for (const element of elements) this.#there.set(identity(element), element)
	}

	async #reattach(veth: VethLink): Promise<void> {
		await turn()
		if (!this.hasLink(veth.name) || (veth.master !== undefined && !this.hasLink(veth.master))) return
		this.before('ensure', identity(veth))
		this.#there.set(identity(veth), veth)
	}

	async #ensureElements(elements: readonly Element[], made: Resource[]): Promise<void> {
		if (elements.length === 0) return
		await turn()
		try {
			this.before('ensure', 'firewall')
			renderElements('add', elements)
		} catch (error) {
			throw within('firewall', error)
		}
		for (const element of elements) {
			if (!this.has(element)) made.push(element)
			this.#there.set(identity(element), element)
		}
	}

	async #ensureInOrder(resources: readonly Single[], made: Resource[]): Promise<void> {
		for (const resource of resources) {
			await turn()
			try {
				this.before('ensure', identity(resource))
				if (this.#make(resource)) made.push(resource)
			} catch (error) {
				throw resource.kind === 'port' && error instanceof WeftError ? error : within(identity(resource), error)
			}
		}
	}

	/** A link of the host that a container's namespace has under the same name. */
	protected needLower(name: string): void {
		throw new WeftError('system', `${name} is a link of this host itself`)
	}

	/** True where something was made that has to be undone after a failure. */
	#make(resource: Single): boolean {
		switch (resource.kind) {
			case 'sysctl':
				return this.#set(resource)
			case 'port':
				return this.#hold(resource)
			case 'bridge':
			case 'veth':
			case 'passthru':
			case 'lan':
			case 'vlan':
			case 'shim':
			case 'dummy':
			case 'vxlan':
			case 'wireguard':
				return this.#makeLink(resource)
			case 'rule':
				return this.#put(resource)
			case 'up':
				this.#need(resource.link)
				this.#down.delete(resource.link)
				return false
			default:
				this.#need(resource.link)
				if (resource.kind === 'address') parseCidr(resource.cidr)
				return this.#put(resource)
		}
	}

	#put(resource: Single): boolean {
		const fresh = !this.#there.has(identity(resource))
		this.#there.set(identity(resource), resource)
		return fresh
	}

	#set({ key, value, undone }: Sysctl): boolean {
		const link = /^net\/ipv[46]\/conf\/([^/]+)\//.exec(key)?.[1]
		if (link !== undefined && link !== 'all') this.#need(link)
		const changed = this.settings.get(key) !== value
		this.settings.set(key, value)
		return changed && undone !== undefined
	}

	#makeLink(link: Link): boolean {
		if ('parent' in link && !this.hasLink(link.parent)) {
			throw new WeftError('system', `the parent ${link.parent} is not there`)
		}
		if ((link.kind === 'veth' || link.kind === 'passthru') && link.master !== undefined) this.#need(link.master)
		if (link.kind === 'passthru') this.needLower(link.name)
		if ((link.kind === 'vxlan' || link.kind === 'wireguard') && !this.has(link)) this.#forget(link)
		if (this.link(link.name)?.kind === link.kind) {
			this.#down.delete(link.name)
			this.#behind.delete(link.name)
			if (link.kind === 'veth') this.#put(link)
			return false
		}
		if (this.hasLink(link.name)) throw new WeftError('in-use', `exists and is not a ${link.kind}`)
		if (link.kind === 'veth') this.#peers.add(link.peer)
		return this.#put(link)
	}

	#hold(port: HostPort): boolean {
		if (this.has(port)) return false
		if (this.#clashing(port) !== undefined || this.processes.has(port.port)) {
			throw new WeftError('in-use', `port ${port.address}:${port.port}/${port.protocol} is already allocated`)
		}
		this.#there.set(identity(port), port)
		return true
	}

	#clashing(port: HostPort): HostPort | undefined {
		const ports = Array.from(this.#there.values()).filter((each) => each.kind === 'port')
		return ports.find((other) => clash(other, port))
	}

	#need(link: string): void {
		if (!this.hasLink(link)) throw new WeftError('system', `link ${link}: No such device`)
	}

	#take(resource: Single): void {
		if ('kept' in resource && resource.kept === true) return
		if (resource.kind === 'sysctl' && resource.undone !== undefined) this.settings.set(resource.key, resource.undone)
		if (resource.kind === 'address' && this.hasLink(resource.link)) parseCidr(resource.cidr)
		// By its name, whoever made it.
		if (resource.kind === 'veth') this.#foreign.delete(resource.name)
		this.#forget(resource)
	}

	#forget(resource: Single): void {
		const there = this.#there.get(identity(resource))
		if (there === undefined || (there.kind === 'port' && !isDeepStrictEqual(there, resource))) return
		this.#there.delete(identity(resource))
		if (there.kind === 'veth') for (const ends of [this.#peers, this.#taken]) ends.delete(there.peer)
		if (!isLink(there)) return
		// What is on a link goes with it, wherever it is.
		for (const some of [this.#there, this.#away]) {
			for (const [id, each] of some) if (lowerOf(each) === there.name) some.delete(id)
		}
	}
}

/** The kernel in the namespace of a container on a host. */
export class FakeContainerKernel extends FakeKernel implements ContainerKernel {
	isClosed = false
	/** Somebody may have taken away something there. */
	strike: (cause: string) => void = () => undefined
	readonly #host: FakeKernel

	constructor(host: FakeKernel) {
		super()
		this.#host = host
	}

	watch(struck: (cause: string) => void): void {
		this.strike = struck
	}

	async removeTables(): Promise<void> {}

	async close(): Promise<void> {
		this.isClosed = true
	}

	protected override needLower(name: string): void {
		if (!this.#host.hasLink(name)) throw new WeftError('system', `link ${name}: No such device`)
		const { passthru } = this.#host
		const holder = passthru.get(name)
		if (holder !== undefined && holder !== this && holder.hasLink(name)) {
			throw new WeftError('system', `link ${name}: Device or resource busy`)
		}
		passthru.set(name, this)
	}
}

type Single = Exclude<Resource, Element>

/** Those of which each attribute shows. */
const WHOLE: readonly string[] = ['vxlan', 'wireguard', 'peer', 'allowed', 'route', 'rule', 'neighbour', 'forwarding']

/** The link that a resource is on. */
function lowerOf(resource: Resource): string | undefined {
	if ('parent' in resource) return resource.parent
	return 'link' in resource ? resource.link : undefined
}

function split(resources: readonly Resource[]): { elements: Element[]; others: Single[] } {
	const elements = resources.filter((each) => each.kind === 'element')
	return { elements, others: resources.filter((each) => each.kind !== 'element') }
}

/** Other calls get their turn, as they do while a real kernel works. */
function turn(): Promise<void> {
	return new Promise(setImmediate)
}

function clash(a: HostPort, b: HostPort): boolean {
	if (a.protocol !== b.protocol || a.port !== b.port) return false
	const [ip, other] = [parseIp(a.address), parseIp(b.address)]
	return ip.family === other.family && (ip.value === other.value || ip.value === 0n || other.value === 0n)
}
