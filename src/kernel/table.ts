/** What weft's nftables tables are made of: sets and maps of elements, and how each part of an element is written. */
import { WeftError } from '../errors.ts'
import {
	formatCidr,
	formatIp,
	formatMac,
	networkOf,
	parseCidr,
	parseIp,
	parseMac,
	toBytes,
	tryParseIp,
	width,
} from '../model/address.ts'
import { checkLinkName } from '../model/names.ts'
import { PROTOCOLS } from '../model/network.ts'

/** nft's own names of types, a network of addresses, and an expression for an IPv6 address where nft has no name for the field that it is in. */
export type Type =
	| 'ifname'
	| 'ether_addr'
	| 'nf_proto'
	| 'ipv4_addr'
	| 'ipv6_addr'
	| 'ipv4_prefix'
	| 'ipv6_prefix'
	| '@th,64,128'
	| 'inet_proto'
	| 'inet_service'
	| 'verdict'

export interface SetDefinition {
	readonly comment: string
	readonly key: readonly Type[]
	/** Present for a map. */
	readonly value?: readonly Type[]
	/** Elements that hold back what comes from a link: they stay until the link is gone. */
	readonly restricts?: true
}

/** A family and a name, sets and maps by their names, which no other table has, and the chains as text. */
export interface Table {
	readonly name: string
	readonly sets: Readonly<Record<string, SetDefinition>>
	readonly chains: string
}

export function renderParts(types: readonly Type[], parts: readonly string[]): string {
	if (types.length !== parts.length) throw new WeftError('system', `${parts.join(' . ')} is not ${types.join(' . ')}`)
	return types.map((type, i) => RENDER[type](parts[i] ?? '')).join(' . ')
}

/** Each renders one part, or throws: no text reaches a rule that is not what it should be. */
const RENDER: Readonly<Record<Type, (text: string) => string>> = {
	ifname: (text) => `"${checkLinkName(text, 'link')}"`,
	ether_addr: (text) => formatMac(parseMac(text)),
	nf_proto: (text) => {
		if (text === 'ipv4' || text === 'ipv6') return text
		throw new WeftError('system', `${text} is not a family of addresses`)
	},
	ipv4_addr: (text) => address(4, text),
	ipv6_addr: (text) => address(6, text),
	ipv4_prefix: (text) => prefix(4, text),
	ipv6_prefix: (text) => prefix(6, text),
	'@th,64,128': (text) => `0x${Buffer.from(toBytes(parseIp(address(6, text)))).toString('hex')}`,
	inet_proto: (text) => {
		if (PROTOCOLS.some((each) => each === text)) return text
		throw new WeftError('system', `${text} is not a protocol with ports`)
	},
	inet_service: (text) => {
		if (/^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65535) return text
		throw new WeftError('system', `${text} is not a port`)
	},
	verdict: (text) => {
		if (/^goto [a-z_]+$/.test(text)) return text
		throw new WeftError('system', `${text} is not a way to a chain`)
	},
}

function address(family: 4 | 6, text: string): string {
	const ip = tryParseIp(text)
	if (ip?.family === family) return formatIp(ip)
	throw new WeftError('system', `${text} is not an IPv${family} address`)
}

/** As nft lists it: without a length where that is all of an address. */
function prefix(family: 4 | 6, text: string): string {
	const cidr = networkOf(parseCidr(text))
	if (cidr.family !== family || cidr.prefix === 0) {
		throw new WeftError('system', `${text} is not a part of the IPv${family} addresses`)
	}
	return cidr.prefix === width(family) ? formatIp(cidr) : formatCidr(cidr)
}
