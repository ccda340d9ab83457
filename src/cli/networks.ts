/** `weft ls` and `weft inspect` */
import type { ContainerDetail, EndpointView, NetworkDetail, NetworkSummary } from '../admin/api.ts'
import { isCode, WeftError } from '../errors.ts'
import { type Command, shown } from './command.ts'
import { portOf } from './ports.ts'
import { called, facts, short, table } from './table.ts'

export const ls: Command = {
	name: 'ls',
	summary: 'the networks',
	help: `Lists weft's networks: the beginning of the id, the name where Docker has told it, the mode, the subnets,
its bridge or parent link, and how many endpoints (containers on it) and published ports there are. INTERNAL
marks those without a way out, UNSETTLED those that are being made or taken away.`,
	run: async (client) => {
		const networks = await client.get<NetworkSummary[]>('/networks')
		return shown(networks, listOf(networks))
	},
}

export const inspect: Command = {
	name: 'inspect',
	argument: 'NETWORK|CONTAINER',
	summary: 'a network with its options, endpoints and ports, or a container on its networks',
	help: `Shows a network, named by its name, its id or the beginning of its id: the options that are in force, and
each endpoint with its addresses, its MAC, its link on this host and its ports. Of an endpoint that is not
attached, no container has the link: it is starting, or has lost it. Where no network is called so, shows the
container of that name, on each network of weft's that it is on. REFUSED are ports that a container of a network of mode
host listens on and that are not on the host: "weft ports" says why.`,
	run: async (client, name) => {
		const detail = await found(client.get<NetworkDetail>(`/networks/${encodeURIComponent(name)}`))
		if (detail !== undefined) return shown(detail, detailOf(detail))
		const container = await found(client.get<ContainerDetail>(`/containers/${encodeURIComponent(name)}`))
		if (container !== undefined) return shown(container, containerOf(container))
		throw new WeftError('not-found', `weft has no network ${JSON.stringify(name)}, and no container of that name`)
	},
}

/** Undefined where there is none of that name. */
async function found<T>(answer: Promise<T>): Promise<T | undefined> {
	try {
		return await answer
	} catch (error) {
		if (isCode(error, 'not-found')) return undefined
		throw error
	}
}

export function listOf(networks: readonly NetworkSummary[]): string {
	const titles = ['NETWORK', 'NAME', 'MODE', 'SUBNETS', 'LINK', 'ENDPOINTS', 'PORTS', '']
	const rows = networks.map((network) => [
		short(network.id),
		network.name ?? '-',
		network.mode,
		network.subnets.join(' ') || '-',
		network.bridge ?? network.parent ?? '-',
		String(network.endpoints),
		String(network.ports),
		marksOf(network),
	])
	return table(titles, rows)
}

function marksOf({ internal, settled }: NetworkSummary): string {
	return [internal ? 'INTERNAL' : '', settled ? '' : 'UNSETTLED'].join(' ').trim()
}

export function detailOf({ network, options, mtu, adopted, owner, endpoints }: NetworkDetail): string {
	const { id, name, subnets, gateways, bridge, parent } = network
	const head = facts([
		['Network', id],
		['Name', name ?? '-'],
		['Mode', network.mode],
		['Subnets', subnets.join(' ') || '-'],
		['Gateways', gateways.join(' ') || '-'],
		['Bridge', bridge === null ? '-' : `${bridge}${adopted ? ', which was there before' : ''}`],
		['Parent', parent ?? '-'],
		...(owner === null ? [] : [['Owner', owner] as const]),
		['MTU', mtu === null ? '-' : String(mtu)],
		['Marks', marksOf(network) || '-'],
		...optionsOf(options),
	])
	return `${head}\n${endpointsOf(endpoints)}`
}

export function containerOf({ endpoints }: ContainerDetail): string {
	const blocks = endpoints.map(({ network: { id, name, mode }, endpoint }) => {
		const head = facts([
			['Network', called(name, id)],
			['Mode', mode],
		])
		return `${head}\n${endpointsOf([endpoint])}`
	})
	return blocks.join('\n')
}

/** As for `-o`, one below the other. The mode is said already. */
function optionsOf(options: Readonly<Record<string, string>>): (readonly [string, string])[] {
	const pairs = Object.entries(options).filter(([key]) => key !== 'mode')
	return pairs.map(([key, value], i) => [i === 0 ? 'Options' : '', `${key}=${value}`])
}

function endpointsOf(endpoints: readonly EndpointView[]): string {
	const titles = ['ENDPOINT', 'CONTAINER', 'IPV4', 'IPV6', 'MAC', 'LINK', 'ATTACHED', 'PORTS']
	const rows = endpoints.map(({ id, container, ipv4, ipv6, mac, link, attached, ports, beyond }) => [
		short(id),
		called(container, '-'),
		ipv4 ?? '-',
		ipv6 ?? '-',
		mac,
		link ?? '-',
		attached ? 'yes' : 'NO',
		[...ports.map(portOf), ...(beyond === 0 ? [] : [`REFUSED:${beyond} more`])].join(' ') || '-',
	])
	return table(titles, rows)
}
