/** What the command line shows of networks without a bridge of this host's alone: a macvlan, and an overlay of a cluster. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { AddressesView, DifferenceView, NetworkDetail, NetworkSummary, PortView } from '../../src/admin/api.ts'
import { type Etcd, loopbackOf, makeCertificates, noEtcd, startEtcd } from '../support/etcd.ts'
import { eventually } from '../support/eventually.ts'
import { type Host, noHost, startHost } from '../support/host.ts'
import { loadImage } from '../support/image.ts'
import { addressOf, createNetwork, runContainer } from './networks.ts'

const WEFT = fileURLToPath(new URL('../../src/weft.js', import.meta.url))
const PASSWORD = 'hush-51f0'

// On one engine: all of this weft answers by itself.
describe('the command line', { skip: noHost() || noEtcd() }, () => {
	let host: Host
	let key: string
	const endings: (() => Promise<void>)[] = []

	before(async () => {
		const scope = { after: (work: () => Promise<void>) => void endings.push(work) }
		host = await startHost({ weftd: false, dockerd: false })
		scope.after(() => host.stop())
		const tls = await makeCertificates(scope, '127.0.0.1', '/O=weft')
		key = tls.key
		const [etcd] = await startEtcd(scope, 1, { at: loopbackOf(host), tls })
		assert.ok(etcd)
		await requireLogin(etcd)
		await host.startWeftd({
			WEFT_CLUSTER: etcd.url,
			WEFT_CLUSTER_CA: tls.ca,
			WEFT_CLUSTER_CERT: tls.cert,
			WEFT_CLUSTER_KEY: tls.key,
			WEFT_CLUSTER_USER: 'root',
			WEFT_CLUSTER_PASSWORD: PASSWORD,
			WEFT_NODE: 'alpha',
		})
		await host.startDockerd()
		await loadImage(host)
		await host.exec(['ip', 'addr', 'add', '192.168.9.2/24', 'dev', 'eth0'])
		const subnet = ['--subnet', '192.168.9.0/24', '--gateway', '192.168.9.1']
		await createNetwork(host, 'lan', '-o', 'mode=macvlan', '-o', 'parent=eth0', '-o', 'host_access=true', ...subnet)
		await createNetwork(host, 'wide', '-o', 'mode=overlay', '--subnet', '10.98.0.0/20', '--gateway', '10.98.0.1')
		await runContainer(host, 'one', 'lan', '--ip', '192.168.9.50')
		await runContainer(host, 'two', 'wide', '-p', '8080:80')
	})
	after(async () => {
		for (const end of endings.reverse()) await end()
	})

	async function requireLogin(etcd: Etcd): Promise<void> {
		await etcd.ctl('user', 'add', `root:${PASSWORD}`)
		await etcd.ctl('user', 'grant-role', 'root', 'root')
		await etcd.ctl('auth', 'enable')
	}

	const weft = (...args: readonly string[]) => host.exec([process.execPath, WEFT, ...args])
	const read = async <T>(...args: readonly string[]): Promise<T> => JSON.parse(await weft(...args, '--json'))

	it('lists both, with the link that they are on', async () => {
		const networks = await read<NetworkSummary[]>('ls')
		const [lan, wide] = ['lan', 'wide'].map((name) => networks.find((each) => each.name === name))
		assert.deepEqual([lan?.mode, lan?.parent, lan?.bridge], ['macvlan', 'eth0', null])
		assert.deepEqual([wide?.mode, wide?.parent], ['overlay', null])
		await host.exec(['ip', 'link', 'show', wide?.bridge ?? '', 'type', 'bridge'])
	})

	it('shows the containers of each with their addresses, and that their links are there', async () => {
		for (const [network, container] of [
			['lan', 'one'],
			['wide', 'two'],
		] as const) {
			const { endpoints } = await read<NetworkDetail>('inspect', network)
			const address = await addressOf(host, container, network)
			assert.deepEqual(
				endpoints.map((each) => [each.container, each.ipv4?.split('/')[0], each.attached]),
				[[container, address, true]],
			)
		}
	})

	it('ip: says who has which address of a macvlan', async () => {
		const { pools, addresses } = await read<AddressesView>('ip', 'lan')
		assert.deepEqual(
			pools.map(({ size, used, free, blocks }) => [size, used, free, blocks]),
			[[254, 2, 252, null]],
		)
		assert.deepEqual(
			addresses.map(({ address, kind, container }) => [address, kind, container]),
			[
				['192.168.9.1', 'gateway', null],
				['192.168.9.50', 'endpoint', 'one'],
			],
		)
	})

	it('ip: counts of an overlay what this host has of it', async () => {
		const { pools, addresses } = await read<AddressesView>('ip', 'wide')
		const [pool] = pools
		const [block = ''] = pool?.blocks ?? []
		assert.match(block, /^10\.98\.\d+\.\d+\/26$/)
		const size = block === '10.98.0.0/26' || block === '10.98.15.192/26' ? 63 : 64
		// The gateway is for nobody, in the block that it is in.
		assert.deepEqual([pool?.size, pool?.used, pool?.free], [size, 1, size - (block === '10.98.0.0/26' ? 2 : 1)])
		const two = await addressOf(host, 'two', 'wide')
		assert.deepEqual(
			addresses.map(({ address, kind, container }) => [address, kind, container]).toSorted(),
			[
				['10.98.0.1', 'gateway', null],
				[two, 'endpoint', 'two'],
			].toSorted(),
		)
		assert.match(
			await weft('ip', 'wide'),
			new RegExp(`^Pool: +10\\.98\\.0\\.0/20, of which this host has ${block}: `, 'm'),
		)
	})

	it('ports: shows those of an overlay', async () => {
		const ports = await read<PortView[]>('ports')
		const address = await addressOf(host, 'two', 'wide')
		assert.deepEqual(
			ports.map(({ network, container, hostPort, containerIp, containerPort }) => {
				return [network, container, hostPort, containerIp, containerPort]
			}),
			[['wide', 'two', 8080, address, 80]],
		)
	})

	/** What `weft diff` names, with the network. */
	async function differences(): Promise<string[]> {
		const { stdout } = await host.attempt([process.execPath, WEFT, 'diff', '--json'])
		return (JSON.parse(stdout) as DifferenceView[]).map(({ network, what }) => `${network}: ${what}`)
	}

	it('diff: finds nothing, and names a setting of either that somebody has changed', async () => {
		assert.deepEqual(await differences(), [])
		const networks = await read<NetworkSummary[]>('ls')
		const bridge = networks.find(({ name }) => name === 'wide')?.bridge
		const shim = (await host.exec(['sh', '-c', "ip -o link show type macvlan | sed 's/^[0-9]*: //; s/@.*//'"])).trim()
		const settings = [`net/ipv4/conf/${bridge}/route_localnet`, `net/ipv4/conf/${shim}/arp_filter`]
		for (const each of settings) await host.exec(['sh', '-c', `echo 0 >/proc/sys/${each}`])
		try {
			assert.deepEqual((await differences()).toSorted(), [
				`lan: sysctl ${settings[1]} was 0 instead of 1`,
				`wide: sysctl ${settings[0]} was 0 instead of 1`,
			])
		} finally {
			for (const each of settings) await host.exec(['sh', '-c', `echo 1 >/proc/sys/${each}`])
		}
		assert.deepEqual(await differences(), [])
	})

	it('doctor: has nothing to say', async () => {
		await eventually(async () => !/PROBLEM|note/.test(await weft('doctor')), { what: 'that all is well' })
	})

	it('bundle: has neither the password of etcd nor the key, and the settings without', async () => {
		await weft('bundle', '/run/weft.tar.gz')
		await host.exec(['tar', '-xzf', '/run/weft.tar.gz', '-C', '/run'])
		const found = (words: string) => host.exec(['sh', '-c', `grep -rlF -- '${words}' /run/weft-bundle || true`])
		assert.match(await found(key), /weft\/settings\.json$/m)
		assert.match(await found('WEFT_CLUSTER_PASSWORD'), /weft\/settings\.json$/m)
		const lines = (await host.exec(['cat', key])).split('\n').filter((line) => !line.startsWith('-'))
		assert.ok(lines.length > 1)
		for (const secret of [PASSWORD, 'PRIVATE KEY', ...lines]) assert.equal(await found(secret), '', secret)
	})
})
