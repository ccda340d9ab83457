/** The table `bridge weft`: frames between the ports of a bridge, also where none of them is shown to the hooks of IP. */
import { ACCEPT_MARK } from './inet-table.ts'
import type { SetDefinition, Table } from './table.ts'

/** By port, not by bridge: many kernels are built without the lookup of a port's bridge (NFT_BRIDGE_META). */
const SETS: Readonly<Record<string, SetDefinition>> = {
	apart_links: { comment: 'links of containers that are kept apart from each other', key: ['ifname'] },
}

const CHAINS = `
	chain forward {
		# After br_netfilter (0): a published port is translated on the bridge, and marked in inet weft.
		type filter hook forward priority 1; policy accept;
		iifname @apart_links oifname @apart_links meta mark & 0x${ACCEPT_MARK.toString(16)} == 0 drop
	}
`

export const BRIDGE_TABLE: Table = { name: 'bridge weft', sets: SETS, chains: CHAINS }
