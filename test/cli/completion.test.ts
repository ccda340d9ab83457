/** What a shell offers after `weft`, asked of a real bash and a real zsh. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { main } from '../../src/cli/main.ts'
import { noZsh, typeInZsh } from '../support/zsh.ts'

/** Stands for weft where the shell asks it for networks. */
const WEFT = `weft() { printf 'NETWORK NAME MODE\\n0123456789ab front bridge\\nba9876543210 - none\\n'; }`

/** What bash makes of the line, whose last word is being typed. */
async function offered(...line: readonly string[]): Promise<string[]> {
	const { stdout } = await main('/usr/bin/weft', ['completion'], () => '/run/none')
	const words = line.map((word) => `'${word}'`).join(' ')
	const script = `${WEFT}\n${stdout}\nCOMP_WORDS=(${words}) COMP_CWORD=${line.length - 1}\n_weft\nprintf '%s\\n' "\${COMPREPLY[@]}"`
	const answer = await promisify(execFile)('bash', ['-uc', script])
	return answer.stdout.split('\n').filter((each) => each !== '')
}

test('a shell offers the commands, and what begins with what is there', async () => {
	const all = await offered('weft', '')
	for (const word of ['status', 'ls', 'doctor', 'completion', '--json']) assert.ok(all.includes(word), word)
	assert.deepEqual(await offered('weft', 'in'), ['inspect'])
	assert.deepEqual(await offered('weft', 'x'), [])
	assert.deepEqual(await offered('weft', 'nod'), ['node'])
	assert.deepEqual(await offered('weft', 'node', ''), ['ls', 'forget'])
	assert.deepEqual(await offered('weft', 'node', 'f'), ['forget'])
})

test('it offers networks by id and name where a command wants one, and options elsewhere', async () => {
	assert.deepEqual(await offered('weft', 'inspect', ''), ['0123456789ab', 'front', 'ba9876543210'])
	assert.deepEqual(await offered('weft', 'ip', 'f'), ['front'])
	assert.deepEqual(await offered('weft', 'status', '--j'), ['--json'])
})

test('a command that wants a file is left to the shell, which offers files', async () => {
	assert.deepEqual(await offered('weft', 'bundle', ''), [])
})

test('zsh completes the same: commands, networks and files', { skip: noZsh() }, async () => {
	const { stdout } = await main('/usr/bin/weft', ['completion'], () => '/run/none')
	const folder = await mkdtemp(join(tmpdir(), 'weft-completion-'))
	const setup = join(folder, 'setup')
	try {
		await writeFile(setup, `${WEFT}\n${stdout}`)
		await typeInZsh(setup, [
			['weft insp\\t', 'inspect'],
			['fro\\t', 'front'],
			['\\025weft bundle /etc/os-rel\\t', 'os-release'],
		])
	} finally {
		await rm(folder, { recursive: true })
	}
})
