/**
 * What any plugin must do for dockerd, message by message and trap by trap. Runs against a socket: the server on fakes as
 * well as weftd on a real kernel, so it asserts what every correct implementation gives and no particular address.
 */
import assert, { type AssertPredicate } from 'node:assert/strict'
import { after, before, describe } from 'node:test'
import { Wire } from '../support/wire.ts'
import { conversationTests } from './cnm-conformance-conversation.ts'
import { endpointTests } from './cnm-conformance-endpoint.ts'
import { ipamTests } from './cnm-conformance-ipam.ts'
import { networkTests } from './cnm-conformance-network.ts'
import { portTests } from './cnm-conformance-ports.ts'

export interface Served {
	readonly socketPath: string
	/** What it has on record, where it can tell. */
	records?(): Promise<object>
	stop(): Promise<void>
}

/** The wire to the plugin under test, and subnets that no other test of the run has. */
export class Subject {
	#wire: Wire | undefined
	#served: Served | undefined
	#subnets = 0

	get wire(): Wire {
		if (this.#wire === undefined) throw new Error('the plugin is not started')
		return this.#wire
	}

	async start(start: () => Promise<Served>): Promise<void> {
		this.#served = await start()
		this.#wire = new Wire(this.#served.socketPath)
	}

	async stop(): Promise<void> {
		this.#wire?.close()
		await this.#served?.stop()
	}

	/** A client of its own, as dockerd has one for each of the two interfaces. */
	newWire(): Wire {
		if (this.#served === undefined) throw new Error('the plugin is not started')
		return new Wire(this.#served.socketPath)
	}

	/** Fails as expected, and leaves on record what was there. */
	async refuses(work: () => Promise<unknown>, expected: AssertPredicate, message?: string): Promise<void> {
		const found = await this.records()
		await assert.rejects(work, expected, message)
		assert.deepEqual(await this.records(), found)
	}

	/** What the plugin has on record; undefined where it cannot tell. */
	async records(): Promise<object | undefined> {
		return this.#served?.records?.()
	}

	/** The start of a /24: `${prefix}.0/24`. */
	prefix4(): string {
		return `10.231.${++this.#subnets}`
	}

	/** The start of a /64: `${prefix}::/64`. */
	prefix6(): string {
		return `fd99:77:0:${++this.#subnets}`
	}
}

export function cnmConformance(name: string, start: () => Promise<Served>): void {
	describe(`${name} speaks Docker's plugin protocol`, () => {
		const subject = new Subject()
		before(() => subject.start(start))
		after(() => subject.stop())
		conversationTests(subject)
		networkTests(subject)
		ipamTests(subject)
		endpointTests(subject)
		portTests(subject)
	})
}
