/** One container of a network of mode host or container, as it is followed. */
import type { Listener, Sandbox } from '../kernel/verbs.ts'
import type { Endpoint } from '../model/network.ts'
import type { RefusedPort } from './found-ports.ts'
import { Settling } from './settling.ts'

export type Followed = Pick<Endpoint, 'networkId' | 'id' | 'link'>

export class Follower {
	readonly endpoint: Followed
	/** Of the network, for people. */
	readonly owner: string
	readonly since = performance.now()
	sandbox: Sandbox | undefined
	/** The look under way. */
	looking: Promise<void> | undefined
	/** When the next look is due without a change, and when the next search. */
	due = 0
	searchDue = 0
	/** Milliseconds between two searches. */
	searchPause: number
	readonly settling = new Settling()
	/** Of the last look, without clients; absent before it. */
	listeners: readonly Listener[] | undefined
	refused: readonly RefusedPort[] = []
	beyond = 0
	left = false
	/** What the last look, and the last sharing of the loopback, failed with. */
	trouble: string | undefined
	loopbackTrouble: string | undefined

	constructor(endpoint: Followed, owner: string, searchPause: number) {
		this.endpoint = endpoint
		this.owner = owner
		this.searchPause = searchPause
	}
}
