/** A host whose admin has chosen legacy iptables, which Docker then uses too: weft finds it there, and follows what changes. */

import assert from 'node:assert/strict'
import { after, afterEach, before, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import type { Host } from '../support/host.ts'
import { INTERNET_V4 } from '../support/host-namespaces.ts'
import { loadImage } from '../support/image.ts'
import { inContainer, outsideOf, reaches, type Server, serve } from '../support/traffic.ts'
import { type Footprint, footprint } from './footprint.ts'
import { onEngines, startDockerHost } from './networks.ts'
import { assertCleanUp, assertTalking, PORT, removePair, runPair, setUpPair } from './pair.ts'
import { placesOfRule, repaired } from './repaired.ts'

/** What `update-alternatives --set iptables /usr/sbin/iptables-legacy` leaves, in the host's mount namespace only. */
const ALTERNATIVES = `
set -e
mkdir /run/alternatives
for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
	ln -s "/usr/sbin/$(echo "$name" | sed 's/tables/tables-legacy/')" /run/alternatives/$name
done
mount -t overlay overlay -o lowerdir=/run/alternatives:/etc/alternatives /etc/alternatives
`

onEngines('a host with legacy iptables', (engine) => {
	let host: Host
	let server: Server | undefined
	let clean: Footprint

	before(async () => {
		host = await startDockerHost(engine, { dockerd: false })
		await host.exec(['sh', '-c', ALTERNATIVES])
		await host.startDockerd()
		await loadImage(host)
		server = await serve(outsideOf(host), 'tcp', PORT)
		await setUpPair(host)
		await removePair(host)
		clean = await footprint(host)
	})
	afterEach(() => removePair(host))
	after(async () => {
		await server?.stop()
		await host?.stop()
	})

	/** The rule is in these chains of legacy iptables, and nowhere in the other. */
	async function assertPlaces(...chains: readonly string[]): Promise<void> {
		assert.deepEqual(await placesOfRule(host, 'iptables-legacy'), chains)
		assert.deepEqual(await placesOfRule(host, 'iptables-nft'), [])
	}

	it('goes on after flushes, and has its one rule back in Docker’s chain when dockerd starts again', async () => {
		await setUpPair(host)
		await repaired(host, () => host.exec(['iptables', '-F', 'DOCKER-USER']), /into iptables-legacy DOCKER-USER/)
		await assertTalking(host)
		await repaired(host, () => host.exec(['iptables', '-F', 'FORWARD']), /into iptables-legacy FORWARD/)
		await assertPlaces('FORWARD')
		await assertTalking(host)
		await host.docker('rm', '-f', 'one', 'two')
		await host.stopDockerd()
		await repaired(host, () => host.startDockerd(), /into iptables-legacy DOCKER-USER/)
		await assertPlaces('DOCKER-USER')
		await runPair(host)
		await assertTalking(host)
	})

	it('has FORWARD shut by dockerd, and weft’s packets pass by the one rule there', async () => {
		await setUpPair(host)
		const rules = (await host.exec(['iptables-legacy', '-S'])).split('\n')
		for (const each of ['-P FORWARD DROP', '-A FORWARD -j DOCKER-USER']) assert.ok(rules.includes(each), each)
		assert.doesNotMatch(await host.exec(['iptables-nft', '-S']), /DROP|DOCKER/)
		await assertPlaces('DOCKER-USER')
		await assertTalking(host)

		const one = await inContainer(host, 'one')
		await host.killWeftd()
		const ours = rules.find((line) => line.includes('--comment weft')) ?? ''
		await host.exec(['iptables', ...ours.replace('-A', '-D').split(' ')])
		assert.ok(!(await reaches(one, 'tcp', INTERNET_V4, PORT)), 'out, without the rule')
		await host.startWeftd()
		await eventually(async () => (await placesOfRule(host)).length > 0)
		await assertTalking(host)
	})

	it('is in the end as it was', async () => {
		await setUpPair(host)
		await assertCleanUp(host, clean)
		await assertPlaces()
	})
})
