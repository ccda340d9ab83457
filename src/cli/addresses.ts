/** `weft ip` */
import type { AddressesView, AddressView } from '../admin/api.ts'
import { type Command, shown } from './command.ts'
import { amount, called, facts, short, table } from './table.ts'

export const ip: Command = {
	name: 'ip',
	argument: 'NETWORK',
	summary: 'the addresses of a network: how many are used and free, and by whom',
	help: `Shows the address pools of a network, how many of their addresses can be given, are used and are free (in
the range of --ip-range, where there is one), and who has which address. Where another IPAM than weft's
gives the addresses, only those are shown that the network uses.`,
	run: async (client, network) => {
		const found = await client.get<AddressesView>(`/networks/${encodeURIComponent(network)}/addresses`)
		return shown(found, textOf(found))
	},
}

export function textOf({ network, pools, addresses }: AddressesView): string {
	const head = facts([
		['Network', called(network.name, network.id)],
		...pools.map(({ pool, range, size, used, free }): [string, string] => {
			const where = range === null ? '' : ` in ${range}`
			return ['Pool', `${pool}, ${amount(size)} addresses, ${amount(used)} used, ${amount(free)} free${where}`]
		}),
		...(pools.length === 0 ? [['Pool', "none of weft's: another IPAM gives the addresses"] as const] : []),
	])
	return `${head}\n${table(
		['ADDRESS', 'USED BY'],
		addresses.map((each) => [each.address, userOf(each)]),
	)}`
}

function userOf({ kind, endpointId, container }: AddressView): string {
	if (kind === 'gateway') return 'the gateway'
	if (endpointId === null) return 'nobody, it is set aside'
	return container ?? `endpoint ${short(endpointId)}`
}
