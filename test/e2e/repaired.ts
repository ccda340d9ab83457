/** That weft makes good what others do to a Docker host's rules: within the time that it promises, and counted in its log. */

import assert from 'node:assert/strict'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'

/** Milliseconds in which a repair is promised. */
export const PROMISE = 5_000

/** What weftd says it has repaired, each with its number. */
function repairs(host: Host): { repairs: number; msg: string }[] {
	const lines = host.weftd.log.split('\n').filter((line) => line.includes('"repairs":'))
	return lines.map((line) => JSON.parse(line))
}

/** Waits until something is repaired that was not before, and all of `done` matches. */
export async function repaired(host: Host, work: () => Promise<unknown>, ...done: readonly RegExp[]): Promise<void> {
	const before = repairs(host).length
	await work()
	const fresh = (): string[] =>
		repairs(host)
			.slice(before)
			.map(({ msg }) => msg)
	const all = (): boolean => done.every((each) => fresh().some((msg) => each.test(msg)))
	await eventually(all, { what: () => `repaired was ${fresh().join('; ') || 'nothing'}`, within: PROMISE })
	assert.deepEqual(
		repairs(host).map((each) => each.repairs),
		repairs(host).map((_, i) => i + 1),
	)
}

/** The chains in which a program of iptables' has weft's rule. */
export async function placesOfRule(host: Host, program = 'iptables'): Promise<string[]> {
	const lines = (await host.exec([program, '-S'])).split('\n')
	return lines.filter((line) => line.includes('--comment weft')).map((line) => line.split(' ')[1] ?? '')
}
