/** What weftd says of itself, as the executable, which loads neither the daemon nor what it needs for that. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { MEANING } from '../src/settings.ts'
import { VERSION } from '../src/version.ts'
import { attempt } from './support/command.ts'

const WEFTD = fileURLToPath(new URL('../src/weftd.js', import.meta.url))

function weftd(...args: string[]) {
	// What kernel/ needs cannot be loaded then.
	return attempt([process.execPath, '--no-addons', WEFTD, ...args])
}

test('--help and -h name every setting, among other arguments too', async () => {
	for (const args of [['--help'], ['-h'], ['--socket', 'x', '--help']]) {
		const { code, stdout, stderr } = await weftd(...args)
		assert.deepEqual([code, stderr], [0, ''])
		for (const [name, meaning] of Object.entries(MEANING)) {
			const flag = `--${name.slice('WEFT_'.length).toLowerCase().replaceAll('_', '-')}`
			assert.ok(new RegExp(`^  ${flag} +${name}: ${meaning}(; default: .+)?$`, 'm').test(stdout), name)
		}
		assert.ok(stdout.split('\n').every((line) => line.length <= 120))
	}
})

test('--version', async () => {
	assert.deepEqual(await weftd('--version'), { code: 0, stdout: `weftd ${VERSION}\n`, stderr: '' })
	assert.notEqual((await weftd('--admin-socket', '/nowhere/a')).code, 0, 'without an addon the daemon does not run')
})
