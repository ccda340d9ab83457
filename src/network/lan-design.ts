/** What a network on a link of the host will be, and why it may not: its parent, and who else is on it. */
import { invalid, WeftError } from '../errors.ts'
import { contains, parseCidr, plainAddress } from '../model/address.ts'
import { bridgeName, dummyName, freeName } from '../model/names.ts'
import { hasParent, type LanNetwork, type Shim } from '../model/network.ts'
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
	const { vlans, mtu } = await findParent(host, parent, others)
	if (options.mtu !== undefined && options.mtu > mtu) {
		throw invalid(`mtu="${options.mtu}" is more than the ${mtu} bytes of the parent ${parent}`)
	}
	const network = { ...bare, vlans }
	mustShare(network, others)
	return options.hostAccess ? { ...network, shim: await designShim(host, network) } : network
}

/** What the host already is on that network, so that no further address of it is needed. */
async function designShim(host: Host, { id, parent, ipv4, ipv6 }: LanNetwork): Promise<Shim> {
	const had = (await host.facts.link(parent))?.state.addresses ?? []
	const own = [ipv4, ipv6].flatMap((subnets) => {
		const pools = subnets.map(({ pool }) => parseCidr(pool))
		const found = had.filter((cidr) => pools.some((pool) => contains(pool, parseCidr(cidr))))
		if (found.length > 0 || pools.length === 0) return found.map(plainAddress)
		const text = subnets.map(({ pool }) => pool).join(', ')
		throw invalid(`host_access="true" needs an address of the host on ${parent} in ${text}, and there is none`)
	})
	return {
		name: freeName(
			(n) => bridgeName(id, n),
			(name) => host.kernel.hasLink(name),
		),
		addresses: own,
	}
}

/** The kernel has a parent in passthru for one link alone. */
function mustShare(network: LanNetwork, others: readonly LanNetwork[]): void {
	const alone = ({ options }: LanNetwork) => options.macvlanMode === 'passthru'
	const other = others.find((each) => each.parent === network.parent && (alone(network) || alone(each)))
	if (other === undefined) return
	const whose = alone(network) ? 'macvlan_mode="passthru" is to have it alone' : 'that network has it alone'
	throw new WeftError('in-use', `the parent ${network.parent} is that of network ${other.id.slice(0, 12)}: ${whose}`)
}
