/**
 * Has Docker make on this host what other hosts of the cluster offer, and offers what was made here: networks with
 * `replicate`, under the name that they have there. One that somebody removes here stays so. Docker is asked beside
 * everything else, and only where there is something to do.
 */
import type { Appearance, ClusterVerbs } from '../cluster/verbs.ts'
import { isCode } from '../errors.ts'
import { Keeper, type KeeperLog, PartlyRepaired } from '../keeper.ts'
import { covers, parseCidr, plainAddress } from '../model/address.ts'
import {
	isOverlay,
	type OfferedNetwork,
	type OverlayNetwork,
	type Replica,
	type WantedNetwork,
} from '../model/network.ts'
import type { Change } from '../store/store.ts'
import { type Host, settledNetworks } from './host.ts'
import { quote } from './option-values.ts'

/** Looks, in each round, until Docker lists what it has just been told is made; then it is another Docker's. */
const LOOKS = 10

/** A network as Docker lists it. */
export interface NamedNetwork extends Appearance {
	readonly id: string
}

export interface Engine {
	networks(): Promise<readonly NamedNetwork[]>
	/** @throws WeftError `exists` where it has another one of the name */
	make(network: WantedNetwork): Promise<void>
}

export class Replicas {
	readonly #host: Host
	readonly #cluster: ClusterVerbs
	readonly #engine: Engine
	readonly #keeper: Keeper
	/** How often Docker did not list a network of this host, by its id, since all was last looked at. */
	readonly #unlisted = new Map<string, number>()
	/** Ids of networks that cannot be made or offered, of which people were told. */
	readonly #told = new Set<string>()

	/** Nothing is asked before `ready`. */
	constructor(host: Host, cluster: ClusterVerbs, engine: Engine, ready: Promise<void>, log: KeeperLog) {
		this.#host = host
		this.#cluster = cluster
		this.#engine = engine
		this.#keeper = new Keeper(() => ready.then(() => this.look()), log)
	}

	open(): void {
		this.#cluster.watch(() => this.#changed('another host has one'))
		this.lookAround()
	}

	/** dockerd has called. */
	called(method: string): void {
		if (method !== 'NetworkDriver.CreateNetwork') return
		// Before a look is due it may be removed again. Where this fails, the look tells.
		this.#commit(this.#had()).catch(() => undefined)
		this.#changed('one was made here')
	}

	lookAround(): void {
		this.#unlisted.clear()
		this.#changed('it was time')
	}

	/** Waits for the look under way, whose question somebody else breaks off; there will be no other. */
	close(): Promise<void> {
		return this.#keeper.close()
	}

	#changed(cause: string): void {
		const due = [this.#toOffer(), this.#toMake(), this.#toForget(), this.#had()]
		if (due.some(({ length }) => length > 0)) this.#keeper.tell(cause)
	}

	/** What was done, for people. */
	async look(): Promise<readonly string[]> {
		const [offers, wanted] = [this.#toOffer(), this.#toMake()]
		await this.#commit([...this.#toForget(), ...this.#had()])
		const listed = offers.length + wanted.length === 0 ? [] : await this.#engine.networks()
		const [done, errors]: [string[], unknown[]] = [[], []]
		for (const network of offers) await this.#offer(network, listed)
		for (const network of wanted) await this.#make(network, listed, done).catch((error) => errors.push(error))
		if (errors.length > 0) throw new PartlyRepaired(done, errors)
		return done
	}

	async #offer({ id, clusterId }: OverlayNetwork, listed: readonly NamedNetwork[]): Promise<void> {
		const found = listed.find((each) => each.id === id)
		if (found !== undefined) {
			const { name, driver, ipamDriver, ranges } = found
			return await this.#cluster.offer(clusterId, { name, driver, ipamDriver, ranges })
		}
		const looks = (this.#unlisted.get(id) ?? 0) + 1
		this.#unlisted.set(id, looks)
		if (looks < LOOKS) return this.#keeper.tell('Docker does not list it yet')
		const name = `network ${id.slice(0, 12)}`
		this.#warnOnce(id, `${name} is not offered to other hosts: Docker, asked at WEFT_DOCKER_HOST, does not list it`)
	}

	async #make(network: OfferedNetwork, listed: readonly NamedNetwork[], done: string[]): Promise<void> {
		const { id, name, driver, ipamDriver } = network
		if (plugin(driver) !== plugin(ipamDriver)) {
			return this.#refuse(
				network,
				`it is of ${quote(driver)} with addresses of ${quote(ipamDriver)}, which is not one plugin`,
			)
		}
		if (listed.some((each) => each.name === name)) return this.#clash(network)
		try {
			await this.#engine.make(wantedOf(network))
		} catch (error) {
			// Docker may have had it made, and taken it back.
			await this.#commit([drop(id)])
			if (isCode(error, 'exists') && /already exists/.test(error.message)) return this.#clash(network)
			throw error
		}
		this.#told.delete(id)
		done.push(`made the network ${name}, which other hosts have`)
	}

	#clash(network: OfferedNetwork): void {
		const advice = `remove or rename it, or make it by hand under another name with -o id=${network.id}`
		this.#refuse(network, `Docker has another of this name; ${advice}`)
	}

	#refuse({ id, name }: OfferedNetwork, why: string): void {
		this.#warnOnce(id, `the network ${name} of the cluster is not made here: ${why}`)
	}

	#warnOnce(id: string, what: string): void {
		if (!this.#told.has(id)) this.#host.warn(undefined, what)
		this.#told.add(id)
	}

	#own(): OverlayNetwork[] {
		return settledNetworks(this.#host).filter(isOverlay)
	}

	/** Networks of this host that the others are to have, and do not know. */
	#toOffer(): OverlayNetwork[] {
		const offers = this.#cluster.offers()
		if (offers === undefined) return []
		const known = new Set(offers.map(({ id }) => id))
		const mayBeListed = ({ id }: OverlayNetwork) => (this.#unlisted.get(id) ?? 0) < LOOKS
		return this.#own().filter((each) => each.options.replicate && !known.has(each.clusterId) && mayBeListed(each))
	}

	/** What the others have and this host never had. */
	#toMake(): OfferedNetwork[] {
		const own = new Set(this.#own().map(({ clusterId }) => clusterId))
		const offers = this.#cluster.offers() ?? []
		return offers.filter(({ id }) => !own.has(id) && this.#host.store.get('replica', '', id) === undefined)
	}

	/** What nobody has any more may be offered anew. */
	#toForget(): Change[] {
		const offers = this.#cluster.offers()
		if (offers === undefined) return []
		const known = new Set([...offers, ...this.#own().map(({ clusterId }) => ({ id: clusterId }))].map(({ id }) => id))
		return this.#host.store.list('replica', '').flatMap(({ id }) => (known.has(id) ? [] : [drop(id)]))
	}

	/** Those of this host, however they came. */
	#had(): Change[] {
		const { store } = this.#host
		const all = this.#own().filter(({ options, clusterId }) => {
			return options.replicate && store.get('replica', '', clusterId) === undefined
		})
		return all.map(({ clusterId }) => put({ id: clusterId }))
	}

	async #commit(changes: readonly Change[]): Promise<void> {
		if (changes.length > 0) await this.#host.store.commit(changes)
	}
}

function wantedOf(offered: OfferedNetwork): WantedNetwork {
	const { id, name, driver, ipamDriver, internal, options, subnets } = offered
	const families = subnets.map(({ pool }) => parseCidr(pool).family)
	return {
		name,
		driver,
		ipamDriver,
		internal,
		ipv4: families.includes(4),
		ipv6: families.includes(6),
		options: { ...options, mode: 'overlay', id },
		subnets: subnets.map(({ pool, gateway, reserved }) => {
			const range = offered.ranges.find((each) => covers(parseCidr(pool), parseCidr(each)))
			return {
				pool,
				...(range === undefined ? {} : { range }),
				...(gateway === undefined ? {} : { gateway: plainAddress(gateway) }),
				reserved: Object.fromEntries(Object.entries(reserved).map(([key, address]) => [key, plainAddress(address)])),
			}
		}),
	}
}

/** In short. Of Docker's own drivers only "null" is one of networks and of addresses, and Docker makes no second network of it. */
function plugin(name: string): string {
	return name.replace(/:latest$/, '')
}

function put(value: Replica): Change {
	return { kind: 'replica', group: '', id: value.id, value }
}

function drop(id: string): Change {
	return { kind: 'replica', group: '', id }
}
