/** A thousand networks through the plugin socket: made, listed, restored by a new daemon, taken away, with the same rules as for one. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { NetworkDetail, NetworkSummary, PortView } from '../../src/admin/api.ts'
import { AdminClient } from '../../src/cli/client.ts'
import { addMember, type Member, moveIn, portsOf, removeMember, type Sandbox } from '../support/crowd.ts'
import { type Host, noHost, startHost } from '../support/host.ts'
import { Wire } from '../support/wire.ts'
import { assertFootprint, type Footprint, footprint } from './footprint.ts'

const NETWORKS = 1000
/** Networks that are taken away at the same time: the kernel waits for each link, and may wait for several. */
const AT_ONCE = 20
/** Room for a thousand subnets. */
const WEFT_POOLS = '10.128.0.0/9:24'
/** Of the tables with weft's name. */
const FAMILIES = ['inet', 'bridge']

describe('a thousand networks', { skip: noHost() }, () => {
	let host: Host
	let wire: Wire
	let weft: AdminClient
	let clean: Footprint
	const members: Member[] = []
	let sandbox: Sandbox | undefined

	before(async () => {
		host = await startHost({ dockerd: false, env: { WEFT_POOLS, WEFT_LOG_LEVEL: 'info' } })
		wire = new Wire(host.path('/run/docker/plugins/weft.sock'))
		weft = new AdminClient(host.path('/run/weft/admin.sock'))
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
		sandbox = await moveIn(
			host,
			members.flatMap(({ endpoints }) => endpoints),
		)
	})

	it('are listed, and are in the kernel, with every endpoint and port that Docker was promised', () => assertAllThere())

	it('are all true again after a restart of weftd, with tables, a bridge and an address lost meanwhile', async () => {
		const [sets, counts] = [await elements(host), await rules(host)]
		const [first, second] = await weft.get<NetworkSummary[]>('/networks')
		wire.close()
		await host.stopWeftd()
		for (const family of FAMILIES) await host.exec(['nft', 'delete', 'table', family, 'weft'])
		await host.exec(['ip', 'link', 'del', first?.bridge ?? ''])
		await host.exec(['ip', 'addr', 'flush', 'dev', second?.bridge ?? ''])
		await host.startWeftd()
		wire = new Wire(host.path('/run/docker/plugins/weft.sock'))
		// Waits until everything is restored.
		await wire.call('NetworkDriver.EndpointOperInfo', { NetworkID: members[0]?.network.id, EndpointID: 'none' })
		assert.deepEqual(await elements(host), sets)
		assert.deepEqual(await rules(host), counts)
		await assertAllThere()
	})

	it('leave nothing when they are taken away', async () => {
		while (members.length > 0) await Promise.all(members.splice(-AT_ONCE).map((member) => removeMember(wire, member)))
		assert.deepEqual(wire.logged, [])
		await sandbox?.end()
		await assertFootprint(host, clean)
	})

	async function assertAllThere(): Promise<void> {
		const listed = await weft.get<NetworkSummary[]>('/networks')
		const details: NetworkDetail[] = []
		for (const { id } of listed) details.push(await weft.get<NetworkDetail>(`/networks/${id}`))
		assert.deepEqual(details.flatMap(described).sort(), members.flatMap(promised).sort())
		assert.equal((await weft.get<PortView[]>('/ports')).length, 4 * NETWORKS)
		assert.deepEqual(await bridgesOf(host), details.map(bridgeOf).sort())
		const sets = await elements(host)
		assert.equal(sets.get('inet bridges')?.length, NETWORKS)
		assert.equal(sets.get('inet endpoints4')?.length, 2 * NETWORKS)
		assert.equal(sets.get('inet publish4_any')?.length, 4 * NETWORKS)
	}
})

/** The endpoints of a network, as Docker was answered. */
function promised({ network, endpoints }: Member, number: number): string[] {
	return endpoints.map(({ id, ipv4, mac }, container) => {
		const ports = portsOf(number, container).map(({ HostPort, Port }) => `${HostPort}:${Port}`)
		return [network.id, id, ipv4, mac, 'attached', ...ports].join(' ')
	})
}

/** The same, as weft lists them. */
function described({ network, endpoints }: NetworkDetail): string[] {
	return endpoints.map(({ id, ipv4, mac, attached, ports }) => {
		const numbers = ports.map(({ hostPort, containerPort }) => `${hostPort}:${containerPort}`)
		return [network.id, id, ipv4, mac, attached ? 'attached' : 'lost', ...numbers].join(' ')
	})
}

/** The bridge of a network with its addresses and its ports, as weft lists them. */
function bridgeOf({ network: { bridge, gateways }, endpoints }: NetworkDetail): string {
	return [bridge, ...gateways, ...endpoints.map(({ link }) => link).sort()].join(' ')
}

interface Link {
	readonly ifname: string
	readonly master?: string
	readonly addr_info: readonly { readonly family: string; readonly local: string }[]
}

/** The same of every bridge, as the kernel has them. */
async function bridgesOf(host: Host): Promise<string[]> {
	const links: Link[] = JSON.parse(await host.exec(['ip', '-j', 'addr']))
	const bridges = links.filter(({ ifname }) => ifname.startsWith('weft'))
	return bridges
		.map(({ ifname, addr_info }) => {
			const addresses = addr_info.filter(({ family }) => family === 'inet').map(({ local }) => local)
			const ports = links.filter(({ master }) => master === ifname).map((port) => port.ifname)
			return [ifname, ...addresses, ...ports.sort()].join(' ')
		})
		.sort()
}

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

async function table(host: Host, family: string): Promise<NftObject[]> {
	return JSON.parse(await host.exec(['nft', '-j', 'list', 'table', family, 'weft'])).nftables
}

/** The chains of weft's tables, how many rules there are in each table, and what iptables has. */
async function rules(host: Host): Promise<readonly unknown[]> {
	const tables = await Promise.all(FAMILIES.map((family) => table(host, family)))
	const own = tables.map((objects) => {
		const chains = objects.flatMap(({ chain }) => chain?.name ?? [])
		return [chains, objects.filter(({ rule }) => rule !== undefined).length]
	})
	const others = await Promise.all(['iptables', 'ip6tables'].map((program) => host.exec([program, '-S'])))
	return [...own, ...others]
}

/** What each set of weft's has in it. */
async function elements(host: Host): Promise<Map<string, string[]>> {
	const all = new Map<string, string[]>()
	for (const family of FAMILIES) {
		const sets = (await table(host, family)).flatMap(({ set, map }) => set ?? map ?? [])
		for (const { name, elem = [] } of sets)
			all.set(`${family} ${name}`, elem.map((each) => JSON.stringify(each)).sort())
	}
	return all
}
