/** What a shell offers after `weft`, asked of a real bash and a real zsh, and what weft answers Docker for `docker weft`. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { main } from '../../src/cli/main.ts'
import { NET, openScene, populate, type Scene } from '../admin/scene.ts'
import { run } from '../support/command.ts'
import { noZsh, typeInZsh } from '../support/zsh.ts'

const WEFT = fileURLToPath(new URL('../../src/weft.js', import.meta.url))
const SHORT = NET.slice(0, 12)

describe('completion', () => {
	let scene: Scene
	let folder: string
	/** What a shell reads at its start. */
	let setup: string
	before(async () => {
		scene = await openScene()
		await populate(scene)
		folder = await mkdtemp(join(tmpdir(), 'weft-completion-'))
		setup = join(folder, 'setup')
		const { stdout } = await main('/usr/bin/weft', ['completion'], () => '/run/none')
		const function_ = `weft() { WEFT_ADMIN_SOCKET=${scene.socket} '${process.execPath}' '${WEFT}' "$@"; }`
		await writeFile(setup, `${function_}\n${stdout}`)
	})
	after(async () => {
		await scene.close()
		await rm(folder, { recursive: true })
	})

	/** What bash makes of the line, whose last word is being typed. */
	async function offered(...line: readonly string[]): Promise<string[]> {
		const words = ['weft', ...line].map((word) => `'${word}'`).join(' ')
		const script = `. ${setup}\nCOMP_WORDS=(${words}) COMP_CWORD=${line.length}\n_weft\nprintf '%s\\n' "\${COMPREPLY[@]}"`
		return (await run(['bash', '-uc', script])).split('\n').filter((each) => each !== '')
	}

	it('offers each command, and each word of one', async () => {
		const commands = [
			'status',
			'ls',
			'inspect',
			'ports',
			'ip',
			'diff',
			'doctor',
			'bundle',
			'node',
			'completion',
			'help',
		]
		assert.deepEqual(await offered(''), commands)
		assert.deepEqual(await offered('in'), ['inspect'])
		assert.deepEqual(await offered('x'), [])
		assert.deepEqual(await offered('node', ''), ['ls', 'forget', 'rekey'])
		assert.deepEqual(await offered('node', 'f'), ['forget'])
	})

	it('offers each option, wherever one may be, and where nothing else may', async () => {
		const options = ['--json', '--help', '--version', '--admin-socket']
		for (const line of [['-'], ['ls', ''], ['ls', '-'], ['inspect', 'front', ''], ['node', 'ls', '']]) {
			assert.deepEqual(await offered(...line), options, line.join(' '))
		}
		assert.deepEqual(await offered('status', '--j'), ['--json'])
	})

	it('offers networks by id and name, containers, and hosts of the cluster, where a command wants one', async () => {
		const networks = await offered('ip', '')
		assert.equal(networks.length, 3)
		assert.ok(networks.includes(SHORT) && networks.includes('front'), networks.join())
		assert.deepEqual(await offered('inspect', ''), [...networks, 'web'])
		assert.deepEqual(await offered('ip', 'f'), ['front'])
		assert.deepEqual(await offered('ip', 'w'), [])
		assert.deepEqual(await offered('node', 'forget', ''), ['alpha', 'beta'])
	})

	it('is not misled by options in front', async () => {
		assert.deepEqual(await offered('--json', 'ip', 'f'), ['front'])
		assert.deepEqual(await offered('--admin-socket', scene.socket, 'ip', 'f'), ['front'])
		// As bash takes it apart.
		assert.deepEqual(await offered('--admin-socket', '=', scene.socket, 'node', 'l'), ['ls'])
	})

	it('leaves files to the shell where one is wanted, and offers none elsewhere', async () => {
		const answer = async (...line: string[]) =>
			(await main('/usr/bin/weft', ['__complete', ...line], () => '/x')).stdout
		assert.equal(await answer('bundle', ''), ':0\n')
		assert.equal(await answer('--admin-socket', '/r'), ':0\n')
		assert.equal(await answer('--admin-socket', '='), ':0\n')
		assert.match(await answer('bundle', '--j'), /^--json\n:4\n$/)
		assert.equal(await answer('node', 'x'), ':4\n')
	})

	it('offers nothing of what weftd has where that does not answer', async () => {
		const answer = await main('/usr/bin/weft', ['__complete', 'ip', ''], () => '/nowhere/admin.sock')
		assert.deepEqual(answer, { stdout: ':4\n', stderr: '', code: 0 })
	})

	it('answers Docker with what each word is', async () => {
		const line = ['__complete', 'weft', 'ip', 'fr']
		const { stdout } = await main('/usr/lib/docker/cli-plugins/docker-weft', line, () => scene.socket)
		assert.equal(stdout, 'front\tbridge 10.210.1.0/24\n:4\n')
		const container = await main('/usr/bin/weft', ['__complete', 'inspect', 'w'], () => scene.socket)
		assert.equal(container.stdout, 'web\ton front\n:4\n')
	})

	it('is the same in zsh: commands, networks and files', { skip: noZsh() }, async () => {
		await typeInZsh(setup, [
			['weft insp\\t', 'inspect'],
			['fro\\t', 'front'],
			['\\025weft bundle /etc/os-rel\\t', 'os-release'],
		])
	})
})
