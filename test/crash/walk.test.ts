/**
 * The life of a network with two containers, as Docker's calls, with weft killed at each step of it: before each commit, each
 * kernel call and each answer. dockerd asks again, asks without a body, or gives up and takes away; the user tries again.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startClock, stopClock } from '../support/clock.ts'
import { Docker } from './docker.ts'
import { assertKept, assertNothingLeft } from './promises.ts'
import { ROWS, type Row } from './rows.ts'
import { assertAgreed, Front, MortalWeft, sandboxesOf } from './weft.ts'
import { MANNERS, type Manner, MortalWire } from './wire.ts'

const front = new Front()

async function live(weft: MortalWeft, docker: Docker, row: Row, manner: Manner): Promise<void> {
	const notices = manner !== 'whole' || row.ips !== undefined
	// A command that failed because weft was killed is given again, and then there is nothing in its way. Where dockerd
	// asks again there is nothing to notice, unless it asks for what it has got already.
	const twice = async <T>(command: () => Promise<T>): Promise<T> => {
		const done = notices ? command().catch(() => weft.wait().then(command)) : command()
		const result = await done
		await weft.look()
		return result
	}
	const ports = (...list: number[]) => (row.publishes ? list : [])
	const network = await twice(() => docker.create(row))
	const one = await twice(() => docker.run(network, '20.10', ports(8080, 8081), row.ips?.[0]))
	const two = await twice(() => docker.run(network, '28', ports(8083), row.ips?.[1]))
	if (row.publishes) await twice(() => docker.program(one, [8081, 8082]))
	await docker.stop(one)
	await docker.stop(two)
	await docker.remove(network)
}

/** A life with death at this step, or none; how many steps it took until then. */
async function liveUntil(step: number, row: Row, manner: Manner): Promise<{ readonly died: boolean }> {
	const deaths = [step]
	const weft = await MortalWeft.start(front, () => deaths.shift() ?? Number.POSITIVE_INFINITY)
	const wire = new MortalWire(weft, () => manner)
	const docker = new Docker(wire, sandboxesOf(weft))
	weft.started = () => assertKept(weft, docker)
	weft.docker = docker
	await live(weft, docker, row, manner)
	const died = weft.deaths > 0
	await weft.kill()
	await weft.wait()
	assertAgreed(weft)
	assertNothingLeft(weft, wire)
	return { died }
}

describe('weft, killed at every step of', () => {
	before(() => stopClock())
	after(startClock)

	for (const row of ROWS) {
		for (const manner of MANNERS) {
			it(`${row.name}, with the call ${manner === 'empty' ? 'repeated without a body' : manner}`, async (t) => {
				let step = 1
				while ((await liveUntil(step, row, manner)).died) step++
				assert.ok(step > 40, `${step} steps`)
				t.diagnostic(`${step - 1} steps`)
			})
		}
	}
})
