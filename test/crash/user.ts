/** Users of Docker who give commands in any order, each with a network and containers of their own beside a shared network. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { NetworkState } from '../contract/cnm-order-network.ts'
import type { Container, Docker } from './docker.ts'
import type { Row } from './rows.ts'

export type Action = 'create' | 'run' | 'run on the shared one' | 'program' | 'stop' | 'remove'

export interface Home {
	readonly network: NetworkState
	readonly row: Row
}

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
	readonly #row: Row
	readonly #shared: Home
	readonly #containers: { readonly container: Container; readonly row: Row }[] = []
	#own: Home | undefined
	#port: number

	constructor(number: number, docker: Docker, row: Row, shared: Home) {
		this.#docker = docker
		this.#row = row
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
		if (action === 'create') this.#own ??= { network: await this.#docker.create(this.#row.flags), row: this.#row }
		if (action === 'run on the shared one') await this.#run(this.#shared)
		if (action === 'run' && own !== undefined) await this.#run(own)
		if (action === 'program' && first !== undefined) {
			await this.#docker.program(first.container, this.#ports(first.row))
		}
		if (action === 'stop' && first !== undefined) {
			this.#containers.shift()
			await this.#docker.stop(first.container)
		}
		if (action === 'remove' && own !== undefined && this.#docker.containersOf(own.network).length === 0) {
			this.#own = undefined
			await this.#docker.remove(own.network)
		}
	}

	async #run({ network, row }: Home): Promise<void> {
		const isEven = this.#port % 4 === 0
		const run = this.#docker.run(network, isEven ? '28' : '20.10', this.#ports(row), row.ips?.[isEven ? 0 : 1])
		this.#containers.push({ container: await run, row })
	}

	#ports({ publishes }: Row): number[] {
		this.#port += 2
		return publishes ? [this.#port, this.#port + 1] : []
	}
}
