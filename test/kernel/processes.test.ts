/** Which processes are seen on this machine. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { isRunning, processIds, processName } from '../../src/kernel/processes.ts'

const OWN = readFileSync('/proc/self/comm', 'utf8').trimEnd()

it('a process is seen by its number and by its name while it runs', async () => {
	assert.ok((await processIds()).includes(String(process.pid)))
	assert.equal(await processName(String(process.pid)), OWN)
	assert.equal(await isRunning(OWN), true)
	assert.equal(await processName('0'), undefined)
	assert.equal(await isRunning('no such name'), false)
})
