/** `-o key=value` pairs and Docker's labels as typed options: the only reader of raw options. Pure. */
import { invalid } from '../errors.ts'
import { formatIp, tryParseIp } from '../model/address.ts'
import { checkLinkName } from '../model/names.ts'
import type { ModeName, NetworkOptions } from '../model/options.ts'

type Raw = Readonly<Record<string, string>>

const MODES: readonly ModeName[] = ['bridge']

/** Modes that are named in the documentation and not there yet. */
const PLANNED_MODES = ['host', 'container', 'none', 'macvlan', 'ipvlan', 'overlay']

const MTU = 'mtu'
const DOCKER_MTU = 'com.docker.network.driver.mtu'
const PREFIX = 'com.docker.network.container_iface_prefix'
const BRIDGE = 'com.docker.network.bridge.name'
const MASQUERADE = 'com.docker.network.bridge.enable_ip_masquerade'
const BINDING = 'com.docker.network.bridge.host_binding_ipv4'

/** What bridge mode understands; `mode` itself is read first. */
const KNOWN = ['mode', MTU, DOCKER_MTU, PREFIX, BRIDGE, MASQUERADE, BINDING]

/**
 * Options of bridge mode that are not built yet, with the value that they have all the same. Asked for with another
 * value they are refused: a rule that somebody relies on and that is not there would be worse.
 */
const PLANNED: Raw = {
	'com.docker.network.bridge.enable_icc': 'true',
	'com.docker.network.bridge.gateway_mode_ipv4': 'nat',
	'com.docker.network.bridge.gateway_mode_ipv6': 'nat',
	'com.docker.network.bridge.inhibit_ipv4': 'false',
	'com.docker.network.bridge.trusted_host_interfaces': '',
	'com.docker.network.host_ipv4': '',
	'com.docker.network.host_ipv6': '',
	antispoof: 'false',
}

/** weft's own options of modes other than bridge, to say whose they are. */
const OTHER_MODES: Raw = {
	parent: 'macvlan and ipvlan',
	macvlan_mode: 'macvlan',
	ipvlan_mode: 'ipvlan',
	ipvlan_flag: 'ipvlan',
	host_access: 'macvlan and ipvlan',
	backend: 'overlay',
	id: 'overlay',
	replicate: 'overlay',
	block: 'overlay',
	ports: 'host and container',
	exclude: 'host and container',
	container: 'container',
}

/** @throws WeftError `invalid` naming the option, its value and what is accepted. */
export function parseOptions(raw: Raw): NetworkOptions {
	const mode = parseMode(given(raw, 'mode') ?? 'bridge')
	for (const [name, value] of Object.entries(raw)) checkName(mode, name, value)
	const mtu = parseMtu(raw)
	const bridge = given(raw, BRIDGE)
	const binding = given(raw, BINDING)
	return {
		mode,
		interfacePrefix: parsePrefix(given(raw, PREFIX) ?? 'eth'),
		masquerade: parseBoolean(MASQUERADE, given(raw, MASQUERADE) ?? 'true'),
		...(mtu === undefined ? {} : { mtu }),
		...(bridge === undefined ? {} : { bridgeName: checkLinkName(bridge, BRIDGE) }),
		...(binding === undefined ? {} : { hostBinding: parseBinding(binding) }),
	}
}

/** A value as an error shows it: quoted, and on one line. */
const quote = JSON.stringify

/** An option given without a value is one that was not given, as with Docker's drivers. */
function given(raw: Raw, name: string): string | undefined {
	return raw[name] === '' ? undefined : raw[name]
}

function parseMode(mode: string): ModeName {
	const found = MODES.find((each) => each === mode)
	if (found !== undefined) return found
	const planned = PLANNED_MODES.includes(mode)
		? `mode=${mode} is not built yet`
		: `mode=${quote(mode)} is not a mode of weft`
	throw invalid(`${planned}; this version has ${MODES.join(', ')}`)
}

function checkName(mode: ModeName, name: string, value: string): void {
	if (KNOWN.includes(name)) return
	const builtIn = Object.hasOwn(PLANNED, name) ? PLANNED[name] : undefined
	if (builtIn !== undefined) {
		if (sameValue(value, builtIn)) return
		throw invalid(`${name}=${quote(value)} is not built yet; this version has only "${builtIn}"`)
	}
	const owner = Object.hasOwn(OTHER_MODES, name) ? OTHER_MODES[name] : undefined
	if (owner !== undefined) throw invalid(`the option ${name} belongs to mode ${owner}; this network's mode is ${mode}`)
	// Docker's daemon passes its defaults to every driver, and adds labels with each version.
	if (name.startsWith('com.docker.')) return
	throw invalid(
		`the option ${quote(name)} is unknown; mode ${mode} has ${[...KNOWN, ...Object.keys(PLANNED)].join(', ')}`,
	)
}

function sameValue(value: string, builtIn: string): boolean {
	if (value === '' || value === builtIn) return true
	return (builtIn === 'true' || builtIn === 'false') && String(BOOLEANS.get(value)) === builtIn
}

/** The spellings of Go's strconv.ParseBool, which Docker's drivers use. */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
	...['1', 't', 'T', 'TRUE', 'true', 'True'].map((text) => [text, true] as const),
	...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((text) => [text, false] as const),
])

function parseBoolean(name: string, text: string): boolean {
	const value = BOOLEANS.get(text)
	if (value === undefined) throw invalid(`${name}=${quote(text)} must be true or false`)
	return value
}

/** 0 and absent both leave the MTU to measurement, as Docker's drivers have it. */
function parseMtu(raw: Raw): number | undefined {
	const name = given(raw, MTU) === undefined ? DOCKER_MTU : MTU
	const text = given(raw, name) ?? '0'
	const other = given(raw, DOCKER_MTU) ?? text
	if (other !== text) throw invalid(`${MTU}=${quote(text)} and ${DOCKER_MTU}=${quote(other)} differ; give one of them`)
	const mtu = /^\d{1,5}$/.test(text) ? Number(text) : -1
	if (mtu === 0) return undefined
	// 68: RFC 791; 65535: the kernel's limit for bridge and veth.
	if (mtu < 68 || mtu > 65535) throw invalid(`${name}=${quote(text)} must be a number of bytes from 68 to 65535`)
	return mtu
}

function parsePrefix(prefix: string): string {
	// Docker appends a number; two digits must still fit.
	if (prefix.length > 13) throw invalid(`${PREFIX}=${quote(prefix)} is longer than 13 characters`)
	return checkLinkName(prefix, PREFIX)
}

function parseBinding(text: string): string {
	const ip = tryParseIp(text)
	if (ip?.family !== 4) throw invalid(`${BINDING}=${quote(text)} must be an IPv4 address`)
	return formatIp(ip)
}
