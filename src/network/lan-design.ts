/** What a network on a link of the host will be, and why it may not: its parent, and who else is on it. */
import { invalid, WeftError } from '../errors.ts'
import { type Cidr, contains, overlaps, parseCidr, plainAddress } from '../model/address.ts'
import { bridgeName, dummyName, freeName } from '../model/names.ts'
import { hasParent, type LanNetwork, type Shim } from '../model/network.ts'
import type { LanOptions } from '../model/options.ts'
import { modeOf } from '../modes/index.ts'
import type { Host } from './host.ts'
import { findParent } from './parents.ts'

/** All but what is chosen for it. */
type Asked = Omit<LanNetwork, 'parent' | 'vlans'>

export async function designLan(host: Host, asked: Asked): Promise<LanNetwork> {
	const { id, options } = asked
	const others = host.store.list('network', '').filter(hasParent)
	const taken = (name: string) => host.kernel.hasLink(name) || others.some(({ parent }) => parent === name)
	const parent = options.parent ?? freeName((n) => dummyName(id, n), taken)
	const bare: LanNetwork = { ...asked, parent, vlans: [] }
	modeOf(bare).validate(bare)
	if (options.parent === undefined) return bare
	const { name, vlans, mtu } = await findParent(host, parent, others)
	if (options.mtu !== undefined && options.mtu > mtu) {
		throw invalid(`mtu="${options.mtu}" is more than the ${mtu} bytes of the parent ${name}`)
	}
	const network = { ...bare, parent: name, vlans }
	mustShare(network, others)
	return options.hostAccess ? { ...network, shim: await designShim(host, network) } : network
}

/** What the host already is on that network, so that no further address of it is needed. */
async function designShim(host: Host, network: LanNetwork): Promise<Shim> {
	const { id, parent, ipv4, ipv6 } = network
	const link = await host.facts.link(parent)
	const own = [ipv4, ipv6].flatMap((subnets) => hostAddresses(network, subnets, link?.state.addresses ?? []))
	if (link?.strict === true && answersByParent(network)) {
		const setting = `net.ipv4.conf.${parent}.rp_filter`
		throw invalid(
			`host_access="true" needs ${setting}=2, or 0 there and for all: it drops what containers send to the host`,
		)
	}
	return {
		name: freeName(
			(n) => bridgeName(id, n),
			(name) => host.kernel.hasLink(name),
		),
		addresses: own,
	}
}

const LINK_LOCAL = parseCidr('fe80::/10')

/** Of one family. Where the parent routes, containers need not be of its subnets. */
function hostAddresses({ parent, options }: LanNetwork, subnets: LanNetwork['ipv4'], had: readonly string[]): string[] {
	const pools = subnets.map(({ pool }) => parseCidr(pool))
	const anywhere = options.mode === 'ipvlan' && options.ipvlanMode !== 'l2'
	const fits = (address: Cidr) =>
		anywhere
			? address.family === pools[0]?.family && !overlaps(LINK_LOCAL, address)
			: pools.some((pool) => contains(pool, address))
	const found = had.filter((cidr) => fits(parseCidr(cidr)))
	if (found.length > 0 || pools.length === 0) return found.map(plainAddress)
	const [what, where] = anywhere
		? [`an IPv${pools[0]?.family} address`, '']
		: ['an address', ` in ${subnets.map(({ pool }) => pool).join(', ')}`]
	throw invalid(`host_access="true" needs ${what} of the host on ${parent}${where}, and there is none`)
}

/** What a container of an ipvlan in l2 sends to the host comes up by the parent, while the way to the container is the shim. */
function answersByParent({ options, ipv4 }: LanNetwork): boolean {
	return options.mode === 'ipvlan' && options.ipvlanMode === 'l2' && ipv4.length > 0
}

function mustShare({ parent, options }: LanNetwork, others: readonly LanNetwork[]): void {
	for (const other of others) {
		const why = other.parent === parent ? apart(options, other.options) : undefined
		if (why === undefined) continue
		throw new WeftError('in-use', `the parent ${parent} is that of network ${other.id.slice(0, 12)}: ${why}`)
	}
}

/** Why the kernel does not have both on one parent, where it does not: undefined where it does. */
function apart(wanted: LanOptions, other: LanOptions): string | undefined {
	if (wanted.mode === 'macvlan' && other.mode === 'macvlan') {
		if (wanted.macvlanMode === 'passthru') return 'macvlan_mode="passthru" is to have it alone'
		return other.macvlanMode === 'passthru' ? 'that network has it alone' : undefined
	}
	if (wanted.mode === 'ipvlan' && other.mode === 'ipvlan') {
		// The kernel would give all on that parent what the last one asks for.
		if (wanted.ipvlanMode === other.ipvlanMode && wanted.ipvlanFlag === other.ipvlanFlag) return undefined
		return `all ipvlans on a parent have one mode and flag, there ipvlan_mode="${other.ipvlanMode}" and ipvlan_flag="${other.ipvlanFlag}"`
	}
	return `that one is of mode ${other.mode}, and a link can be the parent of macvlans or of ipvlans, not of both`
}
