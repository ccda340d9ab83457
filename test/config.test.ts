/** The settings: what each one is by default, how it is given, and the one line that each bad value gets. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { describe, test } from 'node:test'
import { type Config, readConfig } from '../src/config.ts'
import { isCode } from '../src/errors.ts'
import { formatCidr } from '../src/model/address.ts'

interface Case {
	readonly get: (config: Config) => unknown
	readonly byDefault: unknown
	/** Texts that are accepted, each with what comes of it where that is not the text itself. */
	readonly good: readonly (string | readonly [string, unknown])[]
	readonly bad: readonly string[]
	/** What the refusal says is accepted. */
	readonly accepted: RegExp
}

const pools = (config: Config) => config.pools.map(({ base, length }) => `${formatCidr(base)}:${length}`).join()
const PATHS = {
	good: ['/x', '/a b/ü', '/run/weft//x.sock'],
	bad: ['', 'x', './x', '/', '/a\nb', '/a\0b'],
	accepted: /an absolute path/,
}
const FILE = {
	byDefault: '',
	good: ['', '/etc/weft/ca.pem'],
	bad: ['ca.pem', '/a\nb'],
	accepted: /empty or an absolute path/,
}
const LINE = { byDefault: '', good: ['', 'any "text" = $x'], bad: ['two\nlines'], accepted: /any text on one line/ }

const CASES: Record<string, Case> = {
	WEFT_SOCKET: { get: (c) => c.socket, byDefault: '/run/docker/plugins/weft.sock', ...PATHS },
	WEFT_ADMIN_SOCKET: { get: (c) => c.adminSocket, byDefault: '/run/weft/admin.sock', ...PATHS },
	WEFT_STATE_DIR: { get: (c) => c.stateDir, byDefault: '/var/lib/weft', ...PATHS },
	WEFT_DOCKER_HOST: {
		get: (c) => c.dockerHost,
		byDefault: 'unix:///var/run/docker.sock',
		good: ['unix:///x', 'tcp://10.0.0.1:2375', 'tcp://[fd00::1]:2375', 'tcp://docker.example:1'],
		bad: [
			'',
			'/x',
			'unix://x',
			'unix:///',
			'tcp://',
			'tcp://host',
			'tcp://host:0',
			'tcp://host:65536',
			'tcp://[1.2.3.4]:1',
		],
		accepted: /unix:\/\/\/PATH or tcp:\/\/HOST:PORT/,
	},
	WEFT_SCOPE: {
		get: (c) => c.scope,
		byDefault: 'local',
		good: ['local', 'global'],
		bad: ['', 'Local', 'swarm', 'local ', 'local,global'],
		accepted: /local, global/,
	},
	WEFT_POOLS: {
		get: pools,
		byDefault: '10.210.0.0/16:24,fd77:6566:7400::/48:64',
		good: [
			'10.0.0.0/8:8',
			'10.0.0.0/16:31',
			'fd00::/48:127',
			['10.1.2.3/16:24, FD00::/48:64', '10.1.0.0/16:24,fd00::/48:64'],
		],
		bad: [
			'',
			'10.0.0.0/8',
			'10.0.0.0/8:7',
			'10.0.0.0/8:33',
			'10.0.0.0/16:32',
			'10.0.0.0/32:32',
			'fd00::/48:128',
			'10.0.0.0/8:24,',
			'127.0.0.0/8:24',
			'x',
			'10.0.0.0/8:24\nx',
		],
		accepted: /BASE:SIZE,BASE:SIZE such as 10\.210/,
	},
	WEFT_CLUSTER: {
		get: (c) => c.cluster.endpoints,
		byDefault: [],
		good: [
			['', []],
			['http://10.0.0.1:2379', ['http://10.0.0.1:2379']],
			['https://a.b:2379,http://[fd00::1]:1', ['https://a.b:2379', 'http://[fd00::1]:1']],
		],
		bad: [
			'a:2379',
			'http://',
			'http://a',
			'http://a:2379,',
			'http://a:2379/x',
			'ftp://a:1',
			'http://a:1, http://b:1',
			'http://:1',
		],
		accepted: /empty or http\(s\):\/\/HOST:PORT,…/,
	},
	WEFT_CLUSTER_CA: { get: (c) => c.cluster.ca, ...FILE },
	WEFT_CLUSTER_CERT: { get: (c) => c.cluster.cert, ...FILE },
	WEFT_CLUSTER_KEY: { get: (c) => c.cluster.key, ...FILE },
	WEFT_CLUSTER_USER: { get: (c) => c.cluster.user, ...LINE },
	WEFT_CLUSTER_PASSWORD: { get: (c) => c.cluster.password, ...LINE },
	WEFT_NODE: {
		get: (c) => c.node,
		byDefault: hostname(),
		good: ['a', 'node-1.example_x', 'x'.repeat(253)],
		bad: ['', 'a b', 'a/b', 'ü', 'a\n', 'x'.repeat(254)],
		accepted: /letters, digits, dots, dashes and underscores/,
	},
	WEFT_NODE_ADDRESS: {
		get: (c) => c.nodeAddress,
		byDefault: '',
		good: ['', '10.0.0.1', 'fd00::1', ['2001:DB8:0::1', '2001:db8::1']],
		bad: [
			'host',
			'10.0.0',
			'10.0.0.1/24',
			'10.0.0.1\n',
			'fe80::1%eth0',
			...['0.0.0.0', '127.0.0.1', '169.254.0.1', '224.0.0.1', '255.255.255.255'],
			...['::', '::1', 'fe80::1', 'ff02::1', '::ffff:10.0.0.1'],
		],
		accepted: /empty or an IP address of this host that others reach/,
	},
	WEFT_NODE_RETIREMENT: {
		get: (c) => c.retirement,
		byDefault: 604_800,
		good: [
			['300s', 300],
			['5min', 300],
			['12h', 43_200],
			['365d', 31_536_000],
		],
		bad: ['', '7', 'd', '299s', '4min', '366d', '1.5h', '7 d', '7d\n', '-7d'],
		accepted: /a time such as 90min, 12h or 7d, from 5min to 365d/,
	},
	WEFT_VXLAN_PORT: {
		get: (c) => c.vxlanPort,
		byDefault: 4789,
		good: [
			['8472', 8472],
			['1', 1],
			['65535', 65535],
		],
		bad: ['', '0', '65536', '-1', '4789\n', '0x12b5', '4789.5'],
		accepted: /a port from 1 to 65535/,
	},
	WEFT_WIREGUARD_PORT: {
		get: (c) => c.wireguardPort,
		byDefault: 51820,
		good: [['4500', 4500]],
		bad: ['', '0', '65536', '51820 ', 'any'],
		accepted: /a port from 1 to 65535/,
	},
	WEFT_METRICS: {
		get: (c) => c.metrics,
		byDefault: undefined,
		good: [
			['', undefined],
			['127.0.0.1:9474', { address: '127.0.0.1', port: 9474 }],
			['[::1]:65535', { address: '::1', port: 65535 }],
			['0.0.0.0:1', { address: '0.0.0.0', port: 1 }],
		],
		bad: [
			'9474',
			':9474',
			'localhost:9474',
			'127.0.0.1',
			'127.0.0.1:0',
			'127.0.0.1:65536',
			'127.0.0:9474',
			'::1:9474',
			'[127.0.0.1]:9474',
			'[fe80::1%eth0]:9474',
			'http://127.0.0.1:9474',
			'127.0.0.1:9474\n',
		],
		accepted: /empty or ADDRESS:PORT such as 127\.0\.0\.1:9474/,
	},
	WEFT_LOG_LEVEL: {
		get: (c) => c.logLevel,
		byDefault: 'info',
		good: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
		bad: ['', 'INFO', 'verbose', '30'],
		accepted: /trace, debug, info, warn, error, fatal, silent/,
	},
}

const flagOf = (name: string) => `--${name.slice('WEFT_'.length).toLowerCase().replaceAll('_', '-')}`

function refusal(env: Record<string, string>, args: readonly string[]): string {
	try {
		readConfig(env, args)
	} catch (error) {
		assert.ok(isCode(error, 'invalid'), String(error))
		assert.doesNotMatch(error.message, /[\n\0]/)
		return error.message
	}
	return assert.fail(`accepted: ${JSON.stringify(env)} ${JSON.stringify(args)}`)
}

for (const [name, { get, byDefault, good, bad, accepted }] of Object.entries(CASES)) {
	describe(name, () => {
		test('has its default', () => assert.deepEqual(get(readConfig({}, [])), byDefault))

		test('is taken from the environment, from either form of its flag, and from the flag before the environment', () => {
			for (const each of good) {
				const [text, value] = typeof each === 'string' ? [each, each] : each
				assert.deepEqual(get(readConfig({ [name]: text }, [])), value)
				assert.deepEqual(get(readConfig({}, [flagOf(name), text])), value)
				assert.deepEqual(get(readConfig({}, [`${flagOf(name)}=${text}`])), value)
				for (const other of [...bad, good.at(-1)].flatMap((one) => (typeof one === 'string' ? [one] : []))) {
					assert.deepEqual(get(readConfig({ [name]: other }, [flagOf(name), text])), value)
				}
			}
		})

		test('refuses a bad value in one line with its name, the value and what is accepted', () => {
			for (const text of bad) {
				const messages = [
					refusal({ [name]: text }, []),
					refusal({}, [flagOf(name), text]),
					refusal({}, [`${flagOf(name)}=${text}`]),
				]
				assert.equal(new Set(messages).size, 1)
				const shown = name.endsWith('_PASSWORD') ? '***' : text
				assert.ok(messages[0]?.startsWith(`${name}=${JSON.stringify(shown)} is not accepted: it must be `), messages[0])
				assert.match(messages[0] ?? '', accepted)
			}
		})
	})
}

test('all settings can be shown, a secret only as one', () => {
	const { shown } = readConfig({ WEFT_CLUSTER_PASSWORD: 'hush', WEFT_SOCKET: '/x' }, [])
	assert.deepEqual(Object.keys(shown).toSorted(), Object.keys(CASES).toSorted())
	assert.deepEqual([shown.WEFT_CLUSTER_PASSWORD, shown.WEFT_SOCKET], ['***', '/x'])
	assert.equal(readConfig({}, []).shown.WEFT_CLUSTER_PASSWORD, '')
})

test('a secret where none belongs is refused, and not said', () => {
	const key = '-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----'
	for (const [name, text, shown] of [
		['WEFT_CLUSTER', 'https://a:2379,https://root:hush@b:2379', 'https://***@b:2379'],
		['WEFT_CLUSTER', 'https://root:hu/sh@b:2379', '***@b:2379'],
		['WEFT_DOCKER_HOST', 'tcp://root:hush@docker:2375', 'tcp://***@docker:2375'],
		['WEFT_CLUSTER_KEY', key, '***'],
		['WEFT_CLUSTER_CA', `x${key}`, 'x***'],
	] as const) {
		const message = refusal({ [name]: text }, [])
		assert.ok(message.startsWith(`${name}="`) && message.includes(shown), message)
		assert.doesNotMatch(message, /hush|hu\/sh|MIGH/)
	}
})

test('of pools, the part that is wrong is named, and why', () => {
	const reasons: readonly [string, RegExp][] = [
		['10.1.0.0/16:24,10.0.0.0/16:32', /; "10\.0\.0\.0\/16:32": the size must be a mask length from 16 to 31$/],
		['fd00::/48:47', /; "fd00::\/48:47": the size must be a mask length from 48 to 127$/],
		['10.0.0.0/32:32', /; "10\.0\.0\.0\/32:32": the base must have more than one address$/],
		['10.1.0.0/16:24,10.2.0.0', /; "10\.2\.0\.0" is not BASE:SIZE/],
		['10.1.0.0/16:24,127.0.0.0/8:24', /; the subnet 127\.0\.0\.0\/8 overlaps with/],
	]
	for (const [text, reason] of reasons) assert.match(refusal({ WEFT_POOLS: text }, []), reason)
})

test('the environment may hold other things', () => {
	assert.deepEqual(readConfig({ PATH: '/bin', WEFT_OTHER: 'x', WEFT_SOCKET: undefined }, []), readConfig({}, []))
})

test('of a flag given twice the last one counts', () => {
	assert.equal(readConfig({}, ['--socket', '/a', '--socket=/b']).socket, '/b')
	assert.equal(readConfig({}, ['--socket=/b=c']).socket, '/b=c')
})

test('an unknown argument is named with those that are accepted', () => {
	for (const argument of [
		'--sockets',
		'--WEFT_SOCKET',
		'-s',
		'x',
		'',
		'--',
		'--socket\n',
		'--help',
		'=/x',
		'--state_dir=/x',
	]) {
		const message = refusal({}, [argument])
		// Without its value, which may be a password.
		const [named] = argument.split('=')
		assert.ok(message.startsWith(`unknown argument ${JSON.stringify(named)}; accepted are --socket `), message)
		for (const name of Object.keys(CASES)) assert.ok(message.includes(` ${flagOf(name)}`))
	}
})

test('a flag without its value says what it needs', () => {
	for (const [name, { accepted }] of Object.entries(CASES)) {
		const message = refusal({}, [flagOf(name)])
		assert.match(message, new RegExp(`^${flagOf(name)} needs a value`))
		assert.match(message, accepted)
	}
})

test('every setting but the place of the plugin socket, which Docker chooses, can be set in the managed plugin', () => {
	const manifest = JSON.parse(readFileSync(new URL('../../config.json', import.meta.url), 'utf8'))
	const settable: string[] = manifest.env
		.filter(({ settable }: { settable: string[] | null }) => settable?.includes('value'))
		.map(({ name }: { name: string }) => name)
	const expected = Object.keys(CASES).filter((name) => name !== 'WEFT_SOCKET')
	assert.deepEqual(settable.toSorted(), expected.toSorted())
	// As Docker hands them over; those without a value not at all.
	const values = manifest.env.filter(({ value }: { value?: string }) => value !== undefined)
	readConfig(Object.fromEntries(values.map(({ name, value }: { name: string; value: string }) => [name, value])), [])
})
