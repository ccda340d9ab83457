/** Environment and flags as one validated value. No other file reads a setting of weft's; see the README for every one. */
import { invalid, messageOf } from './errors.ts'
import { type PoolBase, parsePoolBases } from './ipam/pools.ts'
import { hostAddress } from './model/node.ts'
import {
	flagOf,
	type LOG_LEVELS,
	type Name,
	parseSocketAddress,
	parseTime,
	type SCOPES,
	SETTINGS,
	type Setting,
	type SocketAddress,
	shownValue,
} from './settings.ts'

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
	/** Seconds without a word from a host until it counts as gone for good. */
	readonly retirement: number
	readonly vxlanPort: number
	readonly wireguardPort: number
	/** Where metrics are served by TCP; undefined: nowhere. */
	readonly metrics: SocketAddress | undefined
	/** All settings as text, for people; of secrets only whether there is one. */
	readonly shown: Readonly<Record<string, string>>
	readonly logLevel: (typeof LOG_LEVELS)[number]
}

/** `--state-dir /x` and `--state-dir=/x` alike, over what the environment says. */
function readFlags(args: readonly string[]): Partial<Record<Name, string>> {
	const names = new Map(Object.keys(SETTINGS).map((name) => [flagOf(name), name as Name]))
	const found: Partial<Record<Name, string>> = {}
	for (let i = 0; i < args.length; i++) {
		const [flag, ...rest] = (args[i] ?? '').split('=')
		const name = names.get(flag ?? '')
		if (name === undefined) {
			throw invalid(`unknown argument ${JSON.stringify(flag)}; accepted are ${[...names.keys()].join(' ')}`)
		}
		const value = rest.length > 0 ? rest.join('=') : args[++i]
		if (value === undefined) throw invalid(`${flag} needs a value: ${SETTINGS[name].accepted}`)
		found[name] = value
	}
	return found
}

type Environment = Readonly<Record<string, string | undefined>>

/** Undefined for a value that is accepted; otherwise what is wrong with it, where that is known. */
function problemOf({ accepts }: Setting, value: string): string | undefined {
	try {
		return accepts(value) ? undefined : ''
	} catch (error) {
		return `; ${messageOf(error)}`
	}
}

function accepted(name: Name, given: string | undefined): string {
	const setting: Setting = SETTINGS[name]
	const value = given ?? setting.fallback
	const problem = problemOf(setting, value)
	if (problem === undefined) return value
	throw invalid(
		`${name}=${JSON.stringify(shownValue(name, value))} is not accepted: it must be ${setting.accepted}${problem}`,
	)
}

/** Where the command line finds weftd: as `--admin-socket` says, or the environment. @throws WeftError `invalid` */
export function adminSocketOf(env: Environment, flag: string | undefined): string {
	return accepted('WEFT_ADMIN_SOCKET', flag ?? env.WEFT_ADMIN_SOCKET)
}

/** @throws WeftError `invalid` with one line that names the setting, its value and what is accepted. */
export function readConfig(env: Environment, args: readonly string[]): Config {
	const flags = readFlags(args)
	const get = (name: Name): string => accepted(name, flags[name] ?? env[name])
	const names = Object.keys(SETTINGS) as Name[]
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
		nodeAddress: hostAddress(get('WEFT_NODE_ADDRESS')) ?? '',
		retirement: parseTime(get('WEFT_NODE_RETIREMENT')) ?? 0,
		vxlanPort: Number(get('WEFT_VXLAN_PORT')),
		wireguardPort: Number(get('WEFT_WIREGUARD_PORT')),
		metrics: parseSocketAddress(get('WEFT_METRICS')),
		shown: Object.fromEntries(names.map((name) => [name, shownValue(name, get(name))])),
		logLevel: get('WEFT_LOG_LEVEL') as Config['logLevel'],
	}
}
