import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { eventually } from './support/eventually.ts'

const MODULE = new URL('../src/log.js', import.meta.url).href
const LIVES = 'setInterval(() => {}, 1000)'

/** Ends the program as weftd does. */
const END = 'written(log).then(() => process.exit(0))'

/** Has a program write in another way. */
function patched(way: string): string {
	const imports =
		"const { default: fs } = await import('node:fs'); const { syncBuiltinESMExports: renew } = await import('node:module')"
	return `${imports}; const { write } = fs; fs.write = (...args) => ${way}; renew()`
}

/** A program with a log, which has said one thing when it goes on with the rest. */
function program(rest: string): string[] {
	const says = `const { openLog, written } = await import('${MODULE}'); const log = openLog('info'); log.info('one'); log.debug('no')`
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
	const rest = `${patched('setTimeout(() => write(...args), 100)')}; setTimeout(() => log.info('two'), 50); ${LIVES}`
	assert.deepEqual(messages(await outputUntil(rest, '"two"')), ['one', 'two'])
})

test('a write under way at an orderly end comes first, also where other work is before it', async () => {
	const work = "for (let i = 0; i < 8; i++) crypto.pbkdf2('', '', 100_000, 64, 'sha512', () => undefined)"
	const rest = `const crypto = await import('node:crypto'); ${work}; log.warn('two'); log.info('three'); ${END}`
	const { stdout } = await promisify(execFile)(process.execPath, program(rest))
	assert.deepEqual(messages(stdout), ['one', 'two', 'three'])
})

test('what a reader does not read is kept up to some measure', async () => {
	const much = "for (let i = 0; i < 4096; i++) log.info('x'.repeat(1024))"
	const all = promisify(execFile)(process.execPath, program(`${much}; ${END}`), { maxBuffer: 8_388_608 })
	const { length } = (await all).stdout
	assert.ok(length > 1_000_000 && length < 1_200_000, `${length} bytes`)
})

test('a pipe whose reader comes late has every line when the process has ended, in order', async () => {
	const much = "for (let i = 0; i < 900; i++) log.warn('x'.repeat(1024)); log.info('last')"
	const late = ['-c', '"$@" | (sleep 0.3; cat)', 'sh', process.execPath, ...program(`${much}; ${END}`)]
	const said = messages((await promisify(execFile)('sh', late, { maxBuffer: 8_388_608 })).stdout)
	assert.deepEqual([said.length, said[0], said.at(-1)], [902, 'one', 'last'])
})

test('the process ends while nobody reads what it says, by a socket too', async (t) => {
	const child = spawn(process.execPath, program(`for (let i = 0; i < 900; i++) log.warn('x'.repeat(1024)); ${END}`))
	t.after(() => child.kill('SIGKILL'))
	let code: number | null | undefined
	child.on('exit', (status) => (code = status))
	await eventually(() => code !== undefined, { what: 'it has ended' })
	assert.equal(code, 0)
})

test('a disk that is full keeps the process from nothing, and takes what comes when it has room', async () => {
	const rest = `log.warn('two'); setTimeout(() => { log.info('three'); ${END} }, 50)`
	const onFullDisk = ['-c', 'exec "$@" >/dev/full', 'sh', process.execPath, ...program(rest)]
	const full = await promisify(execFile)('sh', onFullDisk, { timeout: 10_000 })
	assert.deepEqual(full, { stdout: '', stderr: '' })
	const refusal = "args.at(-1)(Object.assign(new Error('full'), { code: 'ENOSPC' })); fs.write = write"
	assert.deepEqual(messages(await outputUntil(`${patched(`{ ${refusal}; renew() }`)}; ${rest}`, 'three')), ['three'])
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
