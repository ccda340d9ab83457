/** `-o key=value` pairs and Docker's labels as typed options: the only reader of raw options. Pure. */
import { invalid } from '../errors.ts'
import type { ModeName, NetworkOptions, PerFamily } from '../model/options.ts'
import { BRIDGE_KNOWN, formatBridge, parseBridge } from './bridge-options.ts'
import { formatLan, IPVLAN_KNOWN, MACVLAN_KNOWN, parseIpvlan, parseMacvlan } from './lan-options.ts'
import { given, parseBoolean, quote, type Raw, read } from './option-values.ts'
import { formatOverlay, OVERLAY_KNOWN, parseOverlay } from './overlay-options.ts'
import { CONTAINER_KNOWN, formatShared, HOST_KNOWN, parseContainer, parseHost } from './shared-options.ts'

interface Reading {
	/** What the mode understands; `mode` itself is read first. */
	readonly known: readonly string[]
	readonly parse: (raw: Raw) => NetworkOptions
}

const READINGS: Readonly<Record<ModeName, Reading>> = {
	bridge: { known: BRIDGE_KNOWN, parse: parseBridge },
	macvlan: { known: MACVLAN_KNOWN, parse: parseMacvlan },
	ipvlan: { known: IPVLAN_KNOWN, parse: parseIpvlan },
	overlay: { known: OVERLAY_KNOWN, parse: parseOverlay },
	host: { known: HOST_KNOWN, parse: parseHost },
	container: { known: CONTAINER_KNOWN, parse: parseContainer },
	none: { known: [], parse: () => ({ mode: 'none' }) },
}

const ENABLED = { 4: 'com.docker.network.enable_ipv4', 6: 'com.docker.network.enable_ipv6' }

/** weft's own options, to say whose they are. */
const OWNERS: Raw = {
	mtu: 'bridge, host, container, macvlan, ipvlan and overlay',
	antispoof: 'bridge and overlay',
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
	const { known, parse } = READINGS[mode]
	for (const name of Object.keys(raw)) checkName(mode, name, ['mode', ...known])
	return parse(raw)
}

/** As `-o key=value` would give them, defaults filled in: what `parseOptions` reads back. */
export function formatOptions(options: NetworkOptions): Raw {
	const { mode } = options
	if (mode === 'bridge') return { mode, ...formatBridge(options) }
	if (mode === 'host' || mode === 'container') return { mode, ...formatShared(options) }
	if (mode === 'overlay') return { mode, ...formatOverlay(options) }
	return mode === 'none' ? { mode } : { mode, ...formatLan(options) }
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

function isMode(text: string): text is ModeName {
	return Object.hasOwn(READINGS, text)
}

function parseMode(mode: string): ModeName {
	if (isMode(mode)) return mode
	throw invalid(`mode=${quote(mode)} is not a mode of weft; this version has ${Object.keys(READINGS).join(', ')}`)
}

function checkName(mode: ModeName, name: string, known: readonly string[]): void {
	if (known.includes(name)) return
	const owner = Object.hasOwn(OWNERS, name) ? OWNERS[name] : undefined
	if (owner !== undefined) throw invalid(`the option ${name} belongs to mode ${owner}; this network's mode is ${mode}`)
	// Docker's daemon passes its defaults to every driver, and adds labels with each version.
	if (name.startsWith('com.docker.')) return
	throw invalid(`the option ${quote(name)} is unknown; mode ${mode} has ${known.join(', ')}`)
}
