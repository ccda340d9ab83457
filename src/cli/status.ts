/** `weft status` */
import type { Status } from '../admin/api.ts'
import { type Command, shown } from './command.ts'
import { count, duration, facts } from './table.ts'

export const status: Command = {
	name: 'status',
	summary: 'the daemon, its kernel and firewall, what it has, what it repaired',
	help: `Shows what weftd says of itself: its version, for how long it has run, whether the networks of the last run
are there again, which Docker answers, whether the kernel can filter frames on bridges, how firewall rules are
made, where iptables lets packets pass, the endpoints of the cluster and its own name there, how many networks, endpoints (containers on a network), published ports, pools and
leases (addresses that are given) there are, and how often something that others changed was put right since
it started. Exit status 1 where weftd could not restore its networks.`,
	run: async (client) => {
		const answer = await client.get<Status>('/status')
		return { ...shown(answer, textOf(answer)), fine: answer.state !== 'failed' }
	},
}

const STATES: Readonly<Record<Status['state'], string>> = {
	restoring: 'making the networks of the last run true again',
	serving: 'serving',
	failed: 'could not restore its networks, and tries again: see the log of weftd',
}

export function textOf({ version, pid, uptime, state, host, settings, counts, repairs, cluster }: Status): string {
	const { networks, endpoints, ports, pools, leases } = counts
	const has = [count(networks, 'network'), count(endpoints, 'endpoint'), count(ports, 'published port')]
	return facts([
		['weftd', `${version}, process ${pid}, up ${duration(uptime)}`],
		['State', STATES[state]],
		['Docker', host.engine ?? 'does not answer'],
		['Kernel', `${host.kernel}, ${host.filtersBridges ? 'filters bridges' : 'cannot filter bridges'}`],
		['nftables', host.nftables === 'libnftables' ? 'by libnftables' : 'by the nft program'],
		['iptables', host.iptables.length === 0 ? 'needs no rule' : `let pass in ${host.iptables.join(', ')}`],
		['Node', host.node],
		['Plugin socket', `${settings.socket}, scope ${settings.scope}`],
		['Kept in', settings.stateDir],
		['Cluster', clusterOf(settings, cluster)],
		['Networks', has.join(', ')],
		['Addresses', `${count(pools, 'pool')}, ${count(leases, 'lease')}`],
		['Repairs', repairsOf(repairs)],
	])
}

function clusterOf({ cluster: endpoints, node }: Status['settings'], cluster: Status['cluster']): string {
	if (cluster === null) return 'none, this host only'
	const { reached, member, problem, address, hosts, present } = cluster
	const as = `${endpoints.join(', ')}, as ${node} at ${address ?? 'no address'}`
	const others = hosts === null ? [] : [`${count(hosts, 'host')}, ${present} present`]
	const amiss = reached && member ? [] : [member ? 'not reached' : 'not a member', problem ?? 'just started']
	return [as, ...others, ...amiss].join('; ')
}

function repairsOf({ done, failed, last }: Status['repairs']): string {
	const unsuccessful = failed === 0 ? '' : `, ${failed} more that failed`
	const latest = last === null ? '' : `; the last at ${last.at}, because ${last.cause}: ${last.done.join(', ')}`
	return `${done} since the start${unsuccessful}${latest}`
}
