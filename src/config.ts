/** Environment and flags as one validated value. No other file reads process.env; see the README for every setting. */
import { hostname } from 'node:os'
import { invalid } from './errors.ts'
import { type PoolBase, parsePoolBases } from './ipam/pools.ts'
import { tryParseIp } from './model/address.ts'

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const SCOPES = ['local', 'global'] as const

export interface Config {
	readonly socket: string
	readonly adminSocket: string
	readonly stateDir: string
	readonly dockerHost: string
	readonly scope: (typeof SCOPES)[number]
	readonly pools: readonly PoolBase[]
	readonly cluster: {
		/** etcd endpoints; none: this host only. */
		readonly endpoints: readonly string[]
		readonly ca: string
		readonly cert: string
		readonly key: string
		readonly user: string
		readonly password: string
	}
	readonly node: string
	/** Empty: the source address of the default route. */
	readonly nodeAddress: string
	readonly logLevel: (typeof LOG_LEVELS)[number]
}

interface Setting {
	readonly fallback: string
	readonly accepted: string
	readonly accepts: (value: string) => boolean
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

const file = text('', 'empty or an absolute path', /^(\/[^\0\n]+)?$/)

/** HOST:PORT, an IPv6 address in brackets. */
function isHostPort(value: string): boolean {
	const match = /^(?:[\w.-]+|\[([^\]]+)\]):(\d{1,5})$/.exec(value)
	if (match === null || Number(match[2]) < 1 || Number(match[2]) > 65535) return false
	return match[1] === undefined || tryParseIp(match[1])?.family === 6
}

function areEndpoints(value: string): boolean {
	return (
		value === '' ||
		value.split(',').every((each) => /^https?:\/\//.test(each) && isHostPort(each.replace(/^\w+:\/\//, '')))
	)
}

const SETTINGS = {
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
		accepts: arePools,
	},
	WEFT_CLUSTER: { fallback: '', accepted: 'empty or http(s)://HOST:PORT,…', accepts: areEndpoints },
	WEFT_CLUSTER_CA: file,
	WEFT_CLUSTER_CERT: file,
	WEFT_CLUSTER_KEY: file,
	WEFT_CLUSTER_USER: text('', 'any text on one line', /^.*$/),
	WEFT_CLUSTER_PASSWORD: text('', 'any text on one line', /^.*$/),
	WEFT_NODE: text(hostname(), 'letters, digits, dots, dashes and underscores', /^[\w.-]{1,253}$/),
	WEFT_NODE_ADDRESS: {
		fallback: '',
		accepted: 'empty or an IP address of this host',
		accepts: (value) => value === '' || tryParseIp(value) !== undefined,
	},
	WEFT_LOG_LEVEL: oneOf('info', LOG_LEVELS),
} satisfies Record<string, Setting>

type Name = keyof typeof SETTINGS

function arePools(value: string): boolean {
	try {
		parsePoolBases(value)
		return true
	} catch {
		return false
	}
}

/** `--state-dir` for WEFT_STATE_DIR. */
function flagOf(name: string): string {
	return `--${name
		.replace(/^WEFT_/, '')
		.toLowerCase()
		.replaceAll('_', '-')}`
}

/** `--state-dir /x` and `--state-dir=/x` alike, over what the environment says. */
function readFlags(args: readonly string[]): Partial<Record<Name, string>> {
	const names = new Map(Object.keys(SETTINGS).map((name) => [flagOf(name), name as Name]))
	const found: Partial<Record<Name, string>> = {}
	for (let i = 0; i < args.length; i++) {
		const [flag, ...rest] = (args[i] ?? '').split('=')
		const name = names.get(flag ?? '')
		if (name === undefined) {
			throw invalid(`unknown argument ${JSON.stringify(args[i])}; accepted are ${[...names.keys()].join(' ')}`)
		}
		const value = rest.length > 0 ? rest.join('=') : args[++i]
		if (value === undefined) throw invalid(`${flag} needs a value: ${SETTINGS[name].accepted}`)
		found[name] = value
	}
	return found
}

type Environment = Readonly<Record<string, string | undefined>>

function accepted(name: Name, given: string | undefined): string {
	const setting = SETTINGS[name]
	const value = given ?? setting.fallback
	if (setting.accepts(value)) return value
	throw invalid(`${name}=${JSON.stringify(value)} is not accepted: it must be ${setting.accepted}`)
}

/** Where the command line finds weftd: as `--admin-socket` says, or the environment. @throws WeftError `invalid` */
export function adminSocketOf(env: Environment, flag: string | undefined): string {
	return accepted('WEFT_ADMIN_SOCKET', flag ?? env.WEFT_ADMIN_SOCKET)
}

/** @throws WeftError `invalid` with one line that names the setting, its value and what is accepted. */
export function readConfig(env: Environment, args: readonly string[]): Config {
	const flags = readFlags(args)
	const get = (name: Name): string => accepted(name, flags[name] ?? env[name])
	const cluster = get('WEFT_CLUSTER')
	return {
		socket: get('WEFT_SOCKET'),
		adminSocket: get('WEFT_ADMIN_SOCKET'),
		stateDir: get('WEFT_STATE_DIR'),
		dockerHost: get('WEFT_DOCKER_HOST'),
		scope: get('WEFT_SCOPE') as Config['scope'],
		pools: parsePoolBases(get('WEFT_POOLS')),
		cluster: {
			endpoints: cluster === '' ? [] : cluster.split(','),
			ca: get('WEFT_CLUSTER_CA'),
			cert: get('WEFT_CLUSTER_CERT'),
			key: get('WEFT_CLUSTER_KEY'),
			user: get('WEFT_CLUSTER_USER'),
			password: get('WEFT_CLUSTER_PASSWORD'),
		},
		node: get('WEFT_NODE'),
		nodeAddress: get('WEFT_NODE_ADDRESS'),
		logLevel: get('WEFT_LOG_LEVEL') as Config['logLevel'],
	}
}
