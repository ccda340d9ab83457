/** `weft ports` */
import type { PortView } from '../admin/api.ts'
import { type Command, shown } from './command.ts'
import { called, socketAddress, table } from './table.ts'

export const ports: Command = {
	name: 'ports',
	summary: 'the published ports, which docker ps does not show',
	help: `Lists the published ports of all networks: the address and port of this host (or "direct" on a routed
network, where the container's own port is open), and the container's address and port that they lead to. On a
network of mode host also those that containers listen on and that are not on the host, and why.`,
	run: async (client) => {
		const found = await client.get<PortView[]>('/ports')
		return shown(found, listOf(found))
	},
}

export function listOf(found: readonly PortView[]): string {
	const titles = ['HOST', 'LEADS TO', 'PROTOCOL', 'CONTAINER', 'NETWORK', '']
	const rows = found.map((port) => [
		port.hostPort === 0 ? 'direct' : socketAddress(port.hostIp, port.hostPort),
		socketAddress(port.containerIp, port.containerPort),
		port.protocol,
		called(port.container, port.endpointId),
		called(port.network, port.networkId),
		port.refused === null ? '' : `REFUSED: ${port.refused}`,
	])
	return table(titles, rows)
}

/** On one line with others, as `docker ps` writes it. */
export function portOf({ hostIp, hostPort, containerPort, protocol, refused }: PortView): string {
	const target = `${containerPort}/${protocol}`
	if (refused !== null) return `REFUSED:${target}`
	return hostPort === 0 ? target : `${socketAddress(hostIp, hostPort)}->${target}`
}
