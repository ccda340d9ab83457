/** What a bridge network will be, and why it may not: its bridge, its MTU, its place among the others. */
import { invalid, WeftError } from '../errors.ts'
import type { Resource } from '../kernel/resource.ts'
import { type Cidr, covers, overlaps, parseCidr } from '../model/address.ts'
import { bridgeName, freeName } from '../model/names.ts'
import { type BridgeNetwork, hasBridge } from '../model/network.ts'
import { modeOf, ownerModeOf } from '../modes/index.ts'
import { findBridge } from './adoption.ts'
import type { Host } from './host.ts'

/** All but what is chosen for it. */
export type Asked<N extends BridgeNetwork = BridgeNetwork> = Omit<N, 'bridge' | 'adopted' | 'mtu'>

/** `measured` is the MTU that it has where none is asked for, and no bridge was there before; in bytes. */
export async function designBridge(
	host: Host,
	asked: Asked,
	measured = () => host.facts.defaultMtu(),
): Promise<BridgeNetwork> {
	const { id, options } = asked
	const others = host.store.list('network', '').filter(hasBridge)
	const taken = (name: string) => host.kernel.hasLink(name) || others.some(({ bridge }) => bridge === name)
	const found = options.bridgeName === undefined ? undefined : await findBridge(host, options.bridgeName, others)
	const bridge = found?.name ?? options.bridgeName ?? freeName((n) => bridgeName(id, n), taken)
	const mtu = options.mtu ?? found?.mtu ?? (await measured())
	const made: BridgeNetwork = { ...asked, bridge, mtu }
	const network = found === undefined ? made : { ...made, adopted: found.state }
	modeOf(network).validate(network)
	mustBeFilterable(host, network)
	mustNotOverlap(network, others)
	await mustBeFree(host, ownerModeOf(network).network(network))
	return network
}

/** A rule that is promised and cannot be there is refused: to do without it in silence would be worse. */
function mustBeFilterable(host: Host, { options }: BridgeNetwork): void {
	if (host.facts.filtersBridges) return
	const lacking = 'this kernel is built without nftables for bridges'
	if (options.mode === 'host' || options.mode === 'container') {
		throw invalid(`mode=${options.mode} cannot be had: ${lacking}, and so without antispoof`)
	}
	if (!options.icc) throw invalid(`com.docker.network.bridge.enable_icc="false" cannot be had: ${lacking}`)
	if (options.antispoof) throw invalid(`antispoof cannot be had: ${lacking}; -o antispoof=false does without`)
}

const LINK_LOCAL = parseCidr('fe80::/10')

/** The kernel would give an address to two links, and answer by whichever it likes. */
async function mustBeFree(host: Host, plan: readonly Resource[]): Promise<void> {
	for (const resource of plan) {
		if (resource.kind !== 'address' || covers(LINK_LOCAL, parseCidr(resource.cidr))) continue
		const holder = await host.facts.linkWith(parseCidr(resource.cidr))
		if (holder === undefined || holder === resource.link) continue
		throw new WeftError('in-use', `the gateway ${resource.cidr} is an address of this host already, on ${holder}`)
	}
}

/** Docker's own IPAM gives the same subnet to two networks when asked to; two bridges of one host cannot have it. */
function mustNotOverlap(network: BridgeNetwork, others: readonly BridgeNetwork[]): void {
	const mine = poolsOf(network)
	for (const other of others) {
		const clash = poolsOf(other).find((theirs) => mine.some((pool) => overlaps(pool, theirs)))
		if (clash === undefined) continue
		const subnets = [...network.ipv4, ...network.ipv6].map(({ pool }) => pool).join(', ')
		throw new WeftError('exists', `the subnet ${subnets} overlaps with that of network ${other.id.slice(0, 12)}`)
	}
}

/** Read once for each record: with a thousand networks this would be most of the work for one more. */
const pools = new WeakMap<BridgeNetwork, readonly Cidr[]>()

function poolsOf(network: BridgeNetwork): readonly Cidr[] {
	const known = pools.get(network)
	if (known !== undefined) return known
	const read = [...network.ipv4, ...network.ipv6].map(({ pool }) => parseCidr(pool)).filter(({ prefix }) => prefix > 0)
	pools.set(network, read)
	return read
}
