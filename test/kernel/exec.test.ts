/** Programs: what they print, and what is said when they fail, are missing or get text that means something to a shell. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCode, isErrno } from '../../src/errors.ts'
import { run } from '../../src/kernel/exec.ts'

function said(words: RegExp): (error: unknown) => boolean {
	return (error) => isCode(error, 'system') && words.test(error.message) && !error.message.includes('\n')
}

describe('a program', () => {
	it('gives its output, and reads its input', async () => {
		assert.equal(await run('cat', [], 'a\nb'), 'a\nb')
		assert.equal(await run('printf', ['%s', 'x']), 'x')
	})

	it('gets its arguments as they are: no shell sees them', async () => {
		const hostile = ['$(reboot)', '`id`', '; id', '"', "'", '*', '\n']
		assert.equal(await run('printf', ['%s|', ...hostile]), `${hostile.join('|')}|`)
	})

	it('speaks plain English', async () => {
		assert.equal(await run('sh', ['-c', 'printf %s "$LC_ALL"']), 'C')
	})

	it('that fails is told by its own words, in one line', async () => {
		await assert.rejects(run('sh', ['-c', 'echo one >&2; echo two >&2; exit 3']), said(/^sh: one; two$/))
	})

	it('that fails without a word, or is missing, is told as that', async () => {
		await assert.rejects(run('false', []), said(/^false: .*exit code 1/))
		await assert.rejects(run('no-such-program', []), (error: unknown) => {
			return said(/^no-such-program: .*ENOENT/)(error) && isErrno(error, 'ENOENT')
		})
		await assert.rejects(run('false', []), (error: unknown) => !isErrno(error, 'ENOENT'))
	})
})
