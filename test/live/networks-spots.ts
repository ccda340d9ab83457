/** Places with the addresses that others know them by, and who reaches whom there: by ping, TCP and UDP, IPv4 and IPv6. */
import assert from 'node:assert/strict'
import { eventually } from '../support/eventually.ts'
import type { Place } from './networks-bed.ts'
import { EACH, FAMILIES, SERVICE } from './networks-scene.ts'

export interface Spot {
	/** For people, when a packet does not arrive. */
	readonly name: string
	/** It answers on SERVICE. */
	readonly place: Place
	readonly at: Readonly<Record<4 | 6, string>>
}

/** What answers sees the other with its own address. */
export async function assertReaches(from: Spot, to: Spot): Promise<void> {
	const what = `${from.name} to ${to.name}`
	for (const family of FAMILIES) {
		await eventually(() => from.place.pings(to.at[family]), { what: `${what}: ping by IPv${family}` })
	}
	for (const { family, protocol } of EACH) {
		const seen = await from.place.dial(protocol, to.at[family], SERVICE)
		assert.equal(seen, from.at[family], `${what}: ${protocol} by IPv${family}`)
	}
}

export async function assertReachEachOther(one: Spot, other: Spot): Promise<void> {
	await assertReaches(one, other)
	await assertReaches(other, one)
}

/** Beside a twin that does. */
export async function assertShutOut(from: Spot, to: Spot): Promise<void> {
	const what = `${from.name} to ${to.name}`
	const pings = FAMILIES.map(async (family) => {
		assert.equal(await from.place.pings(to.at[family]), false, `${what}: ping by IPv${family}`)
	})
	const dials = EACH.map(async ({ family, protocol }) => {
		const shut = await from.place.isShutOut(protocol, to.at[family], SERVICE)
		assert.ok(shut, `${what}: ${protocol} by IPv${family}`)
	})
	await Promise.all([...pings, ...dials])
}

export async function assertShutOutBothWays(one: Spot, other: Spot): Promise<void> {
	await assertShutOut(one, other)
	await assertShutOut(other, one)
}
