/** The reference model: what Docker has been promised, and the commands of its users. */
import assert from 'node:assert/strict'
import type { ListedEndpoints } from '../../src/network/forgotten.ts'
import type { ListedNetwork } from '../../src/network/listing.ts'
import { type EndpointState, type Port, program, run, stop } from '../contract/cnm-order-endpoint.ts'
import { type Era, type NetworkState, networkCreate, networkRm, plain } from '../contract/cnm-order-network.ts'
import type { Wire } from '../support/wire.ts'
import type { Row } from './rows.ts'

const TCP = 6

/** dockerd's way with the ends of containers' links. */
export interface Sandboxes {
	moveIn(link: string): Promise<void>
	moveOut(link: string): Promise<void>
}

export interface Container {
	readonly endpoint: EndpointState
	readonly era: Era
	ports: readonly Port[]
}

export class Docker {
	readonly networks = new Map<string, NetworkState>()
	/** What each network is an example of, those that are gone too. */
	readonly #rows = new Map<string, Row>()
	readonly containers = new Map<string, Container>()
	readonly #wire: Wire
	readonly #sandboxes: Sandboxes

	constructor(wire: Wire, sandboxes: Sandboxes) {
		this.#wire = wire
		this.#sandboxes = sandboxes
	}

	async create(row: Row): Promise<NetworkState> {
		const network = await networkCreate(this.#wire, '28', row.flags)
		this.networks.set(network.id, network)
		this.#rows.set(network.id, row)
		return network
	}

	/** `ip` is what `--ip` is. */
	async run(network: NetworkState, era: Era, hostPorts: readonly number[], ip?: string): Promise<Container> {
		const ports = hostPorts.map(tcpPort)
		const move = (link: string) => this.#sandboxes.moveIn(link)
		const moveBack = (link: string) => this.#sandboxes.moveOut(link)
		const flags = { ports, move, moveBack, ...(ip === undefined ? {} : { ip }) }
		const endpoint = await run(this.#wire, era, network, flags)
		const container = { endpoint, era, ports }
		this.containers.set(endpoint.id, container)
		return container
	}

	/** What a failed call has left of the ports is not promised to anybody. */
	async program(container: Container, hostPorts: readonly number[]): Promise<void> {
		container.ports = []
		const ports = hostPorts.map(tcpPort)
		await program(this.#wire, container.endpoint, ports)
		container.ports = ports
	}

	async stop({ endpoint }: Container): Promise<void> {
		this.containers.delete(endpoint.id)
		await stop(this.#wire, endpoint, { moveBack: (link) => this.#sandboxes.moveOut(link) })
	}

	/** Docker refuses while there are containers. */
	async remove(network: NetworkState): Promise<void> {
		assert.deepEqual(this.containersOf(network), [])
		this.networks.delete(network.id)
		await networkRm(this.#wire, network)
	}

	rowOf({ id }: NetworkState): Row {
		const row = this.#rows.get(id)
		assert.ok(row)
		return row
	}

	containersOf({ id }: Pick<NetworkState, 'id'>): Container[] {
		return [...this.containers.values()].filter(({ endpoint }) => endpoint.network.id === id)
	}

	/** What it tells of its networks. */
	listed(): ListedNetwork[] {
		return [...this.networks.values()].map(({ id, ipv4, ipv6 }) => {
			const pools = [...ipv4, ...ipv6]
			const [subnets, reserved] = [pools.map(({ pool }) => pool), pools.map(({ gateway }) => plain(gateway))]
			return { id, driver: 'weft', ipamDriver: 'weft', isSwarms: false, subnets, reserved }
		})
	}

	members(networkId: string): ListedEndpoints {
		const there = this.containersOf({ id: networkId }).map(({ endpoint }) => endpoint)
		return { ids: there.map(({ id }) => id), addresses: there.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]) }
	}

	async removeAll(): Promise<void> {
		for (const container of this.containers.values()) await this.stop(container)
		for (const network of this.networks.values()) await this.remove(network)
	}
}

function tcpPort(HostPort: number): Port {
	return { Proto: TCP, Port: 80 + (HostPort % 10), HostPort, HostPortEnd: HostPort }
}
