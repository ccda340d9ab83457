/** What becomes of a macvlan network, its containers and the host beside them when their parent goes, and when it comes back. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { type Host, noHost, startHost } from '../support/host.ts'
import { IMAGE } from '../support/image.ts'
import { assertPings, dial, inContainer, onHost, outsideOf, type Server, serve } from '../support/traffic.ts'
import { assertFootprint, type Footprint, footprint } from './footprint.ts'
import { createNetwork, refused, runContainer } from './networks.ts'

const PORT = 9000
const [OUTSIDE, OWN, ONE] = ['10.66.1.1', '10.66.1.2', '10.66.1.200']
const RUN_TWO = ['run', '--name', 'two', '--net', 'lan', IMAGE]

describe('a macvlan network with host_access', { skip: noHost() }, () => {
	let host: Host
	let clean: Footprint
	const servers: Server[] = []

	before(async () => {
		host = await startHost()
		await plugIn()
		clean = await footprint(host)
	})
	beforeEach(async () => {
		// After a test that failed, too.
		if ((await host.attempt(['ip', 'link', 'show', 'eth1'])).code !== 0) await plugIn()
		await createNetwork(
			host,
			'lan',
			'-o',
			'mode=macvlan',
			'-o',
			'parent=eth1',
			'-o',
			'host_access=1',
			'--subnet',
			'10.66.1.0/24',
			'--ip-range',
			'10.66.1.128/25',
		)
		await runContainer(host, 'one', 'lan', '--ip', ONE)
		await assertTogether()
	})
	afterEach(async () => {
		await Promise.all(servers.splice(0).map((server) => server.stop()))
		await host.attemptDocker('rm', '-f', 'one', 'two', 'three')
		await host.attemptDocker('network', 'rm', 'lan', 'other')
	})
	after(() => host?.stop())

	/** As a network manager does it: the link comes, later it is up, and later still it has an address. */
	async function plugIn(): Promise<void> {
		const own = host.path('/proc/1/ns/net')
		await host.outside(['ip', 'link', 'add', 'up1', 'type', 'veth', 'peer', 'name', 'eth1', 'netns', own])
		await host.outside(['sh', '-ec', `ip addr add ${OUTSIDE}/24 dev up1; ip link set up1 up`])
		await host.exec(['sh', '-ec', `ip link set eth1 up; ip addr add ${OWN}/24 dev eth1`])
	}

	async function unplug(): Promise<void> {
		await host.exec(['ip', 'link', 'del', 'eth1'])
	}

	async function assertTogether(): Promise<void> {
		const place = await inContainer(host, 'one')
		const server = await serve(onHost(host), 'tcp', PORT)
		servers.push(server)
		await assertPings(onHost(host), ONE)
		await assertPings(outsideOf(host), ONE)
		assert.equal(await dial(place, 'tcp', OWN, PORT), ONE)
		await server.stop()
	}

	const shims = async (): Promise<string[]> => {
		const links = await host.exec(['ip', '-br', 'link'])
		return links.match(/^weft[0-9a-f]{11}@/gm) ?? []
	}

	async function removeAll(): Promise<void> {
		await host.attemptDocker('rm', '-f', 'one', 'two')
		await host.docker('network', 'rm', 'lan')
		await assertFootprint(host, clean)
	}

	it('starts no container while its parent is away, and all are together again when that is back', async () => {
		await unplug()
		await refused(host, RUN_TWO, /the parent eth1 is not there/)
		await host.docker('rm', 'two')
		await plugIn()
		await eventually(async () => (await shims()).length === 1, { what: 'the link of the host beside them' })
		await host.docker('restart', '-t', '0', 'one')
		await assertTogether()
		await removeAll()
	})

	it('keeps no other from starting with weftd while its parent is away, and is there again when that is back', async () => {
		await createNetwork(host, 'other')
		await unplug()
		await host.killWeftd('SIGKILL')
		await host.startWeftd()
		await runContainer(host, 'three', 'other')
		await refused(host, RUN_TWO, /the parent eth1 is not there/)
		await plugIn()
		await eventually(async () => (await shims()).length === 1, { what: 'the link of the host beside them' })
		await host.docker('restart', '-t', '0', 'one')
		await assertTogether()
		await host.docker('rm', '-f', 'three')
		await host.docker('network', 'rm', 'other')
		await removeAll()
	})

	it('is removed while its parent is away, and leaves nothing', async () => {
		await unplug()
		await host.docker('rm', '-f', 'one')
		await host.docker('network', 'rm', 'lan')
		await plugIn()
		await assertFootprint(host, clean)
	})

	it('goes on with its containers when its parent gets another name, starts none then, and does with the old name again', async () => {
		const rename = (from: string, to: string) => {
			const lines = `ip link set ${from} down; ip link set ${from} name ${to}; ip link set ${to} up`
			return host.exec(['sh', '-ec', lines])
		}
		await rename('eth1', 'lan1')
		await assertTogether()
		await refused(host, RUN_TWO, /the parent eth1 is not there/)
		await host.docker('rm', 'two')
		const create = ['network', 'create', '--driver', 'weft', '-o', 'mode=macvlan', '-o', 'parent=eth1', 'other']
		await refused(host, create, /parent="eth1" is no link of this host/)
		await rename('lan1', 'eth1')
		await runContainer(host, 'two', 'lan')
		await assertTogether()
		await removeAll()
	})
})
