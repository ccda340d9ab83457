/**
 * Links on a parent, whose MTU they get when they are made. When the parent's gets smaller the kernel makes theirs smaller;
 * when it grows theirs stays, until somebody sets it.
 */
import type { Rtnetlink } from './netlink/rtnetlink.ts'
import type { ShimLink, VlanLink } from './resource.ts'

/** Bytes by which a MACsec link has less room for VLANs than its MTU says (netif_reduces_vlan_mtu in the kernel). */
const TAG = 4

interface Behind {
	readonly index: number
	/** Bytes. */
	readonly mtu: number
	/** What it may have. */
	readonly most: number
}

/** Undefined where it has what its parent has, or one of both is gone. */
export async function behindParent(
	rtnetlink: Rtnetlink,
	{ name, parent }: ShimLink | VlanLink,
): Promise<Behind | undefined> {
	const [link, below] = await Promise.all([rtnetlink.link(name), rtnetlink.link(parent)])
	if (link === undefined || below === undefined) return undefined
	const most = below.kind === 'macsec' ? below.mtu - TAG : below.mtu
	return link.mtu < most ? { index: link.index, mtu: link.mtu, most } : undefined
}

export async function followParent(rtnetlink: Rtnetlink, link: ShimLink | VlanLink): Promise<void> {
	const behind = await behindParent(rtnetlink, link)
	if (behind !== undefined) await rtnetlink.setLink({ index: behind.index, mtu: behind.most })
}
