/**
 * Where files of the host are. A managed plugin has a root file system of its own, in which /proc/sys is read-only;
 * config.json mounts what weft needs of the host below /host.
 */
import { accessSync, constants } from 'node:fs'

const ROOT = isReadOnly('/proc/sys/net/ipv4/ip_forward') ? '/host' : ''

export const PROC = `${ROOT}/proc`

/** What iptables' legacy programs hold while they work; config.json tells those of the plugin the same. */
export const XTABLES_LOCK = `${ROOT}/run/xtables.lock`

/** Not only for whoever is not root. */
function isReadOnly(path: string): boolean {
	try {
		accessSync(path, constants.W_OK)
		return false
	} catch (error) {
		return isFileError(error, 'EROFS')
	}
}

/** Whether it is one that the file system gave, of one of these names. */
export function isFileError(error: unknown, ...names: string[]): boolean {
	return error instanceof Error && 'code' in error && names.includes(String(error.code))
}
