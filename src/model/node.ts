/** A host of a cluster, as it is stored on that host, and as it tells the others. */
import { contains, formatIp, parseCidr, tryParseIp } from './address.ts'

export interface Membership {
	/** Of the cluster's store. All that the host claims goes with it. */
	readonly lease: string
	/** Those with which it may still be listed, where joining broke off. */
	readonly former: readonly string[]
	/** When the cluster last confirmed it: seconds since that boot of the host. */
	readonly boot: string
	readonly contact: number
}

export interface Node {
	readonly name: string
	/** In the underlay, as `hostAddress` has it. */
	readonly address: string
}

/** This host itself, one link, many hosts, or IPv4 spelled as IPv6: RFC 6890, RFC 4291. */
const NO_HOST = [
	...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'],
	...['::/96', '::ffff:0:0/96', 'fe80::/10', 'ff00::/8'],
].map(parseCidr)

/** The one spelling of an address at which hosts reach another; undefined for anything else. */
export function hostAddress(text: string): string | undefined {
	const ip = tryParseIp(text)
	return ip === undefined || NO_HOST.some((each) => contains(each, ip)) ? undefined : formatIp(ip)
}
