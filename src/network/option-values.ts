/** How the value of one option is read: each parser names the option, the value and what is accepted. Pure. */
import { invalid } from '../errors.ts'
import { type Family, formatIp, tryParseIp } from '../model/address.ts'
import { checkLinkName } from '../model/names.ts'
import type { GatewayMode } from '../model/options.ts'

export type Raw = Readonly<Record<string, string>>

/** Of every mode whose containers have a link. */
export const MTU = 'mtu'
export const DOCKER_MTU = 'com.docker.network.driver.mtu'
export const PREFIX = 'com.docker.network.container_iface_prefix'

/** A value as an error shows it: quoted, and on one line. */
export const quote = JSON.stringify

/** The value of an option, undefined where it was not given. */
export function read<T>(raw: Raw, name: string, parse: (name: string, text: string) => T): T | undefined {
	const text = given(raw, name)
	return text === undefined ? undefined : parse(name, text)
}

/** An option given without a value is one that was not given, as with Docker's drivers. */
export function given(raw: Raw, name: string): string | undefined {
	return raw[name] === '' ? undefined : raw[name]
}

/** The spellings of Go's strconv.ParseBool, which Docker's drivers use. */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
	...['1', 't', 'T', 'TRUE', 'true', 'True'].map((text) => [text, true] as const),
	...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((text) => [text, false] as const),
])

export function parseBoolean(name: string, text: string): boolean {
	const value = BOOLEANS.get(text)
	if (value === undefined) throw invalid(`${name}=${quote(text)} must be true or false`)
	return value
}

/** 0 leaves the MTU to measurement, as Docker's drivers have it. */
export function parseMtu(name: string, text: string): number | undefined {
	const mtu = /^\d{1,5}$/.test(text) ? Number(text) : -1
	if (mtu === 0) return undefined
	// 68: RFC 791; 65535: the kernel's limit for bridge and veth.
	if (mtu < 68 || mtu > 65535) throw invalid(`${name}=${quote(text)} must be a number of bytes from 68 to 65535`)
	return mtu
}

export function parsePrefix(name: string, prefix: string): string {
	// Docker appends a number; two digits must still fit.
	if (prefix.length > 13) throw invalid(`${name}=${quote(prefix)} is longer than 13 characters`)
	return checkLinkName(prefix, name)
}

/** One of some words. */
export function oneOf<T extends string>(words: readonly T[]): (name: string, text: string) => T {
	return (name, text) => {
		const found = words.find((each) => each === text)
		if (found === undefined) throw invalid(`${name}=${quote(text)} must be one of ${words.join(', ')}`)
		return found
	}
}

const GATEWAY_MODES: readonly GatewayMode[] = ['nat', 'nat-unprotected', 'routed', 'isolated']

export const parseGatewayMode = oneOf(GATEWAY_MODES)

/** Of either family; 0.0.0.0 and :: are every address of theirs. */
export function parseBinding(name: string, text: string): string {
	const ip = tryParseIp(text)
	if (ip === undefined) throw invalid(`${name}=${quote(text)} must be an IP address of this host`)
	return formatIp(ip)
}

/** An address that packets can come from. */
export function parseSource(name: string, text: string, family: Family): string {
	const ip = tryParseIp(text)
	if (ip?.family !== family || ip.value === 0n) throw invalid(`${name}=${quote(text)} must be an IPv${family} address`)
	return formatIp(ip)
}

/** Names of links with colons between them, which no link's name has. */
export function parseLinkNames(name: string, text: string): string[] {
	const names = text.split(':').filter((each) => each !== '')
	return [...new Set(names)].map((each) => checkLinkName(each, name))
}

/** In either spelling; in both only where they agree. */
export function readMtu(raw: Raw): number | undefined {
	return read(raw, mtuName(raw), parseMtu)
}

function mtuName(raw: Raw): string {
	const [mtu, dockers] = [given(raw, MTU), given(raw, DOCKER_MTU)]
	if (mtu === undefined) return DOCKER_MTU
	if (dockers === undefined || dockers === mtu) return MTU
	throw invalid(`${MTU}=${quote(mtu)} and ${DOCKER_MTU}=${quote(dockers)} differ; give one of them`)
}
