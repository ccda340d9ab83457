/** In what a VXLAN device, and what is on it, is not as it should be. */
import { formatIp, parseIp } from '../model/address.ts'
import type { LinkInfo } from './netlink/link.ts'
import type { Rtnetlink } from './netlink/rtnetlink.ts'
import type { VxlanInfo } from './netlink/vxlan.ts'
import type { ForwardingEntry, Neighbour, VxlanLink } from './resource.ts'

/** For people; undefined where nothing is amiss. */
export function vxlanDrift(there: LinkInfo & VxlanInfo, wanted: VxlanLink): string | undefined {
	if (there.kind !== 'vxlan') return 'of another kind'
	if (!there.up) return 'down'
	const [has, wants] = [wordsOf(there, textOf(there)), wordsOf(wanted, wanted.local)]
	const other = (Object.keys(wants) as (keyof typeof wants)[]).find((name) => has[name] !== wants[name])
	return other === undefined ? undefined : `with the ${other} ${has[other] ?? 'none'} instead of ${wants[other]}`
}

/** By what people call them. */
function wordsOf(
	{ mtu, mac, id, port }: Pick<VxlanLink, 'mac' | 'mtu'> & Omit<VxlanInfo, 'local'>,
	local: string | undefined,
) {
	return { MTU: mtu, 'MAC address': mac, 'network identifier': id, port, 'address of the underlay': local }
}

function textOf({ local }: VxlanInfo): string | undefined {
	return local === undefined ? undefined : formatIp(local)
}

export async function neighbourDrift(rtnetlink: Rtnetlink, { link, ip, mac }: Neighbour): Promise<string | undefined> {
	const index = rtnetlink.indexOf(link)
	if (index === undefined) return 'gone'
	const { value } = parseIp(ip)
	const there = (await rtnetlink.neighbours(index)).find((each) => each.permanent && each.ip.value === value)
	return there === undefined || (mac !== undefined && there.mac !== mac) ? 'gone' : undefined
}

export async function forwardingDrift(rtnetlink: Rtnetlink, wanted: ForwardingEntry): Promise<string | undefined> {
	const index = rtnetlink.indexOf(wanted.link)
	if (index === undefined) return 'gone'
	const there = (await rtnetlink.forwardings(index)).find(({ mac }) => mac === wanted.mac)
	if (there === undefined) return 'gone'
	const remote = formatIp(there.remote)
	return remote === wanted.remote ? undefined : `to ${remote} instead of ${wanted.remote}`
}
