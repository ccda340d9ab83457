/** Docker's own `--net container:NAME` onto a container that is on a network of weft's: one namespace for both. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { run } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4 } from '../support/host-namespaces.ts'
import { IMAGE } from '../support/image.ts'
import { inContainer } from '../support/traffic.ts'
import { assertFootprint, type Footprint, footprint } from './footprint.ts'
import { addressOf, createNetwork, onEngines, runContainer, startDockerHost } from './networks.ts'

const PAGE = 'hello from a container on weft'
const HTTPD = [IMAGE, 'httpd', '-f', '-h', '/www', '-p']

onEngines('Docker’s --net container onto a network of weft’s', (engine) => {
	let host: Host
	let clean: Footprint

	before(async () => {
		host = await startDockerHost(engine)
		await host.exec(['sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1'])
		clean = await footprint(host)
	})
	after(() => host?.stop())

	async function asks(from: (argv: string[]) => Promise<string>, url: string): Promise<boolean> {
		return (await from(['busybox', 'wget', '-q', '-O', '-', url]).catch(() => '')) === PAGE
	}

	const outside = (argv: string[]) => host.outside(argv)
	const within = (name: string) => async (argv: string[]) => run((await inContainer(host, name))(argv))

	async function assertShows(from: (argv: string[]) => Promise<string>, url: string): Promise<void> {
		await eventually(() => asks(from, url), { what: url })
	}

	/** A second container in the namespace of `web`, which serves at this port. */
	async function runBeside(port: number): Promise<void> {
		await host.docker('run', '-d', '--name', 'side', '--net', 'container:web', ...HTTPD, String(port))
	}

	it('has the addresses, the loopback and the published ports of the other, and goes without it', async () => {
		await createNetwork(host, 'shop')
		await runContainer(host, 'web', 'shop', '-p', '8080:80')
		await runContainer(host, 'customer', 'shop')
		await runBeside(80)
		await assertShows(within('customer'), `http://${await addressOf(host, 'web', 'shop')}/`)
		await assertShows(within('web'), 'http://127.0.0.1/')
		await assertShows(outside, `http://${HOST_V4}:8080/`)
		await host.docker('rm', '-f', 'side')
		assert.equal(await asks(outside, `http://${HOST_V4}:8080/`), false)
		await runBeside(80)
		await assertShows(outside, `http://${HOST_V4}:8080/`)
		await host.docker('rm', '-f', 'side', 'web', 'customer')
		await host.docker('network', 'rm', 'shop')
		await assertFootprint(host, clean)
	})

	it('has its ports on the host where the other is on a network of mode host', async () => {
		await createNetwork(host, 'ports', '-o', 'mode=host')
		await runContainer(host, 'web', 'ports')
		await runBeside(81)
		await assertShows(outside, `http://${HOST_V4}:81/`)
		await host.docker('rm', '-f', 'side')
		await eventually(async () => !(await asks(outside, `http://${HOST_V4}:81/`)), { what: 'port 81 closed' })
		await host.docker('rm', '-f', 'web')
		await host.docker('network', 'rm', 'ports')
		await assertFootprint(host, clean)
	})

	it('has its ports with the owner where the other is on a network of mode container', async () => {
		await createNetwork(host, 'shop')
		await runContainer(host, 'owner', 'shop')
		await runContainer(host, 'customer', 'shop')
		await createNetwork(host, 'aside', '-o', 'mode=container', '-o', 'container=owner')
		await runContainer(host, 'web', 'aside')
		await runBeside(82)
		await assertShows(within('customer'), `http://${await addressOf(host, 'owner', 'shop')}:82/`)
		await assertShows(within('owner'), 'http://127.0.0.1:82/')
		await host.docker('rm', '-f', 'side', 'web', 'owner', 'customer')
		await host.docker('network', 'rm', 'aside', 'shop')
		await assertFootprint(host, clean)
	})

	it('has the address of the other on macvlan, and its loopback alone on a network of mode none', async () => {
		await createNetwork(host, 'lan', '-o', 'mode=macvlan', '-o', 'parent=eth0', '--subnet', '10.88.0.0/24')
		await runContainer(host, 'web', 'lan')
		await runContainer(host, 'customer', 'lan')
		await runBeside(80)
		await assertShows(within('customer'), `http://${await addressOf(host, 'web', 'lan')}/`)
		await host.docker('rm', '-f', 'side', 'web', 'customer')
		await createNetwork(host, 'closed', '-o', 'mode=none')
		await runContainer(host, 'web', 'closed')
		await runBeside(80)
		await assertShows(within('web'), 'http://127.0.0.1/')
		assert.equal(await within('side')(['ip', '-br', 'link']), await within('web')(['ip', '-br', 'link']))
		await host.docker('rm', '-f', 'side', 'web')
		await host.docker('network', 'rm', 'lan', 'closed')
		await assertFootprint(host, clean)
	})

	it('sees the network that the other is taken to later', async () => {
		await createNetwork(host, 'shop')
		await createNetwork(host, 'other')
		await runContainer(host, 'web', 'shop')
		await runContainer(host, 'customer', 'other')
		await runBeside(80)
		await host.docker('network', 'connect', 'other', 'web')
		await assertShows(within('customer'), `http://${await addressOf(host, 'web', 'other')}/`)
		await host.docker('rm', '-f', 'side', 'web', 'customer')
		await host.docker('network', 'rm', 'shop', 'other')
		await assertFootprint(host, clean)
	})
})
