/** What the command line shows of networks that Docker made. */
import assert from 'node:assert/strict'
import { chmod, lstat, mkdir, symlink } from 'node:fs/promises'
import { after, before, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type {
	AddressesView,
	ContainerDetail,
	DifferenceView,
	NetworkDetail,
	NetworkSummary,
	PortView,
	Status,
} from '../../src/admin/api.ts'
import type { Outcome } from '../support/command.ts'
import { isSince } from '../support/engine.ts'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { readExposition, scrape } from '../support/prometheus.ts'
import { assertFootprint, type Footprint, footprint } from './footprint.ts'
import { addressOf, createNetwork, onEngines, runContainer, startDockerHost, subnetOf } from './networks.ts'
import { removePair } from './pair.ts'

const WEFTD = fileURLToPath(new URL('../../src/weftd.js', import.meta.url))
const WEFT = fileURLToPath(new URL('../../src/weft.js', import.meta.url))

const SECRET = 'hush-51f0'
const WGET = ['busybox', 'wget', '-q', '-O', '-']

onEngines('the command line of Docker', (engine) => {
	let host: Host
	let clean: Footprint
	let id: string
	before(async () => {
		host = await startDockerHost(engine, { env: { WEFT_METRICS: '127.0.0.1:9474', WEFT_CLUSTER_PASSWORD: SECRET } })
		clean = await footprint(host)
		await createNetwork(host, 'net')
		await runContainer(host, 'one', 'net', '-p', '8080:80')
		await runContainer(host, 'two', 'net')
		id = await host.docker('network', 'inspect', '-f', '{{.Id}}', 'net')
	})
	after(async () => {
		if (host !== undefined) await removePair(host)
		await host?.stop()
	})

	/** As the executable, by its own name. */
	const weft = (...args: readonly string[]): Promise<Outcome> => host.attempt([process.execPath, WEFT, ...args])

	async function read<T>(...args: readonly string[]): Promise<T> {
		const { code, stdout, stderr } = await weft(...args, '--json')
		assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
		return JSON.parse(stdout)
	}

	it('counts what there is', async () => {
		const { counts, state, host: machine } = await read<Status>('status')
		assert.equal(state, 'serving')
		assert.ok(machine.engine?.startsWith(engine.version), `${machine.engine}`)
		assert.ok(machine.iptables.includes('iptables-nft DOCKER-USER'), machine.iptables.join())
		assert.deepEqual([counts.networks, counts.endpoints, counts.pools], [1, 2, 1])
		// The gateway's and the containers'.
		assert.equal(counts.leases, 3)
	})

	it('lists the network with its bridge', async () => {
		const [network, ...others] = await read<NetworkSummary[]>('ls')
		assert.deepEqual(others, [])
		assert.equal(network?.id, id)
		assert.deepEqual(network?.subnets, [(await subnetOf(host, 'net')).Subnet])
		await host.exec(['ip', 'link', 'show', network?.bridge ?? '', 'type', 'bridge'])
		assert.match((await weft('ls')).stdout, new RegExp(`^${id.slice(0, 12)} `, 'm'))
	})

	it('shows the containers with the addresses that Docker knows', async () => {
		const { endpoints } = await read<NetworkDetail>('inspect', id.slice(0, 12))
		const known = await Promise.all(['one', 'two'].map((name) => addressOf(host, name, 'net')))
		assert.deepEqual(endpoints.map(({ ipv4 }) => ipv4?.split('/')[0]).sort(), known.sort())
		for (const { link, attached } of endpoints) {
			assert.ok(attached)
			await host.exec(['ip', 'link', 'show', link ?? ''])
		}
	})

	it('calls networks and containers as Docker does, and takes the name of a network', async () => {
		assert.deepEqual(
			(await read<NetworkSummary[]>('ls')).map(({ name }) => name),
			['net'],
		)
		const { network, options, endpoints } = await read<NetworkDetail>('inspect', 'net')
		assert.equal(network.id, id)
		assert.equal(options['com.docker.network.bridge.enable_icc'], 'true')
		assert.deepEqual(endpoints.map(({ container }) => container).sort(), ['one', 'two'])
		assert.match((await weft('ports')).stdout, /^0\.0\.0\.0:8080 .*\bone\b/m)
		assert.deepEqual(
			(await read<ContainerDetail>('inspect', 'one')).endpoints.map((each) => each.network.name),
			['net'],
		)
	})

	it('shows the published port, and to whom it leads', async () => {
		const ports = await read<PortView[]>('ports')
		const address = await addressOf(host, 'one', 'net')
		assert.deepEqual(
			ports.map(({ protocol, hostIp, hostPort, containerIp, containerPort }) => {
				return `${hostIp} ${hostPort}/${protocol} ${containerIp} ${containerPort}`
			}),
			[`0.0.0.0 8080/tcp ${address} 80`],
		)
	})

	it('says who has which address, and how many are left', async () => {
		const { pools, addresses } = await read<AddressesView>('ip', id)
		assert.deepEqual(
			pools.map(({ size, used, free }) => [size, used, free]),
			[[254, 3, 251]],
		)
		const { Gateway } = await subnetOf(host, 'net')
		assert.deepEqual(
			addresses.map(({ address, kind }) => (kind === 'gateway' ? address : kind)),
			[Gateway, 'endpoint', 'endpoint'],
		)
	})

	/** What `weft diff` names of the network, with status 1. */
	async function differences(): Promise<string[]> {
		const { code, stdout } = await weft('diff', '--json')
		const found: DifferenceView[] = JSON.parse(stdout)
		assert.equal(code, found.length === 0 ? 0 : 1)
		return found.map(({ networkId, what }) => `${networkId === id ? 'net' : networkId}: ${what}`)
	}

	it('finds no difference, and nothing for the doctor', async () => {
		assert.deepEqual(await differences(), [])
		const { code, stdout } = await weft('doctor')
		assert.equal(code, 0, stdout)
		assert.doesNotMatch(stdout, /PROBLEM/)
	})

	it('names a setting that somebody has changed, and a link with a name of weft’s', async () => {
		const [network] = await read<NetworkSummary[]>('ls')
		const file = `/proc/sys/net/ipv4/conf/${network?.bridge}/route_localnet`
		await host.exec(['sh', '-c', `echo 0 >${file}; ip link add wv0123456789a type bridge`])
		try {
			assert.deepEqual(await differences(), [
				`net: sysctl net/ipv4/conf/${network?.bridge}/route_localnet was 0 instead of 1`,
				'null: link wv0123456789a is of no network',
			])
		} finally {
			await host.exec(['sh', '-c', `echo 1 >${file}; ip link del wv0123456789a`])
		}
		assert.deepEqual(await differences(), [])
	})

	it('finds no difference after a repair, which is counted', async () => {
		const { repairs } = await read<Status>('status')
		const address = await addressOf(host, 'two', 'net')
		const [network] = await read<NetworkSummary[]>('ls')
		await host.exec(['nft', `delete element inet weft endpoints4 { "${network?.bridge}" . ${address} }`])
		await eventually(async () => (await read<Status>('status')).repairs.done > repairs.done, { what: 'a repair' })
		assert.deepEqual(await differences(), [])
		const { last } = (await read<Status>('status')).repairs
		assert.match(last?.cause ?? '', /nft/)
	})

	it('names the link that a running container has lost, until it is restarted', async () => {
		const address = await addressOf(host, 'two', 'net')
		const { endpoints } = await read<NetworkDetail>('inspect', id)
		const link = endpoints.find(({ ipv4 }) => ipv4?.startsWith(`${address}/`))?.link ?? ''
		await host.exec(['ip', 'link', 'del', link])
		assert.deepEqual(await differences(), [`net: link ${link} was gone`])
		const { code, stdout } = await weft('doctor')
		assert.equal(code, 1)
		assert.match(stdout, /^PROBLEM .*\n +-> .*restart a container/m)
		await host.docker('restart', '-t', '0', 'two')
		assert.deepEqual(await differences(), [])
	})

	it('counts Docker’s calls for Prometheus', async () => {
		const families = await scrape({ socketPath: host.path('/run/weft/admin.sock') })
		const count = (method: string) => {
			const labels = `{method="NetworkDriver.${method}",outcome="ok"}`
			return families.get('weft_call_duration_seconds')?.samples.get(`weft_call_duration_seconds_count${labels}`)
		}
		assert.deepEqual([count('CreateNetwork'), count('CreateEndpoint'), count('Join')], [1, 3, 3])
		assert.equal(families.get('weft_endpoints')?.samples.get('weft_endpoints'), 2)
		const byTcp = readExposition(
			await host.exec([...WGET, 'http://127.0.0.1:9474/metrics']).then((text) => `${text}\n`),
		)
		assert.deepEqual([...byTcp.keys()], [...families.keys()])
		assert.match((await host.attempt([...WGET, 'http://127.0.0.1:9474/status'])).stderr, /404/)
	})

	it('bundles what it and the host have for a report, but no secret', async () => {
		const { code, stdout } = await weft('bundle', '/run/weft.tar.gz')
		assert.equal(code, 0, stdout)
		await host.exec(['tar', '-xzf', '/run/weft.tar.gz', '-C', '/run'])
		const found = (words: string) => host.exec(['sh', '-c', `grep -rlF -- '${words}' /run/weft-bundle || true`])
		assert.match(await found('table inet weft'), /host\/nftables\.txt$/m)
		assert.match(await found('"container": "one"'), /weft\/ports\.json$/m)
		assert.match(await found('WEFT_CLUSTER_PASSWORD'), /weft\/settings\.json$/m)
		assert.match(await found(' net '), /host\/docker-networks\.txt$/m)
		assert.equal(await found(SECRET), '')
	})

	it('does without names while Docker is away', async () => {
		await host.stopDockerd()
		try {
			assert.deepEqual(
				(await read<NetworkSummary[]>('ls')).map(({ name }) => name),
				[null],
			)
			assert.match((await weft('ls')).stdout, new RegExp(`^${id.slice(0, 12)}  -  +bridge`, 'm'))
			assert.match((await weft('status')).stdout, /^Docker: +does not answer$/m)
		} finally {
			await host.startDockerd()
		}
		await host.docker('start', 'one', 'two')
		assert.deepEqual(
			(await read<NetworkSummary[]>('ls')).map(({ name }) => name),
			['net'],
		)
	})

	it('is docker weft where it is linked as a plugin of Docker', async () => {
		const folder = host.path('/run/cli-plugins')
		await mkdir(folder, { recursive: true })
		await chmod(WEFT, 0o755)
		await symlink(WEFT, `${folder}/docker-weft`)
		assert.match(await host.docker('--help'), /^ +weft\*? +.*Look at the networks of weft/m)
		assert.match(await host.docker('weft', 'ls'), new RegExp(`^${id.slice(0, 12)} `, 'm'))
		if (isSince(engine, 23)) assert.match(await host.docker('__complete', 'weft', 'inspect', 'n'), /^net\tbridge /m)
		const refused = await host.attemptDocker('weft', 'inspect', 'nonsense')
		assert.equal(refused.code, 1)
		assert.match(refused.stderr, /weft has no network "nonsense"/)
	})

	it('shows nothing of what is gone, and nothing is left of it', async () => {
		await host.docker('rm', '-f', 'one', 'two')
		await host.docker('network', 'rm', 'net')
		assert.deepEqual(await read('ls'), [])
		assert.deepEqual(await read('ports'), [])
		await assertFootprint(host, clean)
	})

	it('exits with 2 when the command line makes no sense, and with 0 when it explains itself', async () => {
		const codes = await Promise.all(
			[['nonsense'], ['ls', 'x'], ['ls', '--all'], ['--help'], ['ls', '--help']].map(
				async (words) => (await weft(...words)).code,
			),
		)
		assert.deepEqual(codes, [2, 2, 2, 0, 0])
	})

	it('says that weftd does not run', async () => {
		await host.stopWeftd()
		const { code, stderr } = await weft('status')
		assert.equal(code, 1)
		assert.match(stderr, /weftd does not run/)
		await assertAnswers(() => host.startWeftd())
	})

	it('is answered by one weftd: another does not start, and leaves no socket for Docker', async () => {
		const settings = {
			WEFT_SOCKET: '/run/docker/plugins/other.sock',
			WEFT_ADMIN_SOCKET: '/run/other/admin.sock',
			WEFT_STATE_DIR: '/run/data/other',
		}
		const pid = (await read<Status>('status')).pid
		const { code, stderr } = await host.attempt([process.execPath, WEFTD], { env: settings })
		assert.equal(code, 1)
		assert.match(stderr, /^weftd: another weftd has this network namespace .*: stop it first\n$/)
		await assert.rejects(lstat(host.path(settings.WEFT_SOCKET)), { code: 'ENOENT' })
		assert.equal((await read<Status>('status')).pid, pid)
	})

	it('finds weftd again after it was killed', async () => {
		await host.killWeftd()
		assert.match((await weft('status')).stderr, /weftd does not run/)
		await assertAnswers(() => host.startWeftd())
	})

	/** The admin socket comes just after Docker's. */
	async function assertAnswers(start: () => Promise<void>): Promise<void> {
		await start()
		await eventually(async () => (await weft('status')).code === 0, { what: 'an answer of weftd' })
	}
})
