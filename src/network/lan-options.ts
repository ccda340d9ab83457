/** The options of the modes whose containers sit on a link of the host. Pure. */
import { checkLinkName } from '../model/names.ts'
import type { MacvlanMode, MacvlanOptions } from '../model/options.ts'
import { DOCKER_MTU, MTU, oneOf, PREFIX, parseBoolean, parsePrefix, type Raw, read, readMtu } from './option-values.ts'

const PARENT = 'parent'
const MACVLAN_MODE = 'macvlan_mode'
const HOST_ACCESS = 'host_access'

export const MACVLAN_KNOWN: readonly string[] = [PARENT, MACVLAN_MODE, MTU, DOCKER_MTU, PREFIX, HOST_ACCESS]

const MACVLAN_MODES: readonly MacvlanMode[] = ['bridge', 'private', 'vepa', 'passthru']

export function parseMacvlan(raw: Raw): MacvlanOptions {
	const mtu = readMtu(raw)
	const parent = read(raw, PARENT, (name, text) => checkLinkName(text, name))
	return {
		mode: 'macvlan',
		interfacePrefix: read(raw, PREFIX, parsePrefix) ?? 'eth',
		macvlanMode: read(raw, MACVLAN_MODE, oneOf(MACVLAN_MODES)) ?? 'bridge',
		hostAccess: read(raw, HOST_ACCESS, parseBoolean) ?? false,
		...(mtu === undefined ? {} : { mtu }),
		...(parent === undefined ? {} : { parent }),
	}
}
