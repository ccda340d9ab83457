/** A thousand networks through the plugin socket: made, restored by a new daemon, taken away, with the same rules as for one. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { addMember, type Member, moveIn, removeMember } from '../support/crowd.ts'
import { type Host, noHost, startHost } from '../support/host.ts'
import { Wire } from '../support/wire.ts'
import { assertFootprint, type Footprint, footprint } from './footprint.ts'

const NETWORKS = 1000
/** Networks that are taken away at the same time: the kernel waits for each link, and may wait for several. */
const AT_ONCE = 20
/** Room for a thousand subnets. */
const WEFT_POOLS = '10.128.0.0/9:24'

describe('a thousand networks', { skip: noHost() }, () => {
	let host: Host
	let wire: Wire
	let clean: Footprint
	const members: Member[] = []
	let sandbox: { end(): Promise<void> } | undefined

	before(async () => {
		host = await startHost({ dockerd: false, env: { WEFT_POOLS, WEFT_LOG_LEVEL: 'info' } })
		wire = new Wire(host.path('/run/docker/plugins/weft.sock'))
		clean = await footprint(host)
	})
	after(async () => {
		wire?.close()
		await host?.stop()
	})

	it('have as many chains and rules as one', async () => {
		members.push(await addMember(wire, 0))
		const one = await rules(host)
		for (let number = 1; number < NETWORKS; number++) members.push(await addMember(wire, number))
		assert.deepEqual(await rules(host), one)
		assert.deepEqual(wire.logged, [])
		await assertAllThere()
	})

	it('answer for every endpoint', async () => {
		for (const { network, endpoints } of members) {
			for (const { id } of endpoints) {
				const ref = { NetworkID: network.id, EndpointID: id }
				assert.deepEqual(await wire.call('NetworkDriver.EndpointOperInfo', ref), { Value: {} })
			}
		}
	})

	it('are all true again after a restart of weftd, with the firewall flushed meanwhile', async () => {
		sandbox = await moveIn(host, members)
		const expected = await elements(host)
		wire.close()
		await host.stopWeftd()
		await host.exec(['nft', 'delete', 'table', 'inet', 'weft'])
		await host.startWeftd()
		wire = new Wire(host.path('/run/docker/plugins/weft.sock'))
		// Waits until everything is restored.
		await wire.call('NetworkDriver.EndpointOperInfo', { NetworkID: members[0]?.network.id, EndpointID: 'none' })
		assert.deepEqual(await elements(host), expected)
		await assertAllThere()
	})

	it('leave nothing when they are taken away', async () => {
		while (members.length > 0) await Promise.all(members.splice(-AT_ONCE).map((member) => removeMember(wire, member)))
		assert.deepEqual(wire.logged, [])
		await sandbox?.end()
		await assertFootprint(host, clean)
	})

	async function assertAllThere(): Promise<void> {
		const links: { ifname: string; master?: string }[] = JSON.parse(await host.exec(['ip', '-j', 'link']))
		assert.equal(links.filter(({ ifname }) => ifname.startsWith('weft')).length, NETWORKS)
		assert.equal(links.filter(({ master }) => master?.startsWith('weft')).length, 2 * NETWORKS)
		const counts = await elements(host)
		assert.equal(counts.get('bridges'), NETWORKS)
		assert.equal(counts.get('endpoints4'), 2 * NETWORKS)
		assert.equal(counts.get('publish4_any'), 4 * NETWORKS)
	}
})

interface NftObject {
	readonly chain?: { readonly name: string }
	readonly rule?: unknown
	readonly set?: NftSet
	readonly map?: NftSet
}

interface NftSet {
	readonly name: string
	readonly elem?: readonly unknown[]
}

async function table(host: Host): Promise<NftObject[]> {
	return JSON.parse(await host.exec(['nft', '-j', 'list', 'table', 'inet', 'weft'])).nftables
}

/** How many chains and rules there are in weft's table, and what iptables has. */
async function rules(host: Host): Promise<readonly unknown[]> {
	const objects = await table(host)
	const chains = objects.flatMap(({ chain }) => chain?.name ?? [])
	return [chains, objects.filter(({ rule }) => rule !== undefined).length, await host.exec(['iptables', '-S'])]
}

/** How many elements each set has. */
async function elements(host: Host): Promise<Map<string, number>> {
	const sets = (await table(host)).flatMap(({ set, map }) => set ?? map ?? [])
	return new Map(sets.map(({ name, elem = [] }) => [name, elem.length]))
}
