/** Whatever happens to hosts that share a pool, no address is two hosts' at once, and in the end none is lost. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressAt, POOL, RETIREMENT, requestFrom, setFault, type TestHost, together, World } from './hosts.ts'

const RUNS = 100

type Action = (host: TestHost, n: number, world: World) => unknown

/** Of which several may be under way at the same time. */
const WORK: Readonly<Record<string, Action>> = {
	request: (host) => host.request(),
	'ask for': (host, n, world) => requestFrom(world, host, addressAt(1 + (n % 14))),
	release: (host, n) => host.release(n),
	beat: (host) => host.beat(),
	tend: (host) => host.tend(),
	'die at': (host, n) => host.dieAt(1 + (n % 4)),
	forget: (host) => host.beForgotten(),
}

let jump = 0
const EVENTS: Readonly<Record<string, Action>> = {
	cut: (host) => setFault(host, 'cut'),
	deafen: (host) => setFault(host, 'deaf'),
	heal: (host) => setFault(host, undefined),
	'restart weftd': (host) => host.restart(),
	'power off': (host) => host.powerOff(),
	'power on': (host) => host.powerOn(),
	wait: (_, n, world) => world.wait(1 + (n % 40)),
	'wait long': (_, n, world) => world.wait(RETIREMENT * (0.7 + (n % 8) / 10)),
	'set the clock': (_, n) => {
		jump = (n - 500) * 1e6
	},
}

function stepOf(actions: Readonly<Record<string, Action>>, often: readonly string[]) {
	const what = fc.constantFrom(...Object.keys(actions), ...often)
	return fc.record({ what, host: fc.nat(2), n: fc.nat(1000) })
}
const work = stepOf(WORK, ['request', 'request', 'request', 'ask for', 'release', 'beat', 'beat', 'tend', 'tend'])
const event = stepOf(EVENTS, ['heal', 'heal', 'power on', 'wait', 'wait'])
const round = fc.oneof(
	{ weight: 2, arbitrary: fc.array(work, { minLength: 1, maxLength: 4 }) },
	{ weight: 1, arbitrary: fc.tuple(event) },
)
const rounds = fc.array(round, { maxLength: 40, size: 'max' })
const rates = fc.tuple(...[0, 1, 2].map(() => fc.double({ min: 0.95, max: 1.05, noNaN: true })))

test('whatever happens, no two hosts have the same address, and what was given is had until it is released or lost', async () => {
	await fc.assert(
		fc.asyncProperty(rates, rounds, async (speeds, sequence) => {
			const world = new World(speeds)
			const now = Date.now
			Date.now = () => now() + jump * 1000
			try {
				for (const each of world.hosts) await each.beat()
				for (const steps of sequence) {
					await together(
						steps.map(({ what, host, n }) => ({ ...WORK, ...EVENTS })[what]?.(hostOf(world, host), n, world)),
					)
					for (const each of world.hosts) each.startIfDead()
					assertApart(world)
				}
				await settle(world)
			} finally {
				Date.now = now
			}
		}),
		{ numRuns: RUNS, includeErrorInReport: true },
	)
})

function hostOf(world: World, n: number): TestHost {
	const host = world.hosts[n]
	assert.ok(host)
	return host
}

function assertApart(world: World): void {
	const all = world.hosts.flatMap((each) => each.held().map((address) => `${address} of ${each.name}`))
	const addresses = all.map((each) => each.split(' ')[0])
	assert.equal(new Set(addresses).size, addresses.length, all.sort().join(', '))
}

/** All is well again: everybody gets an address, and when all are given back nothing is left of it. */
async function settle(world: World): Promise<void> {
	for (const each of world.hosts) {
		setFault(each, undefined)
		each.restart()
		each.powerOn()
	}
	await everybody(world)
	for (const each of world.hosts) {
		for (const address of each.held()) each.containers.add(address)
		while (each.containers.size > 0) {
			const { size } = each.containers
			await each.release(0)
			assert.ok(each.containers.size < size)
		}
	}
	await everybody(world)
	const given = await Promise.all(world.hosts.map((each) => each.request()))
	assert.equal(new Set(given).size, 3)
	assert.ok(!given.includes(undefined), String(given))
	assertApart(world)
	for (const each of world.hosts) await each.release(0)
	await everybody(world)
	assert.deepEqual(
		world.hosts.map((each) => [each.openEnds(), each.store.list('lease', POOL).length]),
		[
			[0, 0],
			[0, 0],
			[0, 0],
		],
	)
	const keys = ['address', 'wanted'].flatMap((kind) => world.server.entries(`weft/${kind}/`))
	assert.deepEqual(keys, [])
	assert.ok(world.server.entries('weft/block/').length <= 3)
}

/** As the clock makes them do, for a while. */
async function everybody(world: World): Promise<void> {
	for (let n = 0; n < 4; n++) {
		world.wait(10)
		for (const each of world.hosts) {
			await each.beat()
			await each.tend()
		}
	}
}
