/** `weft diff` */
import type { DifferenceView } from '../admin/api.ts'
import type { Command } from './command.ts'
import { called, table } from './table.ts'

export const diff: Command = {
	name: 'diff',
	summary: 'what the kernel has too little or too much of',
	help: `Holds the networks on record against the kernel: links, addresses, settings, held ports, the elements and
chains of weft's nftables tables, and its one rule in iptables (not firewalld's zone). Prints nothing and
exits with 0 where all is as it should be, and otherwise with 1. What others take away weft puts back within
seconds, so that it is seen here for a moment only; what stays is what cannot be put back, such as the link
of a container that is running (restart that container), or a setting that somebody changed.`,
	run: async (client) => {
		const found = await client.get<DifferenceView[]>('/diff')
		return { data: found, text: textOf(found), fine: found.length === 0 }
	},
}

export function textOf(found: readonly DifferenceView[]): string {
	if (found.length === 0) return ''
	const rows = found.map(({ networkId, network, endpointId, container, what }) => [
		networkId === null ? '-' : called(network, networkId),
		endpointId === null ? '-' : called(container, endpointId),
		what,
	])
	return table(['NETWORK', 'CONTAINER', 'DIFFERENCE'], rows)
}
