/** What weft does when something else failed: the machine, dockerd, somebody's hand on the rules, or weft itself for a while. */

import assert from 'node:assert/strict'
import { after, afterEach, before, it } from 'node:test'
import type { Host } from '../support/host.ts'
import { IMAGE } from '../support/image.ts'
import { onHost, outsideOf, type Server, serve } from '../support/traffic.ts'
import { assertFootprint, type Footprint, footprint } from './footprint.ts'
import { createNetwork, onEngines, refused, runContainer, startDockerHost } from './networks.ts'
import { assertCleanUp, assertTalking, PORT, removePair, setUpPair } from './pair.ts'

onEngines('a network', (engine) => {
	let host: Host
	let clean: Footprint
	let server: Server | undefined

	before(async () => {
		host = await startDockerHost(engine, { dockerdArgs: ['--live-restore'] })
		server = await serve(outsideOf(host), 'tcp', PORT)
		await setUpPair(host)
		await removePair(host)
		await host.killWeftd('SIGKILL')
		await host.startWeftd()
		clean = await footprint(host)
	})
	afterEach(() => removePair(host))
	after(async () => {
		await server?.stop()
		await host?.stop()
	})

	it('is rebuilt after a reboot that took every bridge and rule', async () => {
		await createNetwork(host, 'net', '-o', 'com.docker.network.bridge.name=tubes')
		await host.stopDockerd()
		await host.killWeftd('SIGKILL')
		await host.exec(['ip', 'link', 'del', 'tubes'])
		await host.exec(['nft', 'flush', 'ruleset'])
		await host.exec(['sh', '-c', 'echo 0 | tee /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding'])
		await host.startWeftd()
		await host.startDockerd()
		// Docker does so only where it is the first to switch forwarding on.
		assert.match(await host.exec(['iptables', '-S', 'FORWARD']), /^-P FORWARD DROP/)
		await runContainer(host, 'one', 'net', '-p', '8080:80')
		await runContainer(host, 'two', 'net')
		await assertTalking(host)
		await host.docker('rm', '-f', 'one', 'two')
		await host.docker('network', 'rm', 'net')
		assert.notEqual((await host.attempt(['ip', 'link', 'show', 'tubes'])).code, 0)
		await assertFootprint(host, clean)
	})

	it('whose bridge has become a link of somebody else’s is removed without it, and made again when that is gone', async (t) => {
		t.after(() => host.attempt(['ip', 'link', 'del', 'pipes']))
		const words = ['-o', 'com.docker.network.bridge.name=tubes']
		await createNetwork(host, 'net', ...words)
		await host.killWeftd('SIGKILL')
		await host.exec(['ip', 'link', 'del', 'tubes'])
		await host.exec(['ip', 'link', 'add', 'tubes', 'type', 'veth', 'peer', 'name', 'pipes'])
		await host.startWeftd()
		await refused(host, ['run', '--rm', '--net', 'net', IMAGE, 'true'], /tubes is not a bridge/)
		await host.docker('network', 'rm', 'net')
		const create = ['network', 'create', '--driver', 'weft', '--ipam-driver', 'weft', ...words, 'net']
		await refused(host, create, /tubes.* not a bridge|tubes.* no bridge/)
		await host.exec(['ip', 'link', 'del', 'tubes'])
		await setUpPair(host, ...words)
		await assertTalking(host)
		await assertCleanUp(host, clean)
	})

	it('is repaired under running containers when somebody flushed the rules', async () => {
		await setUpPair(host)
		await host.exec(['nft', 'delete', 'table', 'inet', 'weft'])
		await host.killWeftd('SIGKILL')
		await host.startWeftd()
		await assertTalking(host)
		await assertCleanUp(host, clean)
	})

	it('survives a restart of dockerd with running containers', async () => {
		await setUpPair(host)
		await host.stopDockerd()
		await host.startDockerd()
		await assertTalking(host)
		await assertCleanUp(host, clean)
	})

	it('survives the death of dockerd with running containers', async () => {
		await setUpPair(host)
		await host.stopDockerd('SIGKILL')
		await host.startDockerd()
		await assertTalking(host)
		await host.docker('restart', '-t', '0', 'one', 'two')
		await assertTalking(host)
		await assertCleanUp(host, clean)
	})

	it('frees the port of a container that stopped while weftd was away, at the next start', async () => {
		await setUpPair(host)
		await host.killWeftd('SIGKILL')
		// As the end of a sandbox leaves it, without the 15 s for which dockerd looks for weftd: both ends on the host.
		const { link, peer } = await pairOf('one')
		await host.exec([
			'nsenter',
			`--net=/proc/${await host.docker('inspect', '-f', '{{.State.Pid}}', 'one')}/ns/net`,
			'--',
			'ip',
			'link',
			'set',
			'eth0',
			'down',
			'name',
			peer,
			'netns',
			'1',
		])
		await host.exec(['ip', 'link', 'show', peer])
		await host.startWeftd()
		// It serves before it has restored its networks.
		await host.weftd.ready(async () => (await host.attempt(['ip', 'link', 'show', link])).code !== 0)
		const busy = await serve(onHost(host), 'tcp', 8080)
		await busy.stop()
		await host.docker('restart', '-t', '0', 'one')
		await assertTalking(host)
		await assertCleanUp(host, clean)
	})

	/** The host's end of a container's link, and what the other end was called before dockerd moved it. */
	async function pairOf(name: string): Promise<{ link: string; peer: string }> {
		const index = (await host.docker('exec', name, 'cat', '/sys/class/net/eth0/iflink')).trim()
		const links: { ifindex: number; ifname: string }[] = JSON.parse(await host.exec(['ip', '-j', 'link']))
		const link = links.find(({ ifindex }) => ifindex === Number(index))?.ifname ?? ''
		return { link, peer: `${link}p` }
	}
})
