/** `weft node ls`, `weft node forget` and `weft node rekey` */
import type { NodeView } from '../admin/api.ts'
import { type Command, shown } from './command.ts'
import { table } from './table.ts'

export const nodes: Command = {
	name: 'node ls',
	summary: 'the hosts of the cluster',
	help: `Lists the hosts of the cluster: name, address for the other hosts, how many networks of the cluster each has, how
many blocks of addresses, and how many single addresses in blocks of others. A host that has not shown itself for
30 s is unreachable: its containers may be alive, so its addresses and the routes to them stay. THIS marks the host
that answers.`,
	run: async (client) => {
		const all = await client.get<NodeView[]>('/nodes')
		return shown(all, listOf(all))
	},
}

export const forget: Command = {
	name: 'node forget',
	argument: 'HOST',
	summary: 'gives back what a host of the cluster had that is gone for good',
	help: `Takes a host off the cluster, with its blocks of addresses, which other hosts may claim from then on. For one that is
gone for good, as one that is silent for WEFT_NODE_RETIREMENT is by itself. Refused for a host that shows itself. Make
sure that it is off: one that runs, cut off from the cluster, goes on with addresses that others may get.`,
	run: async (client, name) => {
		await client.delete(`/nodes/${encodeURIComponent(name)}`)
		return shown({ forgotten: name }, `The host ${name} is forgotten; what it had is free.\n`)
	},
}

export const rekey: Command = {
	name: 'node rekey',
	summary: 'gives this host another key of WireGuard',
	help: `Makes a new key pair for this host, with which it speaks WireGuard from then on, and tells the other hosts of its public
half. The private one stays on this host, and the former one is used no more: weftd's database keeps it on disk until it
writes its files anew. Networks of backend=wireguard go on, after a moment in which packets wait or are lost. Refused
while the cluster is not reached.`,
	run: async (client) => {
		await client.post('/rekey')
		return shown({ rekeyed: true }, 'This host has a new key, and the other hosts know it.\n')
	},
}

export function listOf(all: readonly NodeView[]): string {
	const titles = ['NODE', 'ADDRESS', 'STATE', 'NETWORKS', 'BLOCKS', 'SINGLE', '']
	const rows = all.map(({ name, address, present, self, networks, blocks, addresses }) => {
		const counts = [networks, blocks, addresses].map(String)
		return [name, address, present ? 'present' : 'unreachable', ...counts, self ? 'THIS' : '']
	})
	return table(titles, rows)
}
