/** What can be set, with what is accepted and what holds by default; see the README. Pure. */
import { hostname } from 'node:os'
import { parsePoolBases } from './ipam/pools.ts'
import { tryParseIp } from './model/address.ts'
import { hostAddress } from './model/node.ts'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export const SCOPES = ['local', 'global'] as const

export interface Setting {
	readonly fallback: string
	readonly accepted: string
	/** False, or an error that says more, for a value that is not accepted. */
	readonly accepts: (value: string) => boolean
	/** Shown to nobody. */
	readonly secret?: true
}

const path = (fallback: string): Setting => ({
	fallback,
	accepted: 'an absolute path',
	accepts: (value) => /^\/[^\0\n]+$/.test(value),
})
const text = (fallback: string, accepted: string, pattern: RegExp): Setting => ({
	fallback,
	accepted,
	accepts: (value) => pattern.test(value),
})
const oneOf = (fallback: string, values: readonly string[]): Setting => ({
	fallback,
	accepted: values.join(', '),
	accepts: (value) => values.includes(value),
})

const port = (fallback: string): Setting => ({
	fallback,
	accepted: 'a port from 1 to 65535',
	accepts: (value) => /^\d{1,5}$/.test(value) && isPort(Number(value)),
})

const file = text('', 'empty or an absolute path', /^(\/[^\0\n]+)?$/)

export interface SocketAddress {
	readonly address: string
	readonly port: number
}

/** ADDRESS:PORT, an IPv6 address in brackets; undefined for anything else, names among it. */
export function parseSocketAddress(value: string): SocketAddress | undefined {
	const [, four, six, digits] = /^(?:([\d.]+)|\[([^\]]+)\]):(\d{1,5})$/.exec(value) ?? []
	const ip = tryParseIp(four ?? six ?? '')
	const port = Number(digits)
	if (ip?.family !== (four === undefined ? 6 : 4) || !isPort(port)) return undefined
	return { address: four ?? six ?? '', port }
}

function isPort(port: number): boolean {
	return port >= 1 && port <= 65535
}

/** HOST:PORT, an IPv6 address in brackets. */
function isHostPort(value: string): boolean {
	const match = /^(?:[\w.-]+|\[([^\]]+)\]):(\d{1,5})$/.exec(value)
	if (match === null || !isPort(Number(match[2]))) return false
	return match[1] === undefined || tryParseIp(match[1])?.family === 6
}

function areEndpoints(value: string): boolean {
	return (
		value === '' ||
		value.split(',').every((each) => /^https?:\/\//.test(each) && isHostPort(each.replace(/^\w+:\/\//, '')))
	)
}

const UNITS: ReadonlyMap<string, number> = new Map([
	['s', 1],
	['min', 60],
	['h', 3600],
	['d', 86_400],
])

/** Seconds; undefined for anything but a whole number and a unit. */
export function parseTime(value: string): number | undefined {
	const [, digits, unit] = /^(\d{1,9})(s|min|h|d)$/.exec(value) ?? []
	const size = UNITS.get(unit ?? '')
	return size === undefined ? undefined : Number(digits) * size
}

export const SETTINGS = {
	WEFT_SOCKET: path('/run/docker/plugins/weft.sock'),
	WEFT_ADMIN_SOCKET: path('/run/weft/admin.sock'),
	WEFT_STATE_DIR: path('/var/lib/weft'),
	WEFT_DOCKER_HOST: {
		fallback: 'unix:///var/run/docker.sock',
		accepted: 'unix:///PATH or tcp://HOST:PORT',
		accepts: (value) =>
			/^unix:\/\/\/[^\0\n]+$/.test(value) || (value.startsWith('tcp://') && isHostPort(value.slice(6))),
	},
	WEFT_SCOPE: oneOf('local', SCOPES),
	WEFT_POOLS: {
		fallback: '10.210.0.0/16:24,fd77:6566:7400::/48:64',
		accepted: 'BASE:SIZE,BASE:SIZE such as 10.210.0.0/16:24,fd77:6566:7400::/48:64',
		accepts: (value) => parsePoolBases(value).length > 0,
	},
	WEFT_CLUSTER: { fallback: '', accepted: 'empty or http(s)://HOST:PORT,…', accepts: areEndpoints },
	WEFT_CLUSTER_CA: file,
	WEFT_CLUSTER_CERT: file,
	WEFT_CLUSTER_KEY: file,
	WEFT_CLUSTER_USER: text('', 'any text on one line', /^.*$/),
	WEFT_CLUSTER_PASSWORD: { ...text('', 'any text on one line', /^.*$/), secret: true },
	WEFT_NODE: text(hostname(), 'letters, digits, dots, dashes and underscores', /^[\w.-]{1,253}$/),
	WEFT_NODE_ADDRESS: {
		fallback: '',
		accepted: 'empty or an IP address of this host that others reach',
		accepts: (value) => value === '' || hostAddress(value) !== undefined,
	},
	WEFT_NODE_RETIREMENT: {
		fallback: '7d',
		accepted: 'a time such as 90min, 12h or 7d, from 5min to 365d',
		accepts: (value) => {
			const seconds = parseTime(value)
			return seconds !== undefined && seconds >= 300 && seconds <= 365 * 86_400
		},
	},
	WEFT_VXLAN_PORT: port('4789'),
	WEFT_WIREGUARD_PORT: port('51820'),
	WEFT_METRICS: {
		fallback: '',
		accepted: 'empty or ADDRESS:PORT such as 127.0.0.1:9474 or [::1]:9474',
		accepts: (value) => value === '' || parseSocketAddress(value) !== undefined,
	},
	WEFT_LOG_LEVEL: oneOf('info', LOG_LEVELS),
} satisfies Record<string, Setting>

export type Name = keyof typeof SETTINGS

/** A few words on each, for `weftd --help`. */
export const MEANING: Record<Name, string> = {
	WEFT_SOCKET: 'where Docker calls weft',
	WEFT_ADMIN_SOCKET: 'where the command weft asks weftd',
	WEFT_STATE_DIR: 'the directory of the state',
	WEFT_DOCKER_HOST: 'where Docker is asked, and makes networks',
	WEFT_SCOPE: 'global for networks of Swarm',
	WEFT_POOLS: 'subnets for networks without --subnet',
	WEFT_CLUSTER: 'endpoints of etcd; none: this host only',
	WEFT_CLUSTER_CA: "file with the certificate of etcd's authority",
	WEFT_CLUSTER_CERT: 'file with the certificate for etcd',
	WEFT_CLUSTER_KEY: 'file with its key',
	WEFT_CLUSTER_USER: 'name for etcd',
	WEFT_CLUSTER_PASSWORD: 'password for etcd',
	WEFT_NODE: 'name of this host in the cluster',
	WEFT_NODE_ADDRESS: 'address of this host for the others',
	WEFT_NODE_RETIREMENT: 'silence after which a host counts as gone for good',
	WEFT_VXLAN_PORT: 'UDP port of VXLAN, the same on all hosts',
	WEFT_WIREGUARD_PORT: 'UDP port of WireGuard, the same on all hosts',
	WEFT_METRICS: 'where Prometheus asks by TCP; empty: nowhere',
	WEFT_LOG_LEVEL: 'what is logged, as JSON lines on stdout',
}

/** As anybody may see it: of a secret only whether there is one, also of one in a setting that takes none, as it is refused. */
export function shownValue(name: Name, value: string): string {
	const setting: Setting = SETTINGS[name]
	if (setting.secret) return value === '' ? '' : '***'
	return value.replace(/\/\/.*@/s, '//***@').replace(/-----BEGIN .*/s, '***')
}

/** `--state-dir` for WEFT_STATE_DIR. */
export function flagOf(name: string): string {
	return `--${name
		.replace(/^WEFT_/, '')
		.toLowerCase()
		.replaceAll('_', '-')}`
}
