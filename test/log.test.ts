import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { promisify } from 'node:util'

const MODULE = new URL('../src/log.js', import.meta.url).href

function program(rest: string): string[] {
	const says = `const { openLog } = await import('${MODULE}'); const log = openLog('info'); log.info('one'); log.debug('two'); log.warn('three')`
	return ['--input-type=module', '-e', `${says}; ${rest}`]
}

function messages(output: string): string[] {
	return output
		.trimEnd()
		.split('\n')
		.map((line) => (JSON.parse(line) as { msg: string }).msg)
}

test('what waits is written at the end of the process', async () => {
	const { stdout } = await promisify(execFile)(process.execPath, program('process.exit(0)'))
	assert.deepEqual(messages(stdout), ['one', 'three'])
})

test('what waits is written before an error that nobody caught ends the process', async () => {
	const broken = promisify(execFile)(process.execPath, program("setImmediate(() => { throw new Error('broken') })"))
	await assert.rejects(broken, (error: Error & { stdout: string }) => {
		assert.deepEqual(messages(error.stdout), ['one', 'three'])
		return true
	})
})

test('lines are written while the process lives, together', async () => {
	const child = spawn(process.execPath, program('setInterval(() => {}, 1000)'))
	try {
		const [text] = (await once(child.stdout, 'data')) as [Buffer]
		assert.deepEqual(messages(text.toString()), ['one', 'three'])
	} finally {
		child.kill('SIGKILL')
	}
})

test('a lot of lines does not wait', async () => {
	const many = "for (let i = 0; i < 200; i++) log.info('x'.repeat(100))"
	const child = spawn(process.execPath, program(`${many}; while (true);`))
	try {
		const [text] = (await once(child.stdout, 'data')) as [Buffer]
		assert.ok(text.length > 0)
	} finally {
		child.kill('SIGKILL')
	}
})
