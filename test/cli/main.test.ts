/** The command line against the admin API in memory: what it prints, where, and with which exit status. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { main, type Outcome } from '../../src/cli/main.ts'
import { adminSocketOf } from '../../src/config.ts'
import { VERSION } from '../../src/version.ts'
import { DB, ENGINE, NET, OTHER, openScene, populate, type Scene, WEB } from '../admin/scene.ts'

function weft(socket: string, ...args: readonly string[]): Promise<Outcome> {
	return main('/usr/bin/weft', args, (flag) => adminSocketOf({ WEFT_ADMIN_SOCKET: socket }, flag))
}

describe('weft', () => {
	let scene: Scene
	before(async () => {
		scene = await openScene()
		await populate(scene)
	})
	after(() => scene.close())

	async function printed(...args: readonly string[]): Promise<string> {
		const { stdout, stderr, code } = await weft(scene.socket, ...args)
		assert.deepEqual({ stderr, code }, { stderr: '', code: 0 })
		return stdout
	}

	it('status', async () => {
		const text = await printed('status')
		assert.match(text, new RegExp(`^weftd: +${VERSION}, process ${process.pid}, up `))
		assert.match(text, /^State: +serving$/m)
		assert.match(text, new RegExp(`^Docker: +${ENGINE}$`, 'm'))
		assert.match(text, new RegExp(`^Kernel: +${release()}, filters bridges$`, 'm'))
		assert.match(text, /^nftables: +by libnftables$/m)
		assert.match(text, /^iptables: +let pass in iptables-nft FORWARD$/m)
		assert.match(text, /^Cluster: +http:\/\/192\.0\.2\.1:2379, as alpha at 192\.0\.2\.7; 2 hosts, 2 present$/m)
		assert.match(text, /^Networks: +2 networks, 2 endpoints, 1 published port$/m)
		assert.match(text, /^Addresses: +2 pools, 4 leases$/m)
		assert.match(text, /^Repairs: +0 since the start$/m)
	})

	it('node ls', async () => {
		const lines = (await printed('node', 'ls')).trimEnd().split('\n')
		assert.match(lines[0] ?? '', /^NODE +ADDRESS +STATE +NETWORKS +BLOCKS +SINGLE$/)
		assert.match(lines[1] ?? '', /^alpha +192\.0\.2\.7 +present +1 +2 +0 +THIS$/)
		assert.match(lines[2] ?? '', /^beta +192\.0\.2\.8 +unreachable +1 +2 +0$/)
	})

	it('node forget', async () => {
		assert.equal(await printed('node', 'forget', 'beta'), 'The host beta is forgotten; what it had is free.\n')
		assert.deepEqual(scene.forgotten, ['beta'])
		const refused = await weft(scene.socket, 'node', 'forget', 'alpha')
		assert.deepEqual(refused, { stdout: '', stderr: 'weft: the host alpha is there\n', code: 1 })
		for (const [args, said] of [
			[['node'], /^weft: weft node needs ls or forget or rekey; /],
			[['node', 'rm'], /^weft: weft node has no command "rm", but ls or forget or rekey; /],
			[['node', 'forget'], /^weft: weft node forget needs a HOST; /],
			[['node', 'ls', 'x'], /^weft: weft node ls takes no argument, not x; /],
		] as const) {
			const { stderr, code } = await weft(scene.socket, ...args)
			assert.match(stderr, said)
			assert.equal(code, 2)
		}
		assert.deepEqual(scene.forgotten, ['beta'])
	})

	it('node rekey', async () => {
		assert.equal(await printed('node', 'rekey'), 'This host has a new key, and the other hosts know it.\n')
		assert.equal(scene.rekeyed(), 1)
	})

	it('ls', async () => {
		const lines = (await printed('ls')).trimEnd().split('\n')
		assert.match(lines[0] ?? '', /^NETWORK +NAME +MODE +SUBNETS +LINK +ENDPOINTS +PORTS$/)
		assert.match(lines[1] ?? '', new RegExp(`^${NET.slice(0, 12)}  front  bridge  10.210.1.0/24  weft\\S+ +2 +1$`))
		assert.match(lines[2] ?? '', new RegExp(`^${OTHER.slice(0, 12)}  -      bridge  10.210.2.0/24  weft\\S+ +0 +0$`))
		assert.equal(lines.length, 3)
	})

	it('inspect NETWORK', async () => {
		const text = await printed('inspect', 'front')
		assert.match(text, new RegExp(`^Network: +${NET}$`, 'm'))
		assert.match(text, /^Gateways: +10\.210\.1\.1$/m)
		assert.match(text, /^Options: +.*\n(?: +.*\n)* +com\.docker\.network\.bridge\.enable_icc=true\n/m)
		assert.match(text, /web +10\.210\.1\.2\/24 +- +\S+ +wv\S+ +yes +0\.0\.0\.0:8080->80\/tcp$/m)
	})

	it('inspect CONTAINER', async () => {
		const text = await printed('inspect', 'web')
		assert.match(text, /^Network: +front\nMode: +bridge\n\nENDPOINT +CONTAINER /)
		assert.match(text, new RegExp(`^${WEB.slice(0, 12)} +web +10\\.210\\.1\\.2/24 .* 0\\.0\\.0\\.0:8080->80/tcp$`, 'm'))
		assert.deepEqual(JSON.parse(await printed('inspect', 'web', '--json')), await scene.client.get('/containers/web'))
	})

	it('ports', async () => {
		assert.match(await printed('ports'), /^0\.0\.0\.0:8080 +10\.210\.1\.2:80 +tcp +web +front$/m)
	})

	it('ip NETWORK', async () => {
		const text = await printed('ip', 'front')
		assert.match(text, /^Pool: +10\.210\.1\.0\/24, 254 addresses, 3 used, 251 free$/m)
		assert.match(text, /^10\.210\.1\.1 +the gateway$/m)
		assert.match(text, /^10\.210\.1\.2 +web$/m)
		assert.match(text, new RegExp(`^10\\.210\\.1\\.3 +endpoint ${DB.slice(0, 12)}$`, 'm'))
		assert.match(await printed('ip', OTHER), /127 free in 10\.210\.2\.128\/25$/m)
	})

	it('diff prints nothing where all is well', async () => {
		assert.equal(await printed('diff'), '')
		assert.deepEqual(JSON.parse(await printed('diff', '--json')), [])
	})

	it('doctor finds nothing to do where all is well, and names the network that Docker does not have', async () => {
		const text = await printed('doctor')
		assert.doesNotMatch(text, /PROBLEM/)
		assert.deepEqual(text.match(/.*\n.*->/g), [text.match(/note.*Docker does not tell of network.*\n.*->/)?.[0]])
	})

	it('prints with --json all that weftd answers', async () => {
		assert.deepEqual(JSON.parse(await printed('ls', '--json')), await scene.client.get('/networks'))
		assert.deepEqual(JSON.parse(await printed('--json', 'inspect', NET)), await scene.client.get('/networks/front'))
	})

	it('takes the socket from --admin-socket before the environment', async () => {
		const { code, stdout } = await weft('/nowhere', 'ls', '--admin-socket', scene.socket)
		assert.equal(code, 0)
		assert.match(stdout, /front/)
	})

	it('refuses a network that there is not', async () => {
		const outcome = await weft(scene.socket, 'inspect', 'back')
		const stderr = 'weft: weft has no network "back", and no container of that name\n'
		assert.deepEqual(outcome, { stdout: '', stderr, code: 1 })
		assert.match((await weft(scene.socket, 'ip', 'web')).stderr, /^weft: weft has no network "web"\n$/)
	})

	it('explains itself and each command', async () => {
		const help = await printed('--help')
		assert.equal(await printed('help'), help)
		const names = Array.from(help.matchAll(/^ {2}([a-z]+(?: [a-z]+)?)\b/gm), ([, name]) => name ?? '')
		assert.ok(names.includes('status') && names.includes('ip'))
		for (const name of names)
			assert.match(await printed(...name.split(' '), '--help'), new RegExp(`^Usage: weft ${name}\\b.*\n\n.+`))
	})

	for (const [what, args, complaint] of [
		['an unknown command', ['list'], 'there is no command "list"'],
		['an unknown option', ['ls', '--all'], "Unknown option '--all'"],
		['a missing argument', ['inspect'], 'weft inspect needs a NETWORK'],
		['an argument too many', ['inspect', 'a', 'b'], 'weft inspect takes one NETWORK|CONTAINER, not also b'],
		['an argument of a command without', ['ls', 'a'], 'weft ls takes no argument, not a'],
		['a socket that is no path', ['ls', '--admin-socket', 'x'], 'it must be an absolute path'],
	] as const) {
		it(`refuses ${what}, with status 2`, async () => {
			const { stdout, stderr, code } = await weft(scene.socket, ...args)
			assert.deepEqual({ stdout, code }, { stdout: '', code: 2 })
			assert.ok(stderr.startsWith('weft: ') && stderr.includes(complaint), stderr)
		})
	}

	it('without a command says what there is, with status 2', async () => {
		const { stdout, stderr, code } = await weft(scene.socket)
		assert.deepEqual({ stdout, code }, { stdout: '', code: 2 })
		assert.match(stderr, /^Usage: weft COMMAND/)
	})
})

describe('weft where something is amiss', () => {
	it('diff names it with the network and the container, doctor says what to do, both with status 1', async () => {
		const scene = await openScene()
		try {
			await populate(scene)
			const [web] = scene.bench.store.list('endpoint', NET)
			scene.bench.kernel.loseLink(web?.link ?? '')
			const diff = await weft(scene.socket, 'diff')
			assert.equal(diff.code, 1)
			assert.match(diff.stdout, new RegExp(`^front +web +link ${web?.link} was gone$`, 'm'))
			const doctor = await weft(scene.socket, 'doctor')
			assert.equal(doctor.code, 1)
			assert.match(doctor.stdout, /^PROBLEM +1 difference .*\n +-> .*restart a container/m)
		} finally {
			await scene.close()
		}
	})
})

describe('weft without weftd', () => {
	it('doctor says what to do', async () => {
		const { stdout, code } = await weft('/nowhere/admin.sock', 'doctor')
		assert.equal(code, 1)
		assert.match(stdout, /^PROBLEM +weftd does not run.*\n +-> start weftd/)
	})

	it('says that it does not run, and where it looked', async () => {
		const { stdout, stderr, code } = await weft('/nowhere/admin.sock', 'status')
		assert.deepEqual({ stdout, code }, { stdout: '', code: 1 })
		assert.match(stderr, /^weft: weftd does not run: .*\(WEFT_ADMIN_SOCKET=\/nowhere\/admin\.sock\)\n$/)
	})

	it('says that somebody else answers', async () => {
		const folder = await mkdtemp(join(tmpdir(), 'weft-cli-'))
		const path = join(folder, 'other.sock')
		const other = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nhello')).listen(path)
		await once(other, 'listening')
		try {
			const { stderr, code } = await weft(path, 'status')
			assert.equal(code, 1)
			assert.match(stderr, /^weft: whoever answers on .* is not weftd/)
		} finally {
			other.close()
			await rm(folder, { recursive: true })
		}
	})

	it('knows its own version, which is that of the package', async () => {
		const { version } = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8'))
		assert.deepEqual(await weft('/nowhere', '--version'), { stdout: `weft ${version}\n`, stderr: '', code: 0 })
	})
})
