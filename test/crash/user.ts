/** Users of Docker who give commands in any order, each with a network and containers of their own beside a shared network. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { NetworkState } from '../contract/cnm-order-network.ts'
import type { Container, Docker } from './docker.ts'
import type { Row } from './rows.ts'

export type Action = 'create' | 'run' | 'run on the shared one' | 'program' | 'stop' | 'remove'

export const actions = fc.constantFrom<Action>(
	'create',
	'run',
	'run',
	'run on the shared one',
	'program',
	'stop',
	'remove',
)

export class User {
	readonly #docker: Docker
	readonly #rows: readonly Row[]
	readonly #shared: NetworkState
	readonly #containers: Container[] = []
	#own: NetworkState | undefined
	#made = 0
	#port: number

	/** Networks of its own are of one row after the other. */
	constructor(number: number, docker: Docker, rows: readonly Row[], shared: NetworkState) {
		this.#docker = docker
		this.#rows = rows
		this.#shared = shared
		this.#port = 20_000 + 1000 * number
	}

	/** A command that fails, because weft was killed or something is missing, breaks no promise. */
	async do(action: Action): Promise<void> {
		await this.#try(action).catch((error: unknown) => {
			if (error instanceof assert.AssertionError) throw error
		})
	}

	async #try(action: Action): Promise<void> {
		const own = this.#own
		const [first] = this.#containers
		if (action === 'create') this.#own ??= await this.#docker.create(this.#nextRow())
		if (action === 'run on the shared one') await this.#run(this.#shared)
		if (action === 'run' && own !== undefined) await this.#run(own)
		if (action === 'program' && first !== undefined) {
			await this.#docker.program(first, this.#ports(first.endpoint.network))
		}
		if (action === 'stop' && first !== undefined) {
			this.#containers.shift()
			await this.#docker.stop(first)
		}
		if (action === 'remove' && own !== undefined && this.#docker.containersOf(own).length === 0) {
			this.#own = undefined
			await this.#docker.remove(own)
		}
	}

	#nextRow(): Row {
		const row = this.#rows[this.#made++ % this.#rows.length]
		assert.ok(row)
		return row
	}

	async #run(network: NetworkState): Promise<void> {
		const isEven = this.#port % 4 === 0
		const ip = this.#docker.rowOf(network).ips?.[isEven ? 0 : 1]
		this.#containers.push(await this.#docker.run(network, isEven ? '28' : '20.10', this.#ports(network), ip))
	}

	#ports(network: NetworkState): number[] {
		this.#port += 2
		return this.#docker.rowOf(network).publishes ? [this.#port, this.#port + 1] : []
	}
}
