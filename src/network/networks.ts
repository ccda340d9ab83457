/** Networks come and go. A record is written before the kernel is touched and goes after it. */
import { isDeepStrictEqual } from 'node:util'
import { invalid, WeftError } from '../errors.ts'
import type { Resource } from '../kernel/resource.ts'
import { type Cidr, covers, overlaps, parseCidr } from '../model/address.ts'
import { bridgeName, freeName } from '../model/names.ts'
import type { Network } from '../model/network.ts'
import type { PerFamily } from '../model/options.ts'
import { modes } from '../modes/index.ts'
import { findBridge } from './adoption.ts'
import { removeEndpoint } from './endpoints.ts'
import { drop, type Host, keepPassage, keepSpares, put } from './host.ts'
import { checkFamilies, parseOptions } from './options.ts'
import type { NetworkRequest } from './verbs.ts'

export function skipsGateway({ options, internal }: Pick<NetworkRequest, 'options' | 'internal'>): PerFamily<boolean> {
	const parsed = parseOptions(options)
	return modes[parsed.mode].skipsGateway(parsed, internal)
}

export function createNetwork(host: Host, request: NetworkRequest): Promise<void> {
	return host.mutex.run(request.id, async () => {
		const existing = host.store.get('network', '', request.id)
		if (existing !== undefined) mustBeSame(existing, request)
		await make(host, existing ?? (await intend(host, request)))
		void keepSpares(host)
		// Looks only for the first network. Up to 27 Docker takes its chain out of FORWARD for a moment when this returns.
		await keepPassage(host)
	})
}

/** Decides and writes down, one network after the other: no two may choose the same bridge or subnet. */
function intend(host: Host, request: NetworkRequest): Promise<Network> {
	return host.mutex.run('networks', async () => {
		const network = await design(host, request)
		await host.store.commit([put(network)])
		return network
	})
}

async function design(host: Host, request: NetworkRequest): Promise<Network> {
	const { id, internal, ipv4, ipv6 } = request
	const options = parseOptions(request.options)
	checkFamilies(request.options, { 4: ipv4.length > 0, 6: ipv6.length > 0 })
	const others = host.store.list('network', '')
	const taken = (name: string) => host.kernel.hasLink(name) || others.some(({ bridge }) => bridge === name)
	const bridge = options.bridgeName ?? freeName((n) => bridgeName(id, n), taken)
	const found = options.bridgeName === undefined ? undefined : await findBridge(host, bridge, others)
	const mtu = options.mtu ?? found?.mtu ?? (await host.facts.defaultMtu())
	const made: Network = { id, options, internal, ipv4, ipv6, bridge, mtu, settled: false }
	const network = found === undefined ? made : { ...made, adopted: found.state }
	const mode = modes[options.mode]
	mode.validate(network)
	mustBeFilterable(host, network)
	mustNotOverlap(network, others)
	await mustBeFree(host, mode.network(network))
	return network
}

/** A rule that is promised and cannot be there is refused: to do without it in silence would be worse. */
function mustBeFilterable(host: Host, { options }: Network): void {
	if (host.facts.filtersBridges) return
	const lacking = 'this kernel is built without nftables for bridges'
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
function mustNotOverlap(network: Network, others: readonly Network[]): void {
	const mine = poolsOf(network)
	for (const other of others) {
		const clash = poolsOf(other).find((theirs) => mine.some((pool) => overlaps(pool, theirs)))
		if (clash === undefined) continue
		const subnets = [...network.ipv4, ...network.ipv6].map(({ pool }) => pool).join(', ')
		throw new WeftError('exists', `the subnet ${subnets} overlaps with that of network ${other.id.slice(0, 12)}`)
	}
}

/** Read once for each record: with a thousand networks this would be most of the work for one more. */
const pools = new WeakMap<Network, readonly Cidr[]>()

function poolsOf(network: Network): readonly Cidr[] {
	const known = pools.get(network)
	if (known !== undefined) return known
	const read = [...network.ipv4, ...network.ipv6].map(({ pool }) => parseCidr(pool)).filter(({ prefix }) => prefix > 0)
	pools.set(network, read)
	return read
}

function mustBeSame(existing: Network, request: NetworkRequest): void {
	const { internal, ipv4, ipv6 } = request
	const options = parseOptions(request.options)
	const asked = { options, internal, ipv4, ipv6 }
	const have = { options: existing.options, internal: existing.internal, ipv4: existing.ipv4, ipv6: existing.ipv6 }
	if (isDeepStrictEqual(asked, have)) return
	throw new WeftError('exists', `network ${request.id} exists already with other settings`)
}

async function make(host: Host, network: Network): Promise<void> {
	const plan = modes[network.options.mode].network(network)
	try {
		await host.kernel.ensure(plan)
	} catch (error) {
		if (!network.settled) await host.store.commit([drop(network)])
		throw error
	}
	if (!network.settled) await host.store.commit([put({ ...network, settled: true })])
}

export function deleteNetwork(host: Host, networkId: string): Promise<void> {
	return host.mutex.run(networkId, async () => {
		const network = host.store.get('network', '', networkId)
		if (network !== undefined) await unmake(host, network)
		await Promise.all([keepPassage(host), keepSpares(host)])
	})
}

/** Also of what a failed or interrupted creation left. Docker asks only once: what fails here is tried again at start. */
export async function unmake(host: Host, network: Network): Promise<void> {
	if (network.settled) await host.store.commit([put({ ...network, settled: false })])
	for (const endpoint of host.store.list('endpoint', network.id)) await removeEndpoint(host, network, endpoint)
	await host.kernel.remove(modes[network.options.mode].network(network))
	await host.store.commit([drop(network)])
}
