import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

const MODULE = new URL('../src/log.js', import.meta.url).href
const LIVES = 'setInterval(() => {}, 1000)'

/** A program with a log, which has said one thing when it goes on with the rest. */
function program(rest: string): string[] {
	const says = `const { openLog } = await import('${MODULE}'); const log = openLog('info'); log.info('one'); log.debug('no')`
	return ['--input-type=module', '-e', `${says}; ${rest}`]
}

function messages(output: string): string[] {
	return output
		.trimEnd()
		.split('\n')
		.map((line) => (JSON.parse(line) as { msg: string }).msg)
}

test('what waits is written at the end of the process', async () => {
	const { stdout } = await promisify(execFile)(process.execPath, program("log.info('two'); process.exit(0)"))
	assert.deepEqual(messages(stdout), ['one', 'two'])
})

test('what waits is written before an error that nobody caught ends the process', async () => {
	const broken = promisify(execFile)(process.execPath, program("setImmediate(() => { throw new Error('broken') })"))
	await assert.rejects(broken, (error: Error & { stdout: string }) => {
		assert.deepEqual(messages(error.stdout), ['one'])
		return true
	})
})

test('lines are written while the process lives, together', async () => {
	assert.deepEqual(messages(await firstOf(`log.info('two'); ${LIVES}`)), ['one', 'two'])
})

test('a warning does not wait, nor does what was said before it', async () => {
	assert.deepEqual(messages(await firstOf("log.warn('two'); log.info('three'); for (;;);")), ['one', 'two'])
})

test('no line stays behind when what is before it takes long to be written', async () => {
	const slow = 'const { write } = fs; fs.write = (...args) => setTimeout(() => write(...args), 100)'
	const rest = `const { default: fs } = await import('node:fs'); ${slow}; setTimeout(() => log.info('two'), 50); ${LIVES}`
	assert.deepEqual(messages(await outputUntil(rest, '"two"')), ['one', 'two'])
})

/** What comes first of a process that goes on. */
function firstOf(rest: string): Promise<string> {
	return outputUntil(rest, '')
}

/** What a process that goes on has written when that word is in it. */
async function outputUntil(rest: string, word: string): Promise<string> {
	const child = spawn(process.execPath, program(rest), { timeout: 10_000, killSignal: 'SIGKILL' })
	try {
		let text = ''
		for await (const chunk of child.stdout) {
			text += String(chunk)
			if (text.includes(word)) break
		}
		return text
	} finally {
		child.kill('SIGKILL')
	}
}
