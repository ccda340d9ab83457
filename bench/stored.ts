/**
 * Endpoints as a weftd that has ended leaves them: on record, with links whose other ends are in a container. Made beside
 * weftd, which would take minutes for ten thousand of them.
 */

import { first, formatCidr, formatIp, formatMac, parseCidr, toBytes } from '../src/model/address.ts'
import { linkName, peerName } from '../src/model/names.ts'
import { type BridgeNetwork, type Endpoint, hasBridge } from '../src/model/network.ts'
import { LevelStore } from '../src/store/level.ts'
import type { Change } from '../src/store/store.ts'
import { networkCreate } from '../test/contract/cnm-order-network.ts'
import { startSandbox } from '../test/support/crowd.ts'
import { newId, Wire } from '../test/support/wire.ts'
import type { Rig } from './rig.ts'

/** On each network; a bridge has room for 1,023. */
const CONTAINERS = 125

interface Stored {
	readonly endpoint: Endpoint
	readonly bridge: string
	readonly changes: readonly Change[]
}

/** `count` more of them, a multiple of 125. weftd runs before, and has ended afterwards. */
export async function storeEndpoints({ host, stateDir }: Rig, count: number): Promise<void> {
	const wire = new Wire(host.path('/run/docker/plugins/weft.sock'))
	const ids = new Set<string>()
	for (let i = 0; i < count / CONTAINERS; i++) ids.add((await networkCreate(wire, '20.10', {})).id)
	wire.close()
	await host.stopWeftd()
	const store = await LevelStore.open(stateDir)
	const networks = store.list('network', '').filter(hasBridge)
	const all = networks.filter(({ id }) => ids.has(id)).flatMap((network) => endpointsOn(network, store))
	await store.commit(all.flatMap(({ changes }) => changes))
	await store.close()
	const { pid } = await startSandbox(host)
	// As dockerd has it on networks without IPv6; the neighbour discovery of ten thousand links would take both CPUs.
	const enter = ['nsenter', '-t', pid, '-n', '--']
	await host.exec([...enter, 'sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1'])
	const outer = all.flatMap(({ endpoint: { link }, bridge }) => [
		`link add ${link} type veth peer name ${peerName(link)} netns ${pid}`,
		`link set ${link} master ${bridge} up`,
	])
	const inner = all.map(({ endpoint: { link, mac } }) => `link set ${peerName(link)} address ${mac} up`)
	await host.exec(['ip', '-batch', '-'], { input: outer.join('\n'), timeout: 300_000 })
	await host.exec([...enter, 'ip', '-batch', '-'], { input: inner.join('\n'), timeout: 300_000 })
}

function endpointsOn({ id: networkId, ipv4, bridge }: BridgeNetwork, store: LevelStore): Stored[] {
	const pool = ipv4[0]?.pool ?? ''
	const poolId = store.list('pool', '').find((each) => each.pool === pool)?.id ?? ''
	const cidr = parseCidr(pool)
	return Array.from({ length: CONTAINERS }, (_, i) => {
		// The first is the gateway's.
		const ip = { family: cidr.family, value: first(cidr).value + BigInt(2 + i) }
		const address = formatIp(ip)
		const id = newId()
		const mac = formatMac(Uint8Array.of(0x02, 0x42, ...toBytes(ip)))
		const addresses = { ipv4: formatCidr({ ...ip, prefix: cidr.prefix }), mac }
		const endpoint: Endpoint = { id, networkId, ...addresses, link: linkName(id), published: [] }
		const changes: Change[] = [
			{ kind: 'endpoint', group: networkId, id, value: endpoint },
			{ kind: 'lease', group: poolId, id: address, value: { poolId, address, kind: 'endpoint' } },
		]
		return { endpoint, bridge, changes }
	})
}
