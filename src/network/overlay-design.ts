/** What an overlay network will be on this host, and why it may not: how the host reaches the others, and who they are. */
import type { ClusterVerbs, Neighbour } from '../cluster/verbs.ts'
import { invalid } from '../errors.ts'
import type { Way } from '../kernel/host.ts'
import { parseIp, width } from '../model/address.ts'
import { isOverlay, type OverlayNetwork, type Remote, type Underlay } from '../model/network.ts'
import type { Backend, OverlayOptions } from '../model/options.ts'
import { backends, mtuOf } from '../modes/overlay-backends.ts'
import { type Asked as AskedOf, designBridge } from './bridge-design.ts'
import type { Host } from './host.ts'
import { formatShared } from './overlay-options.ts'
import type { NetworkRequest } from './verbs.ts'

/** All but what is chosen for it. */
type Asked = Omit<AskedOf<OverlayNetwork>, 'clusterId' | 'underlay' | 'remotes' | 'borrowed'>

/** The network is one of the cluster from then on, for as long as Docker has its subnets. May wait for the cluster. */
export async function enterCluster(host: Host, request: NetworkRequest, options: OverlayOptions): Promise<void> {
	const { id, internal, ipv4, ipv6 } = request
	const cluster = needCluster(host)
	await needBackend(host, options.backend)
	await cluster.enter({
		id: options.id ?? id,
		subnets: [...ipv4, ...ipv6],
		options: formatShared(options),
		internal,
		blocks: options.blocks,
	})
}

/** Before the cluster hears of the network. */
async function needBackend({ facts }: Host, backend: Backend): Promise<void> {
	if (backend !== 'wireguard' || (await facts.hasWireguard())) return
	throw invalid('backend="wireguard" needs WireGuard, which this kernel does not have; vxlan and host-gw do without')
}

export function needCluster({ cluster }: Host): ClusterVerbs {
	if (cluster !== undefined) return cluster
	throw invalid(
		'mode=overlay needs a cluster, and WEFT_CLUSTER is empty: it takes the endpoints of etcd, http(s)://HOST:PORT,…',
	)
}

export async function designOverlay(host: Host, asked: Asked): Promise<OverlayNetwork> {
	const { id, options } = asked
	const [other] = host.store.list('network', '').filter(isOverlay)
	const clusterId = options.id ?? id
	const bare = { ...asked, clusterId, remotes: [], borrowed: [] }
	const underlay = other?.underlay ?? (await findUnderlay(host))
	const { remotes, borrowed, beyond } = await tellOf(host, { ...bare, underlay })
	for (const { node, address, way } of beyond) {
		const where = way?.router === undefined ? 'out of reach' : `behind ${way.router}`
		throw invalid(
			`backend="host-gw" needs all hosts on one segment, and ${node} at ${address} is ${where}; vxlan does not`,
		)
	}
	const most = mtuOf(underlay, backends[options.backend])
	const known = { ...bare, underlay, remotes, borrowed }
	return (await designBridge(host, known, async () => most)) as OverlayNetwork
}

/** One for all networks of this host, since some of what they have in the kernel is one for all of them. */
export async function findUnderlay(host: Host): Promise<Underlay> {
	const found = await seekUnderlay(host)
	if (found === undefined) throw noUnderlay(host)
	return found
}

/** Undefined while this host does not have its address. */
export async function seekUnderlay(host: Host): Promise<Underlay | undefined> {
	const { node, vxlanPort: port, wireguardPort } = needCluster(host)
	const { name, address, publicKey } = node
	const link = await host.facts.linkWith(parseIp(address))
	const mtu = link === undefined ? undefined : (await host.facts.link(link))?.mtu
	if (link === undefined || mtu === undefined) return undefined
	const wireguard = publicKey === undefined ? {} : { wireguard: { port: wireguardPort, publicKey } }
	return { node: name, address, link, mtu, port, ...wireguard }
}

export function noUnderlay(host: Host): Error {
	return invalid(`WEFT_NODE_ADDRESS=${needCluster(host).node.address} is no address of this host`)
}

/** A host to which this one does not send directly. */
interface Beyond {
	readonly node: string
	readonly address: string
	/** Absent where nobody knows of one now, as while the link of the underlay is down. */
	readonly way?: Way
}

/** What a network's record says of the other hosts, and those that its backend does not reach. */
interface Told extends Pick<OverlayNetwork, 'remotes' | 'borrowed'> {
	readonly beyond: readonly Beyond[]
}

type Known = Pick<OverlayNetwork, 'options' | 'clusterId' | 'underlay' | 'remotes'>

/** As the cluster tells now, or, before it does, as it told last. */
export async function tellOf(host: Host, { options, clusterId, underlay, remotes }: Known): Promise<Told> {
	const cluster = needCluster(host)
	const borrowed = cluster.own(clusterId).addresses.map(alone)
	const all = cluster.neighbours(clusterId)?.map((each) => remoteOf(each, options.backend)) ?? remotes
	if (options.backend !== 'host-gw') return { remotes: all, borrowed, beyond: [] }
	const ways = await waysTo(host, underlay, all)
	const isBeside = (_: Remote, i: number) => ways[i]?.link === underlay.link && ways[i]?.router === undefined
	const wasBeside = ({ node, address }: Remote) =>
		remotes.some((each) => each.node === node && each.address === address)
	return {
		remotes: all.filter((remote, i) => isBeside(remote, i) || (ways[i] === undefined && wasBeside(remote))),
		borrowed,
		beyond: all.flatMap((remote, i) => (isBeside(remote, i) ? [] : [beyondBy(remote, ways[i])])),
	}
}

function beyondBy({ node, address }: Remote, way: Way | undefined): Beyond {
	return { node, address, ...(way === undefined ? {} : { way }) }
}

/** Without its link, or its address there, the kernel knows of no way, or of one round by others, which says nothing. */
async function waysTo(
	{ facts }: Host,
	{ address, link }: Underlay,
	all: readonly Remote[],
): Promise<(Way | undefined)[]> {
	const ways = await Promise.all(all.map((remote) => facts.wayTo(parseIp(remote.address))))
	// After that, since it may go down meanwhile.
	const isUp = (await facts.link(link))?.up === true && (await facts.linkWith(parseIp(address))) === link
	return isUp ? ways : []
}

function remoteOf({ name, address, publicKey, blocks, addresses }: Neighbour, backend: Backend): Remote {
	const key = backend === 'wireguard' && publicKey !== undefined ? { publicKey } : {}
	return { node: name, address, ...key, destinations: [...blocks, ...addresses.map(alone)] }
}

/** An address as a network of one. */
function alone(address: string): string {
	return `${address}/${width(parseIp(address).family)}`
}
