/** `-o key=value` pairs and Docker's labels as typed options: the only reader of raw options. Pure. */
import { invalid } from '../errors.ts'
import { checkLinkName } from '../model/names.ts'
import type { ModeName, NetworkOptions, PerFamily } from '../model/options.ts'
import {
	parseBinding,
	parseBoolean,
	parseGatewayMode,
	parseLinkNames,
	parseMtu,
	parsePrefix,
	parseSource,
	quote,
} from './option-values.ts'

type Raw = Readonly<Record<string, string>>

const MODES: readonly ModeName[] = ['bridge']

/** Modes that are named in the documentation and not there yet. */
const PLANNED_MODES = ['host', 'container', 'none', 'macvlan', 'ipvlan', 'overlay']

const MTU = 'mtu'
const DOCKER_MTU = 'com.docker.network.driver.mtu'
const PREFIX = 'com.docker.network.container_iface_prefix'
const BRIDGE = 'com.docker.network.bridge.name'
const ICC = 'com.docker.network.bridge.enable_icc'
const ANTISPOOF = 'antispoof'
const MASQUERADE = 'com.docker.network.bridge.enable_ip_masquerade'
const BINDING = 'com.docker.network.bridge.host_binding_ipv4'
const GATEWAY_MODE = {
	4: 'com.docker.network.bridge.gateway_mode_ipv4',
	6: 'com.docker.network.bridge.gateway_mode_ipv6',
}
const INHIBIT = 'com.docker.network.bridge.inhibit_ipv4'
const TRUSTED = 'com.docker.network.bridge.trusted_host_interfaces'
const ENABLED = { 4: 'com.docker.network.enable_ipv4', 6: 'com.docker.network.enable_ipv6' }
const SOURCE = { 4: 'com.docker.network.host_ipv4', 6: 'com.docker.network.host_ipv6' }

/** What bridge mode understands; `mode` itself is read first. */
const KNOWN = [
	...['mode', MTU, DOCKER_MTU, PREFIX, BRIDGE, ICC, MASQUERADE, BINDING, GATEWAY_MODE[4], GATEWAY_MODE[6]],
	...[ANTISPOOF, INHIBIT, TRUSTED, SOURCE[4], SOURCE[6]],
]

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
	for (const name of Object.keys(raw)) checkName(mode, name)
	const mtu = read(raw, mtuName(raw), parseMtu)
	const bridgeName = read(raw, BRIDGE, (name, text) => checkLinkName(text, name))
	const hostBinding = read(raw, BINDING, parseBinding)
	const source4 = read(raw, SOURCE[4], (name, text) => parseSource(name, text, 4))
	const source6 = read(raw, SOURCE[6], (name, text) => parseSource(name, text, 6))
	return {
		mode,
		interfacePrefix: read(raw, PREFIX, parsePrefix) ?? 'eth',
		gatewayModes: {
			4: read(raw, GATEWAY_MODE[4], parseGatewayMode) ?? 'nat',
			6: read(raw, GATEWAY_MODE[6], parseGatewayMode) ?? 'nat',
		},
		icc: read(raw, ICC, parseBoolean) ?? true,
		antispoof: read(raw, ANTISPOOF, parseBoolean) ?? true,
		masquerade: read(raw, MASQUERADE, parseBoolean) ?? true,
		sourceAddresses: {
			...(source4 === undefined ? {} : { 4: source4 }),
			...(source6 === undefined ? {} : { 6: source6 }),
		},
		trustedInterfaces: read(raw, TRUSTED, parseLinkNames) ?? [],
		inhibitIpv4: read(raw, INHIBIT, parseBoolean) ?? false,
		...(mtu === undefined ? {} : { mtu }),
		...(bridgeName === undefined ? {} : { bridgeName }),
		...(hostBinding === undefined ? {} : { hostBinding }),
	}
}

/**
 * Docker 28 and newer read these labels as the flags that they are named for; an older one does not know them, and
 * would have a network that is not the one asked for. @throws WeftError `invalid`
 */
export function checkFamilies(raw: Raw, has: PerFamily<boolean>): void {
	for (const family of [4, 6] as const) {
		const asked = read(raw, ENABLED[family], parseBoolean) ?? has[family]
		if (asked === has[family]) continue
		throw invalid(`${ENABLED[family]}="${asked}" does not agree with the flag --ipv${family}, which is ${has[family]}`)
	}
}

/** The value of an option, undefined where it was not given. */
function read<T>(raw: Raw, name: string, parse: (name: string, text: string) => T): T | undefined {
	const text = given(raw, name)
	return text === undefined ? undefined : parse(name, text)
}

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

function checkName(mode: ModeName, name: string): void {
	if (KNOWN.includes(name)) return
	const owner = Object.hasOwn(OTHER_MODES, name) ? OTHER_MODES[name] : undefined
	if (owner !== undefined) throw invalid(`the option ${name} belongs to mode ${owner}; this network's mode is ${mode}`)
	// Docker's daemon passes its defaults to every driver, and adds labels with each version.
	if (name.startsWith('com.docker.')) return
	throw invalid(`the option ${quote(name)} is unknown; mode ${mode} has ${KNOWN.join(', ')}`)
}

/** Which of the two spellings was used; both only where they agree. */
function mtuName(raw: Raw): string {
	const [mtu, dockers] = [given(raw, MTU), given(raw, DOCKER_MTU)]
	if (mtu === undefined) return DOCKER_MTU
	if (dockers === undefined || dockers === mtu) return MTU
	throw invalid(`${MTU}=${quote(mtu)} and ${DOCKER_MTU}=${quote(dockers)} differ; give one of them`)
}
