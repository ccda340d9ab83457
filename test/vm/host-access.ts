/**
 * host_access through Docker on ipvlan: the host and its containers reach each other, over the end of weftd and dockerd. Runs
 * in host-access-vm.test.ts.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { assertFootprint, type Footprint, footprint } from '../e2e/footprint.ts'
import { noHost } from '../support/host.ts'
import { HOST_V4 } from '../support/host-namespaces.ts'
import { assertReaches, onHost, outsideOf } from '../support/traffic.ts'
import { assertAllPing, assertDials, HOST, LAN6, Lan, ONE, PORT } from './lan.ts'

describe('an ipvlan network with host_access', { skip: noHost() }, () => {
	let lan: Lan
	let clean: Footprint

	before(async () => {
		lan = await Lan.start()
		clean = await footprint(lan.host)
	})
	afterEach(() => lan.clear())
	after(() => lan?.stop())

	async function assertTogether(): Promise<void> {
		const place = await lan.assertOnLan()
		await assertAllPing(onHost(lan.host), ONE, 'host to container')
		await assertAllPing(place, HOST, 'container to host')
		await assertReaches(outsideOf(lan.host), 'tcp', HOST_V4, PORT)
		await assertDials(place, HOST)
	}

	for (const mode of ['l2', 'l3', 'l3s']) {
		it(`ipvlan_mode=${mode}: is beside its host, over the end of weftd and dockerd, and leaves it as it was`, async () => {
			const { host } = lan
			await lan.create(...LAN6, '-o', `ipvlan_mode=${mode}`, '-o', 'host_access=true')
			await lan.run('one', ONE)
			await lan.tell('add', mode)
			await assertTogether()
			await host.killWeftd('SIGKILL')
			await host.startWeftd()
			await assertTogether()
			await host.stopDockerd('SIGKILL')
			await host.startDockerd()
			await host.docker('start', 'one')
			await assertTogether()
			await host.docker('stop', '-t', '0', 'one')
			assert.doesNotMatch(await host.exec(['ip', 'route']), /203\.0\.113\.150/)
			await lan.tell('del', mode)
			await host.docker('rm', 'one')
			await host.docker('network', 'rm', 'lan')
			await assertFootprint(host, clean)
		})
	}
})
