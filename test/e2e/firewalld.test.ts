/**
 * A host with firewalld, which rejects what it was not told of. weft's bridges have a zone of their own; what weft's own
 * rules do not allow stays shut.
 */

import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import type { Daemon } from '../support/daemon.ts'
import { eventually } from '../support/eventually.ts'
import { installFirewalls, noFirewalls, restartFirewalld, startFirewalld } from '../support/firewalls.ts'
import { type Host, startHost } from '../support/host.ts'
import { HOST_V4, INTERNET_V4 } from '../support/host-namespaces.ts'
import { loadImage } from '../support/image.ts'
import { assertReaches, inContainer, onHost, outsideOf, reaches, type Server, serve } from '../support/traffic.ts'
import { addressOf, createNetwork } from './networks.ts'
import { assertTalking, PORT, removePair, runPair, setUpPair } from './pair.ts'
import { PROMISE } from './repaired.ts'

const WITHIN = { within: PROMISE }

describe('a host with firewalld', { skip: noFirewalls() }, () => {
	let host: Host
	let firewalld: Daemon
	const servers: Server[] = []

	before(async () => {
		host = await startHost({ dockerd: false, weftd: false })
		await installFirewalls(host)
		firewalld = await startFirewalld(host)
		await host.startWeftd()
		await host.startDockerd()
		await loadImage(host)
		servers.push(await serve(outsideOf(host), 'tcp', PORT), await serve(onHost(host), 'tcp', PORT))
		await setUpPair(host)
		await eventually(() => isInZone('weft+'))
		await removePair(host)
	})
	afterEach(() => removePair(host))
	after(async () => {
		await Promise.all(servers.map((server) => server.stop()))
		await host?.stop()
	})

	async function firewallCmd(...args: string[]): Promise<string> {
		return await host.exec(['firewall-cmd', ...args])
	}

	async function isInZone(link: string): Promise<boolean> {
		return (await host.attempt(['firewall-cmd', '--zone=weft', `--query-interface=${link}`])).code === 0
	}

	/** firewalld takes away iptables' rules as well when it is loaded anew, and dockerd then makes its own again. */
	async function assertTalkingAgain(): Promise<void> {
		await eventually(async () => {
			return / DOCKER-USER .*--comment weft /.test(await host.exec(['iptables-save', '-t', 'filter']))
		}, WITHIN)
		await assertTalking(host)
	}

	it('lets containers out and in through published ports, which it does not without the zone', async () => {
		await setUpPair(host)
		await assertTalking(host)
		const one = await inContainer(host, 'one')
		await assertReaches(one, 'tcp', HOST_V4, PORT, 'a service of the host')
		await firewallCmd('--zone=weft', '--remove-interface=weft+')
		assert.ok(!(await reaches(one, 'tcp', INTERNET_V4, PORT)), 'out, without the zone')
		assert.ok(!(await reaches(one, 'tcp', HOST_V4, PORT)), 'to the host, without the zone')
		await firewallCmd('--zone=weft', '--add-interface=weft+')
		await assertTalking(host)
	})

	it('is opened no further than weft allows', async () => {
		await setUpPair(host)
		await createNetwork(host, 'apart')
		await host.docker('run', '-d', '--name', 'other', '--net', 'apart', 'weft-test')
		try {
			const [one, other] = [await inContainer(host, 'one'), await inContainer(host, 'other')]
			const server = await serve(one, 'tcp', PORT)
			const address = await addressOf(host, 'one', 'net')
			await host.outside(['ip', 'route', 'replace', address, 'via', HOST_V4])
			assert.ok(!(await reaches(outsideOf(host), 'tcp', address, PORT)), 'past the published port')
			assert.ok(!(await reaches(other, 'tcp', address, PORT)), 'from another network')
			await assertReaches(await inContainer(host, 'two'), 'tcp', address, PORT, 'from its own network')
			await assertReaches(other, 'tcp', INTERNET_V4, PORT)
			await server.stop()
		} finally {
			await host.attemptDocker('rm', '-f', 'other')
			await host.attemptDocker('network', 'rm', 'apart')
		}
	})

	it('lets them pass after it was loaded anew', async () => {
		await setUpPair(host)
		await firewallCmd('--reload')
		await assertTalkingAgain()
	})

	it('lets them pass after it was started anew', async () => {
		await setUpPair(host)
		await restartFirewalld(host, firewalld)
		await assertTalkingAgain()
	})

	it('has a bridge with a name of its own in the zone while its network lives, after a reload too', async () => {
		await setUpPair(host, '-o', 'com.docker.network.bridge.name=tubes')
		await eventually(() => isInZone('tubes'), WITHIN)
		await assertTalking(host)
		await firewallCmd('--reload')
		await eventually(() => isInZone('tubes'), WITHIN)
		await assertTalkingAgain()
		assert.match(host.weftd.log, /"repairs":\d+,"msg":"repaired, because \S+ made inet firewalld: put tubes into/)
		await removePair(host)
		await eventually(async () => !(await isInZone('tubes')), WITHIN)
	})

	it('gets its zone when it starts after weft', async () => {
		await firewallCmd('--permanent', '--delete-policy=weft-forwarding')
		await firewallCmd('--permanent', '--delete-zone=weft')
		await firewalld.end('SIGTERM')
		await createNetwork(host, 'net')
		assert.equal((await host.attempt(['nft', 'list', 'table', 'inet', 'firewalld'])).code, 1)
		await restartFirewalld(host, firewalld)
		await eventually(() => isInZone('weft+'), WITHIN)
		await runPair(host)
		await assertTalkingAgain()
	})
})
