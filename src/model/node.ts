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
	/** Of WireGuard, as its own programs write it; absent for a host of a version without. */
	readonly publicKey?: string
}

/** A key pair of Curve25519 (RFC 7748), of which the private one is for nobody else. Both in base64. */
export interface KeyPair {
	readonly publicKey: string
	readonly privateKey: string
}

/** Of this host, as it is stored there. */
export interface HostKey extends KeyPair {
	/** What it has instead as soon as the other hosts know. */
	readonly next?: KeyPair
}

/** Whether it is the one spelling in base64 (RFC 4648) of 32 bytes. */
export function isKey(text: unknown): text is string {
	return typeof text === 'string' && /^[A-Za-z0-9+/]{43}=$/.test(text) && keyBytes(text).toString('base64') === text
}

export function keyBytes(key: string): Buffer {
	return Buffer.from(key, 'base64')
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
