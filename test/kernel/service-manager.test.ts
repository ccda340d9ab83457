/** What systemd hears of the daemon, over a real socket. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ServiceManager } from '../../src/kernel/service-manager.ts'
import { openDatagrams } from '../support/datagrams.ts'
import { eventually } from '../support/eventually.ts'

async function socketIn(t: TestContext): Promise<string> {
	const folder = await mkdtemp(join(tmpdir(), 'weft-notify-'))
	t.after(() => rm(folder, { recursive: true }))
	return join(folder, 'socket')
}

test('a service manager hears that weftd serves, that it lives, and that it stops', async (t) => {
	const name = await socketIn(t)
	const datagrams = openDatagrams(name)
	t.after(() => datagrams.close())
	const manager = new ServiceManager({ NOTIFY_SOCKET: name, WATCHDOG_USEC: '20000' })
	assert.deepEqual(datagrams.take(), [])
	manager.serving()
	t.after(() => manager.stopping())
	assert.deepEqual(datagrams.take(), ['READY=1'])
	for (let beats = 0; beats < 2; beats++) await eventually(() => datagrams.take().includes('WATCHDOG=1'))
	manager.stopping()
	assert.equal(datagrams.take().at(-1), 'STOPPING=1')
})

test('one without a watchdog hears no signs of life', () => {
	const name = `@weft-test-${process.pid}`
	const datagrams = openDatagrams(name)
	const manager = new ServiceManager({ NOTIFY_SOCKET: name })
	manager.serving()
	manager.stopping()
	assert.deepEqual(datagrams.take(), ['READY=1', 'STOPPING=1'])
	datagrams.close()
})

test('without one, or with one that is gone, nothing happens', async (t) => {
	for (const env of [{}, { NOTIFY_SOCKET: await socketIn(t) }]) {
		const manager = new ServiceManager(env)
		manager.serving()
		manager.stopping()
	}
})
