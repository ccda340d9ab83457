/** What other programs do to a Docker host's rules is made good within seconds, and counted in weftd's log. */

import assert from 'node:assert/strict'
import { after, afterEach, before, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Host } from '../support/host.ts'
import { HOST_V4 } from '../support/host-namespaces.ts'
import { converse, inContainer, outsideOf, type Server, serve } from '../support/traffic.ts'
import { createNetwork, onEngines, startDockerHost } from './networks.ts'
import { assertTalking, PORT, removePair, runPair, setUpPair } from './pair.ts'
import { placesOfRule, repaired } from './repaired.ts'

onEngines('a network of Docker', (engine) => {
	let host: Host
	let server: Server | undefined
	before(async () => {
		host = await startDockerHost(engine)
		server = await serve(outsideOf(host), 'tcp', PORT)
	})
	afterEach(() => removePair(host))
	after(async () => {
		await server?.stop()
		await host?.stop()
	})

	it('goes on after nft flush ruleset, with its connections', async (t) => {
		await setUpPair(host)
		const web = await serve(await inContainer(host, 'one'), 'tcp', 80)
		t.after(() => web.stop())
		const call = await converse(outsideOf(host), HOST_V4, 8080)
		t.after(() => call.stop())
		await call.echo('before')
		// The acknowledgement of that: a packet that comes in between is answered by the host, with a reset.
		await sleep(200)
		await repaired(
			host,
			() => host.exec(['nft', 'flush', 'ruleset']),
			/because nft deleted \w+ weft: made weft's tables anew/,
		)
		await call.echo('after')
		await call.stop()
		await web.stop()
		await assertTalking(host)
	})

	it('is let through when dockerd has made its chains anew, and shut FORWARD', async () => {
		await createNetwork(host, 'net')
		await host.stopDockerd()
		await host.exec(['nft', 'flush', 'ruleset'])
		await repaired(host, () => host.startDockerd(), /put the rule into iptables-nft DOCKER-USER/)
		assert.deepEqual(await placesOfRule(host), ['DOCKER-USER'])
		await host.exec(['iptables', '-P', 'FORWARD', 'DROP'])
		await runPair(host)
		await assertTalking(host)
	})

	it('goes on after iptables -F DOCKER-USER', async () => {
		await setUpPair(host)
		await repaired(
			host,
			() => host.exec(['iptables', '-F', 'DOCKER-USER']),
			/put the rule into iptables-nft DOCKER-USER/,
		)
		await assertTalking(host)
	})

	it("goes on after iptables -F FORWARD, and has its one rule back in Docker's chain when dockerd starts again", async () => {
		await setUpPair(host)
		await repaired(host, () => host.exec(['iptables', '-F', 'FORWARD']), /put the rule into iptables-nft FORWARD/)
		assert.deepEqual(await placesOfRule(host), ['FORWARD'])
		await assertTalking(host)
		await host.docker('rm', '-f', 'one', 'two')
		await host.stopDockerd()
		await repaired(host, () => host.startDockerd(), /put the rule into iptables-nft DOCKER-USER/)
		assert.deepEqual(await placesOfRule(host), ['DOCKER-USER'])
		await runPair(host)
		await assertTalking(host)
	})

	it('goes on where the end of FORWARD drops what is left', async () => {
		await setUpPair(host)
		for (const program of ['iptables', 'ip6tables']) await host.exec([program, '-A', 'FORWARD', '-j', 'DROP'])
		await assertTalking(host)
		for (const program of ['iptables', 'ip6tables']) await host.exec([program, '-D', 'FORWARD', '-j', 'DROP'])
	})
})
