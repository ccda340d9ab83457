/**
 * The table `inet weft`: what is forwarded and translated. Rules drop what must not pass and mark what may; a mark
 * instead of a bare accept, because an accept ends one table only and Docker sets iptables' FORWARD policy to DROP: a
 * single static rule there accepts what carries the mark (iptables.ts).
 */
import { TUNNELS, VNI } from '../model/tunnels.ts'
import { LOOPBACK6_ALIAS } from './resource.ts'
import type { SetDefinition, Table, Type } from './table.ts'

/** The bit of the packet mark that says: forwarded by weft's rules. Taken off again before the packet leaves. */
export const ACCEPT_MARK = 0x20000000
/** With the former: it comes from a bridge of Docker's, and where Docker filters, it is Docker who lets it out or does not. */
export const DOCKERS_MARK = 0x10000000

const PUBLISH_ANY: readonly Type[] = ['inet_proto', 'inet_service']

const SETS: Readonly<Record<string, SetDefinition>> = {
	bridges: { comment: 'every bridge of a weft network', key: ['ifname'] },
	adopted: { comment: 'those of them that were there before, with others behind them too', key: ['ifname'] },
	same_bridge: { comment: 'each bridge with itself, where containers may talk', key: ['ifname', 'ifname'] },
	apart: { comment: 'each bridge with itself, where containers are kept apart', key: ['ifname', 'ifname'] },
	internal: { comment: 'bridges with no way in or out', key: ['ifname'] },
	closed: { comment: 'bridges into which not all goes that is established', key: ['ifname'] },
	entries: { comment: 'links, and those of these bridges into which it goes by them', key: ['ifname', 'ifname'] },
	masqueraded: { comment: 'bridges whose containers leave with the address of the host', key: ['ifname', 'nf_proto'] },
	source4: { comment: 'the address with which they leave, where it is chosen', key: ['ifname'], value: ['ipv4_addr'] },
	source6: { comment: 'the address with which they leave, where it is chosen', key: ['ifname'], value: ['ipv6_addr'] },
	routed: { comment: 'bridges whose containers are reached by their own address', key: ['ifname', 'nf_proto'] },
	unprotected: { comment: 'bridges on which every port is open to whoever has a route', key: ['ifname', 'nf_proto'] },
	trusted: { comment: 'links with access to open ports of a bridge', key: ['ifname', 'ifname'] },
	shims: { comment: 'links by which this host is beside its containers', key: ['ifname'] },
	beside: { comment: 'those links, and the containers that they are for', key: ['ifname', 'ether_addr'] },
	gateways4: { comment: 'by which containers share the loopback of this host', key: ['ifname', 'ipv4_addr'] },
	gateways6: { comment: 'by which containers share the loopback of this host', key: ['ifname', 'ipv6_addr'] },
	links: { comment: 'the host ends of the links of containers', key: ['ifname'], restricts: true },
	across4: {
		comment: 'links to other hosts, and the subnets of networks that go by them',
		key: ['ifname', 'ipv4_prefix'],
		restricts: true,
	},
	across6: {
		comment: 'links to other hosts, and the subnets of networks that go by them',
		key: ['ifname', 'ipv6_prefix'],
		restricts: true,
	},
	shared4: { comment: 'bridges, and the subnet that they have on other hosts too', key: ['ifname', 'ipv4_prefix'] },
	shared6: { comment: 'bridges, and the subnet that they have on other hosts too', key: ['ifname', 'ipv6_prefix'] },
	hosts4: { comment: 'links, and the hosts that reach a bridge by them', key: ['ifname', 'ifname', 'ipv4_addr'] },
	hosts6: { comment: 'links, and the hosts that reach a bridge by them', key: ['ifname', 'ifname', 'ipv6_addr'] },
	answers4: {
		comment: 'bridges, and the tunnels by which hosts that ask get their answers',
		key: ['ifname', 'ipv4_addr'],
		value: ['verdict'],
	},
	answers6: {
		comment: 'bridges, and the tunnels by which hosts that ask get their answers',
		key: ['ifname', 'ipv6_addr'],
		value: ['verdict'],
	},
	vxlan_ports: { comment: 'UDP ports of VXLAN', key: ['inet_service'], restricts: true },
	members4: { comment: 'hosts that may send VXLAN', key: ['ipv4_addr'] },
	members6: { comment: 'hosts that may send VXLAN', key: ['ipv6_addr'] },
	docker_bridges: { comment: 'bridges of Docker, kept apart from weft networks', key: ['ifname'] },
	endpoints4: { comment: 'containers and the bridge they are on', key: ['ifname', 'ipv4_addr'] },
	endpoints6: { comment: 'containers and the bridge they are on', key: ['ifname', 'ipv6_addr'] },
	open4: { comment: 'ports of containers that are published', key: ['ipv4_addr', 'inet_proto', 'inet_service'] },
	open6: { comment: 'ports of containers that are published', key: ['ipv6_addr', 'inet_proto', 'inet_service'] },
	publish4: {
		comment: 'published on one address of the host',
		key: ['ipv4_addr', 'inet_proto', 'inet_service'],
		value: ['ipv4_addr', 'inet_service'],
	},
	publish6: {
		comment: 'published on one address of the host',
		key: ['ipv6_addr', 'inet_proto', 'inet_service'],
		value: ['ipv6_addr', 'inet_service'],
	},
	publish4_any: { comment: 'published on every address', key: PUBLISH_ANY, value: ['ipv4_addr', 'inet_service'] },
	publish6_any: { comment: 'published on every address', key: PUBLISH_ANY, value: ['ipv6_addr', 'inet_service'] },
	loopback6: { comment: 'published on ::1 too', key: PUBLISH_ANY },
}

const TUNNEL_MARKS = TUNNELS.vxlan.mark | TUNNELS.wireguard.mark
const MARK = hex(ACCEPT_MARK)
const BOTH_MARKS = hex(ACCEPT_MARK | DOCKERS_MARK)
const UNMARK = hex(~(ACCEPT_MARK | DOCKERS_MARK | TUNNEL_MARKS))

function hex(bits: number): string {
	return `0x${(bits >>> 0).toString(16)}`
}

/**
 * From a published port to its container: a port on one address goes before the same port on every address. Not from
 * link-local addresses, since nobody forwards what comes from one; the held port refuses at once.
 */
const PUBLISHED = `
		ip6 daddr fe80::/10 accept
		dnat ip to ip daddr . meta l4proto . th dport map @publish4
		dnat ip6 to ip6 daddr . meta l4proto . th dport map @publish6
		fib daddr type local dnat ip to meta l4proto . th dport map @publish4_any
		fib daddr type local dnat ip6 to meta l4proto . th dport map @publish6_any`

const CHAINS = `
	chain martians {
		type filter hook prerouting priority raw; policy accept;
		iifname @bridges goto from_bridges
		# What comes up on a port itself, not on its bridge, was sent to the group of bridges and has passed no rule there.
		iifname @links drop
		# Others on a parent's network ask for this host too, and are to go on with the parent's MAC; arp_filter does it for ARP.
		icmpv6 type nd-neighbor-solicit iifname @shims iifname . ether saddr != @beside drop
	}

	chain from_bridges {
		# route_localnet is on for published ports; it must not open the host's own loopback to containers, nor let them
		# speak in its name. What is translated while it is on the bridge, IPv6 itself would not stop any more.
		ip daddr 127.0.0.0/8 drop
		ip saddr 127.0.0.0/8 drop
		ip6 saddr ::1 drop
	}

	# A host asks containers of others by a tunnel, with its address in the underlay: the answer goes back by the same, not as it is
	# by the underlay. What came by a published port was sent to this host, and is answered by the underlay as it came.
	chain answers {
		type filter hook prerouting priority mangle; policy accept;
		ct direction original accept
		ct status dnat accept
		iifname . ip daddr vmap @answers4
		iifname . ip6 daddr vmap @answers6
	}

	chain by_vxlan {
		meta mark set meta mark | ${hex(TUNNELS.vxlan.mark)}
	}

	chain by_wireguard {
		meta mark set meta mark | ${hex(TUNNELS.wireguard.mark)}
	}

	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		# Nobody but this host may use what is published on 127.0.0.1, and its packets pass the output hook.
		ip daddr 127.0.0.0/8 accept
		ip6 daddr ::1 accept${PUBLISHED}
		# What containers of mode host send to the host's loopback: their own tables lead it here (loopback-table.ts).
		iifname . ip daddr @gateways4 meta l4proto { tcp, udp, sctp } dnat ip to 127.0.0.1
		iifname . ip6 daddr @gateways6 meta l4proto { tcp, udp, sctp } dnat ip6 to ${LOOPBACK6_ALIAS}
	}

	# VXLAN tells nothing of its sender but the address. Of other networks on that port (their identifier is another one, 4 bytes
	# after the UDP header) others decide.
	chain tunnels {
		type filter hook input priority filter - 1; policy accept;
		udp dport @vxlan_ports @th,96,24 ${hex(VNI)} ip saddr != @members4 drop
		udp dport @vxlan_ports @th,96,24 ${hex(VNI)} ip6 saddr != @members6 drop
	}

	chain input {
		type nat hook input priority 100; policy accept;
		# The host's programs see them as clients on 127.0.0.1. Of ::1 the answer would not find its way back.
		iifname @bridges ip daddr 127.0.0.1 ct status dnat snat ip to 127.0.0.1
	}

	chain output {
		type nat hook output priority -100; policy accept;${PUBLISHED}
	}

	# IPv6 has no route_localnet: an answer that NAT gives back to ::1 is dropped on every link but lo. Hence ::1 has
	# another name from before NAT sees the packet until after NAT is done with the answer, which ::1 then seems to send.
	chain from_loopback6 {
		type filter hook output priority raw; policy accept;
		ip6 saddr ::1 ip6 daddr ::1 meta l4proto . th dport @loopback6 ip6 saddr set ${LOOPBACK6_ALIAS}
		ip6 saddr ::1 oifname @bridges ip6 saddr set ${LOOPBACK6_ALIAS}
	}

	chain to_loopback6 {
		type filter hook input priority 110; policy accept;
		ip6 saddr ::1 ip6 daddr ${LOOPBACK6_ALIAS} ip6 daddr set ::1
		iifname @bridges ip6 daddr ${LOOPBACK6_ALIAS} ct status dnat ip6 daddr set ::1
	}

	chain forward {
		type filter hook forward priority filter - 1; policy accept;
		iifname != @bridges oifname != @bridges accept
		# Almost every packet.
		ct state established,related iifname != @internal oifname != @closed goto allow
		ct state established,related jump known
		iifname . oifname @same_bridge goto allow
		# To and from other hosts, within a network.
		oifname . ip daddr @across4 iifname . ip daddr @shared4 goto allow
		oifname . ip6 daddr @across6 iifname . ip6 daddr @shared6 goto allow
		iifname . ip saddr @across4 oifname . ip saddr @shared4 goto allow
		iifname . ip6 saddr @across6 oifname . ip6 saddr @shared6 goto allow
		iifname . oifname . ip saddr @hosts4 goto allow
		iifname . oifname . ip6 saddr @hosts6 goto allow
		iifname @internal drop
		oifname @internal drop
		ct status dnat jump published
		iifname . oifname @apart drop
		oifname . ip daddr @across4 drop
		oifname . ip6 daddr @across6 drop
		iifname . oifname @trusted jump published
		oifname . meta nfproto @routed jump published
		oifname . meta nfproto @routed meta l4proto { icmp, icmpv6 } goto allow
		oifname . meta nfproto @unprotected goto allow
		oifname != @adopted oifname @bridges drop
		oifname . ip daddr @endpoints4 drop
		oifname . ip6 daddr @endpoints6 drop
		# Between others, and those behind an adopted bridge who are no containers.
		iifname != @bridges accept
		# What Docker has published it lets in itself; anything else of Docker's is out of reach.
		oifname @docker_bridges ct status dnat accept
		oifname @docker_bridges drop
		goto allow
	}

	# Nothing begins across the border of an internal network, and nobody may add to what others began. Into a network of several
	# hosts what is not translated comes by the link to them, or is an answer from outside; what began outside has to pass all rules.
	chain known {
		iifname . oifname @entries goto allow
		iifname @internal return
		oifname @internal return
		ct status snat,dnat goto allow
		ct direction reply oifname . ip saddr != @shared4 goto allow
		ct direction reply oifname . ip6 saddr != @shared6 goto allow
	}

	chain published {
		ip daddr . meta l4proto . th dport @open4 goto allow
		ip6 daddr . meta l4proto . th dport @open6 goto allow
	}

	chain allow {
		# Docker lets those on its bridges out itself, but for its internal networks, which only it knows.
		iifname @docker_bridges meta mark set meta mark | ${BOTH_MARKS} accept
		meta mark set meta mark & ${UNMARK} | ${MARK} accept
	}

	chain unmark {
		type filter hook postrouting priority filter; policy accept;
		meta mark & ${MARK} != 0 meta mark set meta mark & ${UNMARK}
	}

	chain clamp {
		type filter hook postrouting priority mangle; policy accept;
		# Where hosts differ in their MTU, or a container has a link with more.
		tcp flags syn / syn,rst oifname . ip daddr @across4 tcp option maxseg size set rt mtu
		tcp flags syn / syn,rst oifname . ip6 daddr @across6 tcp option maxseg size set rt mtu
	}

	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		# Back to the network it came from through a published port: the answer must come by this host as well.
		ct status dnat oifname . ip saddr @endpoints4 masquerade
		ct status dnat oifname . ip6 saddr @endpoints6 masquerade
		oifname @bridges ip saddr 127.0.0.0/8 masquerade
		oifname @bridges ip6 saddr ${LOOPBACK6_ALIAS} masquerade
		iifname . oifname @same_bridge accept
		oifname . ip daddr @across4 accept
		oifname . ip6 daddr @across6 accept
		iifname . meta nfproto @masqueraded goto leaving
	}

	chain leaving {
		# Of those behind an adopted bridge only the containers.
		iifname @adopted iifname . ip saddr != @endpoints4 return
		iifname @adopted iifname . ip6 saddr != @endpoints6 return
		snat ip to iifname map @source4
		snat ip6 to iifname map @source6
		masquerade
	}
`

export const INET_TABLE: Table = { name: 'inet weft', sets: SETS, chains: CHAINS }
