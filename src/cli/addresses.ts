/** `weft ip` */
import type { AddressesView, AddressView, PoolView } from '../admin/api.ts'
import { type Command, shown } from './command.ts'
import { amount, called, facts, short, table } from './table.ts'

export const ip: Command = {
	name: 'ip',
	argument: 'NETWORK',
	summary: 'the addresses of a network: how many are used and free, and by whom',
	help: `Shows the address pools of a network, how many of their addresses can be given, are used and are free (in
the range of --ip-range, where there is one), and who has which address. Of an overlay network, which hosts of a
cluster share, it shows what this host has: its blocks, and its own containers. Where another IPAM than weft's gives the
addresses, only those are shown that the network uses.`,
	run: async (client, network) => {
		const found = await client.get<AddressesView>(`/networks/${encodeURIComponent(network)}/addresses`)
		return shown(found, textOf(found))
	},
}

export function textOf({ network, pools, addresses }: AddressesView): string {
	const head = facts([
		['Network', called(network.name, network.id)],
		...pools.map((pool) => ['Pool', poolOf(pool)] as const),
		...(pools.length === 0 ? [['Pool', "none of weft's: another IPAM gives the addresses"] as const] : []),
	])
	return `${head}\n${table(
		['ADDRESS', 'USED BY'],
		addresses.map((each) => [each.address, userOf(each)]),
	)}`
}

function poolOf({ pool, range, blocks, size, used, free }: PoolView): string {
	const numbers = `${amount(size)} addresses, ${amount(used)} used, ${amount(free)} free`
	if (blocks !== null) return `${pool}, of which this host has ${blocks.join(' ') || 'no block yet'}: ${numbers}`
	return `${pool}, ${numbers}${range === null ? '' : ` in ${range}`}`
}

function userOf({ kind, endpointId, container }: AddressView): string {
	if (kind === 'gateway') return 'the gateway'
	if (endpointId === null) return 'nobody, it is set aside'
	return container ?? `endpoint ${short(endpointId)}`
}
