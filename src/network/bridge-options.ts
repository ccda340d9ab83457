/** The options of mode bridge. Pure. */
import { checkLinkName } from '../model/names.ts'
import type { BridgeOptions } from '../model/options.ts'
import {
	DOCKER_MTU,
	MTU,
	PREFIX,
	parseBinding,
	parseBoolean,
	parseGatewayMode,
	parseLinkNames,
	parsePrefix,
	parseSource,
	type Raw,
	read,
	readMtu,
} from './option-values.ts'

export const NAME = 'com.docker.network.bridge.name'
const ICC = 'com.docker.network.bridge.enable_icc'
const ANTISPOOF = 'antispoof'
const MASQUERADE = 'com.docker.network.bridge.enable_ip_masquerade'
export const BINDING = 'com.docker.network.bridge.host_binding_ipv4'
const GATEWAY_MODE = {
	4: 'com.docker.network.bridge.gateway_mode_ipv4',
	6: 'com.docker.network.bridge.gateway_mode_ipv6',
}
const INHIBIT = 'com.docker.network.bridge.inhibit_ipv4'
const TRUSTED = 'com.docker.network.bridge.trusted_host_interfaces'
export const SOURCE = { 4: 'com.docker.network.host_ipv4', 6: 'com.docker.network.host_ipv6' }

/** Those that mode overlay has too. */
export const OVERLAID: readonly string[] = [
	...[MTU, DOCKER_MTU, PREFIX, NAME, ICC, MASQUERADE, BINDING, ANTISPOOF, SOURCE[4], SOURCE[6]],
]
export const BRIDGE_KNOWN: readonly string[] = [...OVERLAID, GATEWAY_MODE[4], GATEWAY_MODE[6], INHIBIT, TRUSTED]

/** The same as they are asked for, with the defaults that hold. */
export function formatBridge(options: BridgeOptions): Raw {
	const { mtu, bridgeName, hostBinding, trustedInterfaces, sourceAddresses } = options
	return {
		...(mtu === undefined ? {} : { [MTU]: String(mtu) }),
		[PREFIX]: options.interfacePrefix,
		...(bridgeName === undefined ? {} : { [NAME]: bridgeName }),
		[GATEWAY_MODE[4]]: options.gatewayModes[4],
		[GATEWAY_MODE[6]]: options.gatewayModes[6],
		[ICC]: String(options.icc),
		[ANTISPOOF]: String(options.antispoof),
		[MASQUERADE]: String(options.masquerade),
		...(sourceAddresses[4] === undefined ? {} : { [SOURCE[4]]: sourceAddresses[4] }),
		...(sourceAddresses[6] === undefined ? {} : { [SOURCE[6]]: sourceAddresses[6] }),
		...(hostBinding === undefined ? {} : { [BINDING]: hostBinding }),
		...(trustedInterfaces.length === 0 ? {} : { [TRUSTED]: trustedInterfaces.join(':') }),
		[INHIBIT]: String(options.inhibitIpv4),
	}
}

export function parseBridge(raw: Raw): BridgeOptions {
	const mtu = readMtu(raw)
	const bridgeName = read(raw, NAME, (name, text) => checkLinkName(text, name))
	const hostBinding = read(raw, BINDING, parseBinding)
	const source4 = read(raw, SOURCE[4], (name, text) => parseSource(name, text, 4))
	const source6 = read(raw, SOURCE[6], (name, text) => parseSource(name, text, 6))
	return {
		mode: 'bridge',
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
