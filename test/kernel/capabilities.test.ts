/** What weftd may still do once it has started, and that a managed plugin asks for no more. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { dropCapabilities, FOR_SANDBOXES, NEEDED, OF_PROCESS, pooledThreads } from '../../src/kernel/capabilities.ts'
import { run } from '../support/command.ts'

const WITH_NAMES = 0x83404n
/** That, and CAP_SYS_ADMIN for the namespaces of containers. */
const OF_MAIN = 0x283404n
const OF_PROGRAMS = 0x3400n

const noRoot = process.getuid?.() === 0 ? false : 'needs root, to have capabilities'

function setsOf(status: string, name: string): bigint {
	return BigInt(`0x${new RegExp(`^${name}:\\s+(\\w+)`, 'm').exec(status)?.[1] ?? 0}`)
}

test('all capabilities are dropped but those that are needed, in libuv’s threads too, and fewer are left to programs', {
	skip: noRoot,
}, async () => {
	const had = setsOf(readFileSync('/proc/self/status', 'utf8'), 'CapPrm')
	await dropCapabilities()
	const statusOf = (thread: string) => readFileSync(`/proc/self/task/${thread}/status`, 'utf8')
	const own = statusOf(String(process.pid))
	for (const name of ['CapEff', 'CapPrm']) assert.equal(setsOf(own, name), OF_MAIN & had, name)
	assert.deepEqual([setsOf(own, 'CapInh'), setsOf(own, 'CapAmb')], [0n, 0n])
	const reduced = readdirSync('/proc/self/task').filter((thread) => setsOf(statusOf(thread), 'CapPrm') === WITH_NAMES)
	assert.ok(reduced.length >= 4, `the four of the pool, and not ${reduced}`)
	const program = await run(['cat', '/proc/self/status'])
	for (const name of ['CapEff', 'CapPrm', 'CapBnd']) assert.equal(setsOf(program, name), OF_PROGRAMS & had, name)
	// What it has no more, it is not missed where it is dropped again.
	await dropCapabilities()
})

test('libuv’s threads are as many as it makes of its setting', () => {
	for (const [setting, threads] of [
		[undefined, 4],
		['8', 8],
		['0', 1],
		['', 1],
		['many', 1],
		['2000', 1024],
		['-1', 1024],
	] as const) {
		assert.equal(pooledThreads(setting), threads, setting)
	}
})

test('a managed plugin asks for those that are needed', () => {
	const manifest = JSON.parse(readFileSync(new URL('../../../config.json', import.meta.url), 'utf8'))
	assert.deepEqual([...manifest.linux.capabilities].sort(), Object.keys({ ...NEEDED, ...FOR_SANDBOXES }).sort())
})

test('a service is left those that are needed, by its unit', () => {
	const unit = readFileSync(new URL('../../../plugin/weft.service', import.meta.url), 'utf8')
	const left = /^CapabilityBoundingSet=(.+)$/m.exec(unit)?.[1]?.split(' ') ?? []
	assert.deepEqual(left.toSorted(), Object.keys(OF_PROCESS).toSorted())
})
