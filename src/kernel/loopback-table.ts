/**
 * The table that weft has in the namespace of a container whose loopback is one with that of its network's owner: ports of 127.0.0.1
 * and ::1 that the owner serves lead there, and the owner's lead to those that the container serves. Pure; the whole table as text.
 */
import type { Family } from '../model/address.ts'
import { checkLinkName } from '../model/names.ts'
import type { Protocol } from '../model/network.ts'
import type { PerFamily } from '../model/options.ts'
import { renderParts } from './table.ts'

/**
 * What ::1 is called while a packet is away, as LOOPBACK6_ALIAS with the owner, with the same checksum. Another one, and no link-local
 * address, since those are what neighbours are asked by: the bridge's must not be the container's.
 */
export const OWN_LOOPBACK6 = 'fd77:6566:7401::2921'

/** A port on which somebody serves. */
export interface Service {
	readonly protocol: Protocol
	readonly port: number
}

/** Of one family. */
export interface SharedLoopback {
	/** The container's address on the network. */
	readonly own: string
	/** The owner's there. */
	readonly gateway: string
	/** What is the owner's on the container's loopback. */
	readonly outward: readonly Service[]
	/** What is the container's on the owner's loopback. */
	readonly inward: readonly Service[]
}

/** Without a family that the container does not have. */
export type SharedLoopbacks = Partial<PerFamily<SharedLoopback>>

interface Words {
	readonly ip: string
	readonly address: 'ipv4_addr' | 'ipv6_addr'
	/** Where clients call. */
	readonly loopback: string
	/** What stands for it while a packet is away, and for the whole of the loopback as a source. */
	readonly alias: string
	readonly source: string
}

const WORDS: PerFamily<Words> = {
	4: { ip: 'ip', address: 'ipv4_addr', loopback: '127.0.0.1', alias: '127.0.0.1', source: '127.0.0.0/8' },
	6: { ip: 'ip6', address: 'ipv6_addr', loopback: '::1', alias: OWN_LOOPBACK6, source: OWN_LOOPBACK6 },
}

/** In place of whatever that table was. `link` is the host's end of the container's, after which the table is named. */
export function renderLoopbacks(link: string, shared: SharedLoopbacks): string {
	const parts = ([4, 6] as const).flatMap((family) => {
		const each = shared[family]
		return each === undefined ? [] : [partsOf(family, each)]
	})
	const rules = (name: keyof Parts) => parts.map((each) => each[name]).join('')
	return `${renderNone(link)}table ${tableOf(link)} {
${rules('sets')}
	chain martians {
		type filter hook prerouting priority raw; policy accept;
		# route_localnet is on; it must not open the loopback to others on the network.
		iifname != "lo" ip daddr 127.0.0.0/8 drop
		iifname != "lo" ip saddr 127.0.0.0/8 drop
	}

	# See from_loopback6 of the host's table: ::1 has another name while a packet is away.
	chain from_loopback6 {
		type filter hook output priority raw; policy accept;
${rules('renamed')}	}

	chain to_loopback6 {
		type filter hook input priority 110; policy accept;
		# Only what this table has led here: neighbours could send to that name.
		ct status dnat ip6 daddr ${OWN_LOOPBACK6} ip6 daddr set ::1
	}

	chain output {
		type nat hook output priority -100; policy accept;
${rules('outward')}	}

	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
${rules('inward')}	}

	chain input {
		type nat hook input priority 100; policy accept;
		# Who calls 127.0.0.1 is seen as 127.0.0.1. Of ::1 the answer would not find its way back.
		iifname != "lo" ip daddr 127.0.0.1 ct status dnat snat ip to 127.0.0.1
	}

	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
${rules('leaving')}	}
}
`
}

/** Takes the table away, also where there is none. */
export function renderNone(link: string): string {
	return `table ${tableOf(link)}\ndelete table ${tableOf(link)}\n`
}

function tableOf(link: string): string {
	return `inet weft-${checkLinkName(link, 'link')}`
}

interface Parts {
	readonly sets: string
	readonly renamed: string
	readonly outward: string
	readonly inward: string
	readonly leaving: string
}

function partsOf(family: Family, { own, gateway, outward, inward }: SharedLoopback): Parts {
	const { ip, address, loopback, alias, source } = WORDS[family]
	const [here, there] = [renderParts([address], [own]), renderParts([address], [gateway])]
	const port = 'meta l4proto . th dport'
	const renamed = `
		ip6 saddr ::1 ip6 daddr ::1 ${port} @outward6 ip6 saddr set ${OWN_LOOPBACK6}
		oifname != "lo" ip6 saddr ::1 ip6 saddr set ${OWN_LOOPBACK6}
`
	return {
		sets: renderSet(`outward${family}`, outward) + renderSet(`inward${family}`, inward),
		renamed: family === 6 ? renamed.slice(1) : '',
		outward: `\t\t${ip} daddr ${loopback} ${port} @outward${family} dnat ${ip} to ${there}\n`,
		inward: `\t\t${ip} saddr ${there} ${ip} daddr ${here} ${port} @inward${family} dnat ${ip} to ${alias}\n`,
		leaving: `\t\toifname != "lo" ${ip} saddr ${source} snat ${ip} to ${here}\n`,
	}
}

function renderSet(name: string, services: readonly Service[]): string {
	const elements = services.map(({ protocol, port }) =>
		renderParts(['inet_proto', 'inet_service'], [protocol, String(port)]),
	)
	const listed = elements.length === 0 ? '' : `\t\telements = { ${elements.join(', ')} }\n`
	return `\tset ${name} {\n\t\ttype inet_proto . inet_service\n${listed}\t}\n`
}
