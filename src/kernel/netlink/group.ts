/** Netlink's groups, on which the kernel tells everybody who listens; see netlink(7). */
import { setIntegerOption } from '../ffi.ts'

export const SOL_NETLINK = 270
const NETLINK_ADD_MEMBERSHIP = 1

/** Has a netlink socket hear what the kernel tells a group. */
export function joinGroup(fd: number, group: number): void {
	setIntegerOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
}
