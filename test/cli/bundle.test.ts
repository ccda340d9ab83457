/** What `weft bundle` writes, unpacked by tar. */
import assert from 'node:assert/strict'
import { lstat, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { main, type Outcome } from '../../src/cli/main.ts'
import { NET, openScene, PASSWORD, populate, type Scene } from '../admin/scene.ts'
import { run } from '../support/command.ts'

describe('weft bundle', () => {
	let scene: Scene
	let folder: string
	before(async () => {
		scene = await openScene()
		await populate(scene)
		folder = await mkdtemp(join(tmpdir(), 'weft-test-bundle-'))
	})
	after(async () => {
		await scene.close()
		await rm(folder, { recursive: true })
	})

	const weft = (...args: string[]): Promise<Outcome> => main('/usr/bin/weft', args, () => scene.socket)

	it('has what weftd says and what programs see, for its owner alone, and no secret', async () => {
		const file = join(folder, 'weft.tar.gz')
		const { stdout, stderr, code } = await weft('bundle', file)
		assert.deepEqual([stderr, code], ['', 0])
		assert.match(stdout, /^\S+: \d+ files\. .*look through it/)
		assert.equal((await lstat(file)).mode & 0o777, 0o600)
		await run(['tar', '-xzf', file, '-C', folder])
		const read = (name: string) => readFile(join(folder, 'weft-bundle', name), 'utf8')
		for (const path of ['/status', '/networks', '/ports', '/pools', '/nodes', '/diff', `/networks/${NET}`]) {
			const found = JSON.parse(await read(`weft/${path.slice(1).replaceAll('/', '-')}.json`))
			if (path !== '/status') assert.deepEqual(found, await scene.client.get(path))
		}
		assert.match(await read('weft/doctor.txt'), /^ok +weftd /)
		assert.match(await read('weft/metrics.txt'), /^weft_networks 2$/m)
		assert.match(await read('host/uname.txt'), /^Linux /)
		assert.equal(JSON.parse(await read('weft/settings.json')).WEFT_CLUSTER_PASSWORD, '***')
		for (const name of await readdir(join(folder, 'weft-bundle'), { recursive: true })) {
			const path = join(folder, 'weft-bundle', name)
			if ((await lstat(path)).isFile()) assert.ok(!(await readFile(path, 'utf8')).includes(PASSWORD), name)
		}
	})

	it('names in JSON what it wrote, and what it could not have', async () => {
		const file = join(folder, 'named.tar.gz')
		const { count, missing, file: written } = JSON.parse((await weft('bundle', '--json', file)).stdout)
		const names = (await run(['tar', '-tzf', file])).split('\n').filter((name) => !name.endsWith('/'))
		assert.deepEqual([written, count], [file, names.length])
		for (const { name, error } of missing) assert.ok(!names.includes(`weft-bundle/${name}`) && error, name)
	})

	it('writes over nothing, and says where it cannot write', async () => {
		const file = join(folder, 'mine')
		await writeFile(file, 'mine')
		for (const path of [file, join(folder, 'nowhere', 'x'), folder]) {
			const { stdout, stderr, code } = await weft('bundle', path)
			assert.deepEqual([stdout, code], ['', 1])
			assert.match(stderr, /^weft: the archive cannot be written: .+\n$/)
		}
		assert.equal(await readFile(file, 'utf8'), 'mine')
	})

	it('is written without weftd too, with status 1', async () => {
		const file = join(folder, 'without.tar.gz')
		const { stdout, code } = await main('/usr/bin/weft', ['bundle', file], () => join(folder, 'no.sock'))
		assert.equal(code, 1)
		assert.match(stdout, /^not in it: weft\/status\.json: weftd does not run/m)
		const names = await run(['tar', '-tzf', file])
		assert.match(names, /^weft-bundle\/host\/uname\.txt$/m)
		assert.match(names, /^weft-bundle\/weft\/doctor\.txt$/m)
	})
})
