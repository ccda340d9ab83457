/** `weft doctor`: what weftd tells of itself, judged. */
import type { DifferenceView, NetworkSummary, PoolView, Status } from '../admin/api.ts'
import { messageOf } from '../errors.ts'
import { VERSION } from '../version.ts'
import type { AdminClient } from './client.ts'
import type { Command } from './command.ts'
import { called, count, plain } from './table.ts'

/** A `note` is worth knowing and no fault. */
export interface Check {
	readonly level: 'ok' | 'note' | 'problem'
	readonly found: string
	/** What to do; there unless all is well. */
	readonly advice?: string
}

/** What the checks judge. */
export interface Findings {
	readonly status: Status
	readonly networks: readonly NetworkSummary[]
	readonly pools: readonly PoolView[]
	readonly differences: readonly DifferenceView[]
}

export const doctor: Command = {
	name: 'doctor',
	summary: 'checks everything, and says what to do',
	help: `Checks that weftd answers and is of this version, that the networks of the last run are there again, what
the kernel and this host lack, that repairs succeed, that the cluster is reached, that Docker has the networks, that pools have addresses
left, and that the kernel is as it should be (weft diff). Each check is a line, with what to do below it where it is not all well. Exit
status 1 where there is a problem.`,
	run: async (client) => {
		const checks = await examine(client)
		return { data: checks, text: textOf(checks), fine: checks.every(({ level }) => level !== 'problem') }
	},
}

async function examine(client: AdminClient): Promise<Check[]> {
	try {
		const [status, networks, pools, differences] = await Promise.all([
			client.get<Status>('/status'),
			client.get<NetworkSummary[]>('/networks'),
			client.get<PoolView[]>('/pools'),
			client.get<DifferenceView[]>('/diff'),
		])
		return checksOf({ status, networks, pools, differences })
	} catch (error) {
		const advice = 'start weftd, or name its socket with --admin-socket; its log says why it ended'
		return [{ level: 'problem', found: messageOf(error), advice }]
	}
}

export function checksOf({ status, networks, pools, differences }: Findings): Check[] {
	return [
		{ level: 'ok', found: `weftd ${status.version} answers` },
		versionOf(status),
		stateOf(status),
		bridgesOf(status),
		nftablesOf(status),
		repairsOf(status),
		...clusterOf(status),
		...unknownOf(networks),
		...poolsOf(pools),
		differencesOf(differences),
	]
}

function versionOf({ version }: Status): Check {
	if (version === VERSION) return { level: 'ok', found: `weft and weftd are both ${VERSION}` }
	return {
		level: 'note',
		found: `weft is ${VERSION} and weftd ${version}`,
		advice: 'restart weftd; networks go on meanwhile',
	}
}

function stateOf({ state }: Status): Check {
	switch (state) {
		case 'serving':
			return { level: 'ok', found: 'the networks of the last run are there' }
		case 'restoring':
			return {
				level: 'note',
				found: 'networks of the last run are still being restored',
				advice: 'ask again in a moment',
			}
		case 'failed':
			return {
				level: 'problem',
				found: 'the networks of the last run could not be restored',
				advice: 'look into the log of weftd for what failed, and mend it: weftd tries again by itself',
			}
	}
}

function bridgesOf({ host }: Status): Check {
	if (host.filtersBridges) return { level: 'ok', found: `kernel ${host.kernel} filters frames on bridges` }
	const advice = 'load or build nf_tables_bridge, or give networks -o antispoof=false and no enable_icc=false'
	return { level: 'note', found: `kernel ${host.kernel} has no nftables for bridges`, advice }
}

function nftablesOf({ host }: Status): Check {
	if (host.nftables === 'libnftables') return { level: 'ok', found: 'firewall rules are made with libnftables' }
	const found = 'libnftables is missing: rules are made with the nft program, and changes by others are not noticed'
	return { level: 'note', found, advice: 'install libnftables1 and restart weftd' }
}

function repairsOf({ repairs }: Status): Check {
	const { done, failed, last } = repairs
	if (failed > 0) {
		const found = `${count(failed, 'repair')} failed since the start`
		return {
			level: 'note',
			found,
			advice: 'look into the log of weftd for "not repaired", and below for what is amiss now',
		}
	}
	if (last === null) return { level: 'ok', found: 'nothing had to be repaired since the start' }
	const found = `${count(done, 'repair')} since the start; the last at ${last.at}, because ${last.cause}`
	return { level: 'note', found, advice: 'where this goes on, find out which program does it' }
}

function clusterOf({ cluster }: Status): Check[] {
	if (cluster === null) return []
	const { reached, member, hosts, present } = cluster
	const problem = cluster.problem ?? 'it was not asked yet'
	if (!member) {
		const advice = 'mend that; until then networks of several hosts give no addresses here'
		return [{ level: 'problem', found: `this host is no member of the cluster: ${problem}`, advice }]
	}
	if (!reached) {
		const advice = 'look after etcd; containers go on, and new ones start while this host has addresses left'
		return [{ level: 'note', found: `the cluster is not reached: ${problem}`, advice }]
	}
	const away = (hosts ?? 0) - (present ?? 0)
	if (away === 0)
		return [{ level: 'ok', found: `the cluster has ${count(hosts ?? 0, 'host')}, and all show themselves` }]
	const advice = 'weft node ls names what does not; weft node forget HOST gives back what one had that is gone for good'
	return [{ level: 'note', found: `${count(away, 'host')} of the cluster unreachable`, advice }]
}

/** Networks that Docker, which has told what it has, does not have. */
function unknownOf(networks: readonly NetworkSummary[]): Check[] {
	return networks
		.filter(({ listed }) => listed === false)
		.map(({ id }) => ({
			level: 'note',
			found: `Docker does not tell of network ${id.slice(0, 12)}`,
			advice: 'weft takes it away some minutes after this Docker forgot it; it stays where another Docker may have it',
		}))
}

function poolsOf(pools: readonly PoolView[]): Check[] {
	const full = pools.filter(isNearlyFull)
	if (full.length === 0) return [{ level: 'ok', found: `${count(pools.length, 'pool')} with addresses left` }]
	return full.map((pool) => ({
		level: 'note',
		found: `${poolName(pool)} has ${count(pool.free, 'free address', 'free addresses')} left`,
		advice: 'remove containers that are not needed, or make a network with a larger --subnet',
	}))
}

/** Of a range only the end is seen, since its size is not told; of a pool that hosts share none, as this one claims more of it. */
function isNearlyFull({ range, blocks, size, free }: PoolView): boolean {
	if (blocks !== null) return false
	return range === null ? free * 10 < size : free === 0
}

function poolName({ pool, range, networkId, network }: PoolView): string {
	const owner = networkId === null ? '' : ` of network ${called(network, networkId)}`
	return `${range === null ? '' : `range ${range} in `}pool ${pool}${owner}`
}

function differencesOf(differences: readonly DifferenceView[]): Check {
	if (differences.length === 0) return { level: 'ok', found: 'the kernel is as it should be' }
	return {
		level: 'problem',
		found: `${count(differences.length, 'difference')} between what should be and what is in the kernel`,
		advice: 'weft diff names them; restart a container whose link is gone, and weftd where others stay',
	}
}

export function textOf(checks: readonly Check[]): string {
	return checks.map(lineOf).join('')
}

const MARKS: Readonly<Record<Check['level'], string>> = { ok: 'ok      ', note: 'note    ', problem: 'PROBLEM ' }

function lineOf({ level, found, advice }: Check): string {
	const line = `${MARKS[level]} ${plain(found)}\n`
	return advice === undefined ? line : `${line}${' '.repeat(9)}-> ${advice}\n`
}
