/** The link that containers' links sit on: found, or to be made of VLANs on one that is there. */
import { invalid } from '../errors.ts'
import type { LinkFacts } from '../kernel/host.ts'
import type { LanNetwork, Vlan } from '../model/network.ts'
import type { Host } from './host.ts'

export interface Parent {
	/** By which the kernel lists it. */
	readonly name: string
	/** Of weft's making, from the lowest up. */
	readonly vlans: readonly Vlan[]
	/** Bytes, of the link that is somebody else's. */
	readonly mtu: number
}

/**
 * A name of a link and a VLAN's number, with a dot between, is that VLAN where there is no link of that name; there may
 * be several numbers. @throws WeftError `invalid` for one that cannot be a parent
 */
export async function findParent(host: Host, name: string, others: readonly LanNetwork[]): Promise<Parent> {
	const made = others.flatMap(({ vlans }) => vlans).find((vlan) => vlan.name === name)
	const link = made === undefined ? await host.facts.link(name) : undefined
	if (link !== undefined) {
		checkLink(name, link)
		return { name: link.name, vlans: [], mtu: link.mtu }
	}
	const vlan = made ?? vlanOf(name)
	const below = await findParent(host, vlan.parent, others)
	if (below.name !== vlan.parent) return await findParent(host, `${below.name}.${vlan.id}`, others)
	return { name, vlans: [...below.vlans, vlan], mtu: below.mtu }
}

function vlanOf(name: string): Vlan {
	const [, parent, id] = /^(.+)\.(\d+)$/.exec(name) ?? []
	if (parent === undefined) throw invalid(`parent="${name}" is no link of this host`)
	if (Number(id) < 1 || Number(id) > 4094) {
		throw invalid(`parent="${name}" is no link of this host, nor a VLAN: their numbers are from 1 to 4094`)
	}
	return { name, parent, id: Number(id) }
}

/** Links that have a link below them: what sits on that one sits beside them, and not behind. */
const STACKED = ['macvlan', 'macvtap', 'ipvlan', 'ipvtap']

function checkLink(name: string, { kind, up, masterKind, loopback }: LinkFacts): void {
	const refused = (why: string) => invalid(`parent="${name}" ${why}`)
	if (loopback === true) throw refused('is the loopback, from which nothing leaves')
	if (!up) throw refused(`is down; "ip link set ${name} up" first`)
	if (masterKind !== undefined) throw refused(`is a port of a ${masterKind}, which has all its packets`)
	if (kind !== undefined && STACKED.includes(kind)) throw refused(`is itself on another link (${kind}); name that one`)
}
