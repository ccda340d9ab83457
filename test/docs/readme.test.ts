/** README lists every setting with its default, and every command of the command line. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { main } from '../../src/cli/main.ts'
import { type Name, SETTINGS } from '../../src/settings.ts'
import { rowsOf, textOf } from './tables.ts'

/** What holds where nothing is set follows from the host. */
const OF_THE_HOST: Partial<Record<Name, string>> = {
	WEFT_NODE: "the host's name",
	WEFT_NODE_ADDRESS: 'of the default route',
}

/** `WEFT_CLUSTER_CA`, `_CERT` is two names. */
function namesIn(cell: string): string[] {
	const [first = '', ...others] = Array.from(cell.matchAll(/`([A-Z_]+)`/g), ([, name = '']) => name)
	return [first, ...others.map((each) => (each.startsWith('_') ? first.replace(/_[A-Z]+$/, each) : each))]
}

test('each setting is in the table of settings, with what holds by default', () => {
	const rows = rowsOf('../README.md').filter(({ cells }) => cells[0]?.startsWith('`WEFT_'))
	const found = rows.flatMap(({ cells }) => namesIn(cells[0] ?? '').map((name) => [name, cells[1]] as const))
	const expected = Object.entries(SETTINGS).map(([name, { fallback }]) => {
		const shown = fallback === '' ? 'empty' : `\`${fallback}\``
		return [name, OF_THE_HOST[name as Name] ?? shown] as const
	})
	assert.deepEqual(Object.fromEntries(found), Object.fromEntries(expected))
	assert.equal(found.length, expected.length)
})

test('each command of weft is shown', async () => {
	const { stdout } = await main('/usr/bin/weft', ['--help'], () => '/run/none')
	const commands = Array.from(stdout.matchAll(/^ {2}([a-z]+(?: [a-z]+)?)\b/gm), ([, name = '']) => name)
	assert.ok(commands.length > 10)
	const readme = textOf('../README.md')
	assert.deepEqual(
		commands.filter((name) => !new RegExp(`\\bweft ${name}\\b`).test(readme)),
		[],
	)
})
