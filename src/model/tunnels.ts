/** Numbers by which the kernel tells weft's tunnels to other hosts, and what belongs to them, from all else. */

/**
 * The bit of the packet mark, and the table of routes, with which an answer to another host goes back by the tunnel by which
 * that host asked: see kernel/inet-table.ts.
 */
export const TUNNELS = {
	vxlan: { mark: 0x8000000, table: 7766 },
	wireguard: { mark: 0x4000000, table: 7767 },
} as const

/** The VXLAN network identifier of all of weft's networks: what keeps them apart is the address. */
export const VNI = 0x776566
