/** A Docker host with uplinks to several LANs, and those who are there: what the tests of this folder share. */
import { runContainer } from '../e2e/networks.ts'
import { Peer } from '../live/networks-bed.ts'
import { serve } from '../live/networks-scene.ts'
import type { Spot } from '../live/networks-spots.ts'
import { type Host, type HostOptions, startHost } from '../support/host.ts'

/** One of two on an uplink, so that two networks share that. The host has the second address there, a host of the LAN the first. */
export class Lan {
	/** Of the host. */
	readonly link: string
	readonly #four: string
	readonly #six: string
	readonly #before: number

	constructor(uplink: number, half: 0 | 1) {
		this.link = `eth${uplink}`
		this.#four = `10.66.${uplink}.`
		this.#six = `2001:db8:66:${uplink}:${half + 1}::`
		this.#before = half * 128
	}

	at(number: number): Spot['at'] {
		return { 4: `${this.#four}${this.#before + number}`, 6: `${this.#six}${number}` }
	}

	cidrs(number: number): string[] {
		return [`${this.at(number)[4]}/25`, `${this.at(number)[6]}/80`]
	}

	/** For `docker network create`. */
	get subnets(): string[] {
		const { 4: four, 6: six } = this.at(1)
		const subnets = ['--subnet', `${this.#four}${this.#before}/25`, '--ipv6', '--subnet', `${this.#six}/80`]
		return [...subnets, '--gateway', four, '--gateway', six]
	}

	get words(): string[] {
		return ['-o', `parent=${this.link}`, ...this.subnets]
	}
}

export class LanHost {
	readonly host: Host
	readonly #self: Peer
	readonly #outside: Peer
	readonly #containers = new Map<string, Spot['at']>()
	readonly #met = new Map<string, Peer>()

	private constructor(host: Host, self: Peer, outside: Peer) {
		this.host = host
		this.#self = self
		this.#outside = outside
	}

	static async start(lans: readonly Lan[], options: HostOptions = {}): Promise<LanHost> {
		const host = await startHost(options)
		const places = [await Peer.start(host.enter([])), await Peer.start(host.enterOutside([]))] as const
		const bed = new LanHost(host, ...places)
		for (const lan of lans) await bed.#join(lan)
		for (const place of places) await serve(place)
		return bed
	}

	async #join(lan: Lan): Promise<void> {
		const [up, own] = [lan.link.replace('eth', 'up'), this.host.path('/proc/1/ns/net')]
		const links = await this.#self.run('ip', '-br', 'link')
		if (!links.includes(`${lan.link}@`)) {
			await this.#outside.ip(`link add ${up} type veth peer name ${lan.link} netns ${own}`)
		}
		const join = (place: Peer, link: string, number: number) => {
			const add = lan.cidrs(number).map((cidr) => `addr add ${cidr} dev ${link} ${cidr.includes(':') ? 'nodad' : ''}`)
			return place.ip(...add, `link set ${link} up`)
		}
		await join(this.#self, lan.link, 2)
		await join(this.#outside, up, 1)
	}

	async stop(): Promise<void> {
		await this.leave()
		await Promise.all([this.#self.end(), this.#outside.end()])
		await this.host.stop()
	}

	hostOn(lan: Lan): Spot {
		return { name: 'the host', place: this.#self, at: lan.at(2) }
	}

	outsideOn(lan: Lan): Spot {
		return { name: 'a host of the LAN', place: this.#outside, at: lan.at(1) }
	}

	/** A container with the addresses of that number. Where the parent routes, others need a route to it. */
	async run(name: string, network: string, lan: Lan, number: number, ...words: readonly string[]): Promise<void> {
		const { 4: four, 6: six } = lan.at(number)
		await runContainer(this.host, name, network, '--ip', four, '--ip6', six, ...words)
		await this.#outside.ip(
			`route replace ${four}/32 via ${lan.at(2)[4]}`,
			`route replace ${six}/128 via ${lan.at(2)[6]}`,
		)
		this.#containers.set(name, lan.at(number))
	}

	/** Goes to where the containers are, after each start of theirs. */
	async meet(): Promise<void> {
		await this.leave()
		const names = [...this.#containers.keys()]
		const pids = (await this.host.docker('inspect', '-f', '{{.State.Pid}}', ...names)).split('\n')
		for (const [i, name] of names.entries()) {
			const place = await Peer.start(this.host.enter(['nsenter', '-t', pids[i] ?? '', '-n', '--']))
			await serve(place)
			this.#met.set(name, place)
		}
	}

	async leave(): Promise<void> {
		await Promise.all([...this.#met.values()].map((place) => place.end()))
		this.#met.clear()
	}

	container(name: string): Spot {
		const [place, at] = [this.#met.get(name), this.#containers.get(name)]
		if (place === undefined || at === undefined) throw new Error(`nobody has met ${name}`)
		return { name, place, at }
	}

	/** After a test that failed, too. */
	async clear(...networks: readonly string[]): Promise<void> {
		await this.leave()
		await this.host.attemptDocker('rm', '-f', ...this.#containers.keys())
		this.#containers.clear()
		await this.host.attemptDocker('network', 'rm', ...networks)
	}
}
