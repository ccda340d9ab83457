/** Containers that give their link to a network namespace of their own inside, as Docker in Docker may. */
import assert from 'node:assert/strict'
import { after, afterEach, before, it } from 'node:test'
import { attempt } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { OUTSIDE_V4 } from '../support/host-namespaces.ts'
import { assertPings, type Place } from '../support/traffic.ts'
import { assertFootprint, type Footprint, footprint } from './footprint.ts'
import { addressOf, createNetwork, haveForwarding, onOuterEngines, runContainer, startDockerHost } from './networks.ts'

const LAN = ['--subnet', '203.0.113.0/24', '--ip-range', '203.0.113.128/25', '--gateway', OUTSIDE_V4]
const MAY_NEST = ['--cap-add', 'NET_ADMIN', '--cap-add', 'SYS_ADMIN', '--security-opt', 'seccomp=unconfined']
/** What makes a network of each mode, and whether the link stays inside when its container is taken off the network. */
const MODES = [
	{ mode: 'bridge', words: [], stays: false },
	{ mode: 'host', words: ['-o', 'mode=host'], stays: false },
	{
		mode: 'macvlan',
		words: ['-o', 'mode=macvlan', '-o', 'parent=eth0', '-o', 'host_access=true', ...LAN],
		stays: true,
	},
]

onOuterEngines('a link that its container has given to a namespace inside', (engine) => {
	let host: Host
	let clean: Footprint
	before(async () => {
		host = await startDockerHost(engine)
		await haveForwarding(host)
		clean = await footprint(host)
	})
	afterEach(async () => {
		await host.attemptDocker('rm', '-f', 'one', 'two')
		await host.attemptDocker('network', 'rm', 'net')
	})
	after(() => host?.stop())

	/** Gives the link of `one`, with its address, to a process inside, from which `two` is reached then. */
	async function nest(): Promise<Place> {
		const process = 'rm -f /tmp/inside; unshare -n sh -c "echo \\$\\$ >/tmp/inside; exec sleep 86400"'
		await host.docker('exec', '-d', 'one', 'sh', '-c', process)
		const pid = async () => (await host.attemptDocker('exec', 'one', 'cat', '/tmp/inside')).stdout.trim()
		await eventually(async () => /^\d+$/.test(await pid()), { what: 'the process inside' })
		const inside = ['exec', 'one', 'nsenter', '-t', await pid(), '-n']
		await host.docker('exec', 'one', 'ip', 'link', 'set', 'eth0', 'netns', await pid())
		const up = `ip addr add ${await addressOf(host, 'one', 'net')}/24 dev eth0; ip link set eth0 up`
		await host.docker(...inside, 'sh', '-ec', up)
		const place: Place = (argv) => host.enter(['docker', ...inside, ...argv])
		await assertPings(place, await addressOf(host, 'two', 'net'))
		return place
	}

	for (const { mode, words, stays } of MODES) {
		it(`goes when its container ends, and does not keep it from starting again (${mode})`, async () => {
			await createNetwork(host, 'net', ...words)
			await runContainer(host, 'two', 'net')
			await runContainer(host, 'one', 'net', ...MAY_NEST)
			await nest()
			await host.docker('restart', '-t', '0', 'one')
			await nest()
			await host.docker('kill', 'one')
			await host.docker('start', 'one')
			await nest()
			await host.killWeftd()
			await host.startWeftd()
			await host.docker('rm', '-f', 'one', 'two')
			await host.docker('network', 'rm', 'net')
			await assertFootprint(host, clean)
		})

		it(`${stays ? 'stays until its container ends' : 'goes'} when its container is taken off the network (${mode})`, async () => {
			await createNetwork(host, 'net', ...words)
			await runContainer(host, 'two', 'net')
			await runContainer(host, 'one', 'net', ...MAY_NEST)
			const inside = await nest()
			await host.docker('network', 'disconnect', 'net', 'one')
			assert.equal((await attempt(inside(['ip', 'link', 'show', 'eth0']))).code === 0, stays)
			await host.docker('network', 'connect', 'net', 'one')
			await host.docker('exec', 'one', 'ping', '-c', '1', '-W', '5', 'two')
			await host.docker('rm', '-f', 'one', 'two')
			await host.docker('network', 'rm', 'net')
			await assertFootprint(host, clean)
		})
	}
})
