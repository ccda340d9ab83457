/** The options of the modes whose containers sit on a link of the host. Pure. */
import { checkLinkName } from '../model/names.ts'
import type {
	IpvlanFlag,
	IpvlanMode,
	IpvlanOptions,
	LanOptions,
	MacvlanMode,
	MacvlanOptions,
} from '../model/options.ts'
import { DOCKER_MTU, MTU, oneOf, PREFIX, parseBoolean, parsePrefix, type Raw, read, readMtu } from './option-values.ts'

const PARENT = 'parent'
const MACVLAN_MODE = 'macvlan_mode'
const IPVLAN_MODE = 'ipvlan_mode'
const IPVLAN_FLAG = 'ipvlan_flag'
const HOST_ACCESS = 'host_access'

const SHARED: readonly string[] = [MTU, DOCKER_MTU, PREFIX, HOST_ACCESS]
export const MACVLAN_KNOWN: readonly string[] = [PARENT, MACVLAN_MODE, ...SHARED]
export const IPVLAN_KNOWN: readonly string[] = [PARENT, IPVLAN_MODE, IPVLAN_FLAG, ...SHARED]

const MACVLAN_MODES: readonly MacvlanMode[] = ['bridge', 'private', 'vepa', 'passthru']
const IPVLAN_MODES: readonly IpvlanMode[] = ['l2', 'l3', 'l3s']
const IPVLAN_FLAGS: readonly IpvlanFlag[] = ['bridge', 'private', 'vepa']

export function parseMacvlan(raw: Raw): MacvlanOptions {
	return {
		mode: 'macvlan',
		...parseShared(raw),
		macvlanMode: read(raw, MACVLAN_MODE, oneOf(MACVLAN_MODES)) ?? 'bridge',
	}
}

export function parseIpvlan(raw: Raw): IpvlanOptions {
	return {
		mode: 'ipvlan',
		...parseShared(raw),
		ipvlanMode: read(raw, IPVLAN_MODE, oneOf(IPVLAN_MODES)) ?? 'l2',
		ipvlanFlag: read(raw, IPVLAN_FLAG, oneOf(IPVLAN_FLAGS)) ?? 'bridge',
	}
}

/** The same as they are asked for, with the defaults that hold. */
export function formatLan(options: LanOptions): Raw {
	const { mtu, parent, interfacePrefix, hostAccess } = options
	const own: Raw =
		options.mode === 'macvlan'
			? { [MACVLAN_MODE]: options.macvlanMode }
			: { [IPVLAN_MODE]: options.ipvlanMode, [IPVLAN_FLAG]: options.ipvlanFlag }
	return {
		...(parent === undefined ? {} : { [PARENT]: parent }),
		...own,
		[HOST_ACCESS]: String(hostAccess),
		...(mtu === undefined ? {} : { [MTU]: String(mtu) }),
		[PREFIX]: interfacePrefix,
	}
}

function parseShared(raw: Raw) {
	const mtu = readMtu(raw)
	const parent = read(raw, PARENT, (name, text) => checkLinkName(text, name))
	return {
		interfacePrefix: read(raw, PREFIX, parsePrefix) ?? 'eth',
		hostAccess: read(raw, HOST_ACCESS, parseBoolean) ?? false,
		...(mtu === undefined ? {} : { mtu }),
		...(parent === undefined ? {} : { parent }),
	}
}
