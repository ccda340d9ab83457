/**
 * What of the daemon is there with `WEFT_CLUSTER` only, and is loaded only then: this host as a member of the cluster, what
 * it knows of the others, and the networks that it has together with them. It serves also while the cluster does not answer.
 */
import { readFile } from 'node:fs/promises'
import { uptime } from 'node:os'
import type { Logger } from 'pino'
import type { ClusterView } from './admin/status.ts'
import type { Cluster, Entry } from './cluster/cluster.ts'
import { Etcd } from './cluster/etcd.ts'
import type { EtcdOptions } from './cluster/etcd-endpoints.ts'
import { Member } from './cluster/member.ts'
import { Mirror } from './cluster/mirror.ts'
import { forget } from './cluster/nodes.ts'
import { Pulse } from './cluster/pulse.ts'
import type { ClusterVerbs } from './cluster/verbs.ts'
import type { Config } from './config.ts'
import { invalid, messageOf, WeftError } from './errors.ts'
import { poolIn } from './ipam/cluster-networks.ts'
import { hostsIn } from './ipam/hosts.ts'
import { Neighbours } from './ipam/neighbours.ts'
import { offer, offersIn } from './ipam/offers.ts'
import { POOLS } from './ipam/shared-keys.ts'
import { SharedNetworks } from './ipam/shared-networks.ts'
import type { Cidr } from './model/address.ts'
import { KeyedMutex } from './mutex.ts'
import { hostKey, replaceHostKey } from './store/host-key.ts'
import type { Store } from './store/store.ts'

/** Milliseconds from one sign of life to the next; a host that gives none for 30 s is shown as unreachable. */
const HEARTBEAT = 5000

export interface Clustered {
	readonly verbs: ClusterVerbs
	readonly networks: SharedNetworks
	/** Subnets that networks of the cluster have, as far as this host knows. */
	claimed(): readonly Cidr[]
	readonly view: ClusterView
	open(): void
	/** What needs the cluster is refused from then on; what this host has, and knows of the others, stays. */
	close(): Promise<void>
}

/** `underlay` is asked where no `WEFT_NODE_ADDRESS` is set. @throws WeftError where a file of the settings cannot be used */
export async function joinCluster(
	config: Config,
	store: Store,
	underlay: () => Promise<string | undefined>,
	log: Logger,
): Promise<Clustered> {
	const cluster = new Etcd(await etcdOptions(config.cluster))
	const boot = { id: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(), uptime }
	const find = async () => config.nodeAddress || (await underlay())
	const { publicKey } = await hostKey(store)
	const node = { name: config.node, address: (await find()) ?? '', publicKey }
	const member = new Member(cluster, store, boot, node, config.retirement, find)
	const watchers: (() => void)[] = []
	const tell = () => {
		for (const each of watchers) each()
	}
	const networks = new SharedNetworks(cluster, member, store, {
		due: () => upkeep.nudge(),
		lost: (what) => log.error(`another host of the cluster has ${what}`),
		changed: tell,
	})
	let problem: string | undefined
	const beat = async () => {
		const before = member.membership
		await member.heartbeat()
		if (member.membership !== before) upkeep.nudge()
	}
	const heart = new Pulse(beat, HEARTBEAT, {
		failed: (error) => {
			problem = messageOf(error)
			log.warn({ err: error }, `the cluster is not reached, and what is claimed is given meanwhile: ${problem}`)
		},
		well: () => {
			problem = undefined
			log.info({ node: member.node }, 'this host is a member of the cluster')
		},
	})
	const upkeep = new Pulse(() => networks.tend(), HEARTBEAT, {
		failed: (error) => log.warn({ err: error }, `blocks of addresses are not looked after: ${messageOf(error)}`),
		well: () => log.debug('blocks of addresses are looked after'),
	})
	const mirror = new Mirror(cluster, 'weft/', {
		changed: (keys) => {
			networks.changed(keys)
			tell()
		},
		failed: (error) => log.debug({ err: error }, `the cluster is not followed: ${messageOf(error)}`),
	})
	const neighbours = new Neighbours(mirror, config.node)
	const mutex = new KeyedMutex()
	const rekey = async (): Promise<void> => {
		await replaceHostKey(store, (publicKey) => member.rekey(publicKey))
		tell()
	}
	return {
		verbs: {
			get node() {
				return member.node
			},
			vxlanPort: config.vxlanPort,
			wireguardPort: config.wireguardPort,
			enter: (network) => networks.enter(network),
			neighbours: (networkId) => neighbours.of(networkId),
			own: (networkId) => networks.own(networkId),
			offers: () => (mirror.entries === undefined ? undefined : offersIn(mirror.entries)),
			offer: (networkId, as) => offer(cluster, networkId, as),
			watch: (changed) => watchers.push(changed),
		},
		networks,
		claimed: () => Array.from(mirror.entries?.values() ?? []).flatMap((entry) => claimedIn(entry)),
		view: viewOf({ cluster, member, mirror, problem: () => problem ?? null, rekey: () => mutex.run('key', rekey) }),
		open: () => {
			heart.open()
			mirror.open()
			upkeep.open()
		},
		close: async () => {
			// Breaks off what etcd is being asked.
			await cluster.close()
			await Promise.all([heart.close(), upkeep.close(), mirror.close()])
		},
	}
}

interface Parts {
	readonly cluster: Cluster
	readonly member: Member
	readonly mirror: Mirror
	readonly problem: () => string | null
	readonly rekey: () => Promise<void>
}

function viewOf({ cluster, member, mirror, problem, rekey }: Parts): ClusterView {
	const hosts = () => (mirror.entries === undefined ? undefined : hostsIn(mirror.entries))
	return {
		status: () => ({
			reached: member.isReached,
			problem: problem(),
			member: member.membership !== undefined,
			address: member.node.address || null,
			hosts: hosts()?.length ?? null,
			present: hosts()?.filter(({ isPresent }) => isPresent).length ?? null,
		}),
		nodes: () => {
			const all = hosts()
			if (all === undefined)
				throw new WeftError('unreachable', `the cluster was not reached yet: ${problem() ?? 'wait'}`)
			return all.map(({ name, address, isPresent, networks, blocks, addresses }) => {
				return { name, address, present: isPresent, self: name === member.node.name, networks, blocks, addresses }
			})
		},
		forget: (name) => forget(cluster, name),
		rekey,
	}
}

function claimedIn(entry: Entry): Cidr[] {
	const pool = entry.key.startsWith(POOLS) ? poolIn(entry) : undefined
	return pool === undefined ? [] : [pool]
}

async function etcdOptions({ endpoints, ca, cert, key, user, password }: Config['cluster']): Promise<EtcdOptions> {
	const files = { WEFT_CLUSTER_CA: ca, WEFT_CLUSTER_CERT: cert, WEFT_CLUSTER_KEY: key }
	const texts: Record<string, string> = {}
	for (const [name, path] of Object.entries(files)) {
		const part = name.replace('WEFT_CLUSTER_', '').toLowerCase()
		if (path !== '') texts[part] = await readFile(path, 'utf8').catch(unreadable(name, path))
	}
	if ((texts.cert === undefined) !== (texts.key === undefined)) {
		throw invalid('WEFT_CLUSTER_CERT and WEFT_CLUSTER_KEY belong together: set both, or none')
	}
	return { endpoints, tls: texts, ...(user === '' ? {} : { login: { user, password } }) }
}

function unreadable(name: string, path: string): (error: unknown) => never {
	return (error) => {
		throw invalid(`${name}=${JSON.stringify(path)} cannot be read: ${messageOf(error)}`)
	}
}
