/** The table `bridge weft`: frames from the ports of a bridge, also where none of them is shown to the hooks of IP. */
import { ACCEPT_MARK } from './inet-table.ts'
import type { SetDefinition, Table } from './table.ts'

/** By port, not by bridge: many kernels are built without the lookup of a port's bridge (NFT_BRIDGE_META). */
const SETS: Readonly<Record<string, SetDefinition>> = {
	apart_links: { comment: 'links of containers that are kept apart from each other', key: ['ifname'], restricts: true },
	guards: {
		comment: 'links of containers that are held to their own addresses',
		key: ['ifname'],
		value: ['verdict'],
		restricts: true,
	},
	macs: { comment: 'the MAC on a link', key: ['ifname', 'ether_addr'] },
	sources4: { comment: 'the IPv4 address on a link', key: ['ifname', 'ether_addr', 'ipv4_addr'] },
	sources6: { comment: 'the IPv6 address on a link', key: ['ifname', 'ether_addr', 'ipv6_addr'] },
	claims6: { comment: 'the IPv6 address that may be claimed there', key: ['ifname', '@th,64,128'] },
}

/**
 * Almost every packet passes by the first or second rule: what has an address on record need not be guarded. An address that
 * names nobody (0.0.0.0, ::) or no more than a link (169.254.0.0/16, fe80::/10, which a container chooses by itself) is held
 * by the MAC alone.
 */
const CHAINS = `
	chain antispoof {
		type filter hook prerouting priority dstnat; policy accept;
		ether type ip iifname . ether saddr . ip saddr @sources4 accept
		ether type ip6 meta l4proto != icmpv6 iifname . ether saddr . ip6 saddr @sources6 accept
		iifname vmap @guards
	}

	chain held {
		ether type vmap { ip : goto held4, ip6 : goto held6, arp : goto held_arp }
		goto held_mac
	}

	chain held4 {
		ip saddr != { 0.0.0.0, 169.254.0.0/16 } drop
		goto held_mac
	}

	chain held6 {
		# Whoever is a router for others is not held. What a neighbour says of an address: that it is its own, or may it be.
		icmpv6 type vmap { nd-router-advert : drop, nd-redirect : drop, nd-neighbor-advert : jump claimed }
		icmpv6 type nd-neighbor-solicit ip6 saddr :: jump claimed
		iifname . ether saddr . ip6 saddr @sources6 accept
		ip6 saddr != { ::, fe80::/10 } drop
		goto held_mac
	}

	chain claimed {
		iifname . @th,64,128 @claims6 return
		# fe80::/10
		@th,64,10 0x3fa return
		drop
	}

	chain held_arp {
		iifname . arp saddr ether != @macs drop
		iifname . ether saddr . arp saddr ip @sources4 accept
		arp saddr ip != { 0.0.0.0, 169.254.0.0/16 } drop
		goto held_mac
	}

	chain held_mac {
		iifname . ether saddr != @macs drop
		iifname . arp saddr ether != @macs drop
		# Rules see through one tag at the most, and not in every version of nft; a tag for VLAN 0 changes nothing for others.
		ether type { 8021q, 8021ad } drop
	}

	chain forward {
		# After br_netfilter (0): a published port is translated on the bridge, and marked in inet weft.
		type filter hook forward priority 1; policy accept;
		iifname @apart_links oifname @apart_links meta mark & 0x${ACCEPT_MARK.toString(16)} == 0 drop
	}
`

export const BRIDGE_TABLE: Table = { name: 'bridge weft', sets: SETS, chains: CHAINS }
