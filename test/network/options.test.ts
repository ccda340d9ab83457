/** Every option of a network, with values that are good and bad; a refusal names the option, the value, what is accepted. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isCode, WeftError } from '../../src/errors.ts'
import { parseBridge } from '../../src/network/bridge-options.ts'
import { checkFamilies, formatOptions, parseOptions } from '../../src/network/options.ts'

const DEFAULTS = {
	mode: 'bridge',
	interfacePrefix: 'eth',
	gatewayModes: { 4: 'nat', 6: 'nat' },
	icc: true,
	antispoof: true,
	masquerade: true,
	sourceAddresses: {},
	trustedInterfaces: [],
	inhibitIpv4: false,
}
const LABEL = 'com.docker.network'

type Raw = Record<string, string>

function refused(raw: Raw, words: RegExp): void {
	assert.throws(
		() => parseOptions(raw),
		(error: unknown) => {
			assert.ok(isCode(error, 'invalid'), String(error))
			assert.match(error.message, words)
			assert.ok(!error.message.includes('\n'), 'one line')
			return true
		},
		JSON.stringify(raw),
	)
}

interface Option {
	readonly good: Readonly<Record<string, object>>
	readonly bad: readonly string[]
	readonly accepted: RegExp
}

/** The spellings of a boolean, with what each makes of the options; not given it is what the defaults have. */
function spellings(of: (value: boolean) => object): Record<string, object> {
	const all = (texts: readonly string[], value: boolean) => texts.map((text) => [text, of(value)] as const)
	return Object.fromEntries([
		['', {}],
		...all(['1', 't', 'T', 'TRUE', 'true', 'True'], true),
		...all(['0', 'f', 'F', 'FALSE', 'false', 'False'], false),
	])
}

const NO_BOOLEANS = ['yes', 'no', 'tRUE', '2', 'on']

const OPTIONS: Readonly<Record<string, Option>> = {
	mode: { good: { '': {}, bridge: {} }, bad: ['Bridge', 'bridges', 'bridge '], accepted: /this version has bridge/ },
	mtu: {
		good: { '': {}, 0: {}, 68: { mtu: 68 }, 1500: { mtu: 1500 }, 65535: { mtu: 65535 } },
		bad: ['67', '65536', '-1', '1e3', '0x5dc', '1500.5', ' 1500', 'x', '999999999'],
		accepted: /from 68 to 65535/,
	},
	[`${LABEL}.driver.mtu`]: {
		good: { '': {}, 1400: { mtu: 1400 } },
		bad: ['1', 'auto'],
		accepted: /from 68 to 65535/,
	},
	[`${LABEL}.container_iface_prefix`]: {
		good: { '': {}, net: { interfacePrefix: 'net' }, a234567890123: { interfacePrefix: 'a234567890123' } },
		bad: ['a2345678901234', 'a b', 'a/b', '.', '..', 'é'],
		accepted: /longer than 13|letters, digits/,
	},
	[`${LABEL}.bridge.name`]: {
		good: {
			'': {},
			mine: { bridgeName: 'mine' },
			'br.0-1_x': { bridgeName: 'br.0-1_x' },
			a23456789012345: { bridgeName: 'a23456789012345' },
		},
		bad: ['a234567890123456', 'a b', 'a/b', '.', '..', 'a"b', 'é', '-x'],
		accepted: /1 to 15 letters, digits/,
	},
	[`${LABEL}.bridge.enable_icc`]: {
		good: spellings((icc) => ({ icc })),
		bad: NO_BOOLEANS,
		accepted: /must be true or false/,
	},
	antispoof: {
		good: spellings((antispoof) => ({ antispoof })),
		bad: NO_BOOLEANS,
		accepted: /must be true or false/,
	},
	[`${LABEL}.bridge.enable_ip_masquerade`]: {
		good: spellings((masquerade) => ({ masquerade })),
		bad: NO_BOOLEANS,
		accepted: /must be true or false/,
	},
	[`${LABEL}.bridge.inhibit_ipv4`]: {
		good: spellings((inhibitIpv4) => ({ inhibitIpv4 })),
		bad: NO_BOOLEANS,
		accepted: /must be true or false/,
	},
	[`${LABEL}.bridge.host_binding_ipv4`]: {
		good: {
			'': {},
			'127.0.0.1': { hostBinding: '127.0.0.1' },
			'0.0.0.0': { hostBinding: '0.0.0.0' },
			'2001:DB8::0:1': { hostBinding: '2001:db8::1' },
			'::': { hostBinding: '::' },
		},
		bad: ['localhost', '127.0.0.1/8', '1.2.3', '256.0.0.1', '010.0.0.1', 'fe80::1%eth0', '[::1]'],
		accepted: /must be an IP address/,
	},
	[`${LABEL}.bridge.gateway_mode_ipv4`]: {
		good: {
			'': {},
			nat: {},
			'nat-unprotected': { gatewayModes: { 4: 'nat-unprotected', 6: 'nat' } },
			routed: { gatewayModes: { 4: 'routed', 6: 'nat' } },
			isolated: { gatewayModes: { 4: 'isolated', 6: 'nat' } },
		},
		bad: ['NAT', 'tunnel', 'nat ', 'unprotected'],
		accepted: /must be one of nat, nat-unprotected, routed, isolated/,
	},
	[`${LABEL}.bridge.gateway_mode_ipv6`]: {
		good: { '': {}, nat: {}, routed: { gatewayModes: { 4: 'nat', 6: 'routed' } } },
		bad: ['bridge', 'none'],
		accepted: /must be one of nat, nat-unprotected, routed, isolated/,
	},
	[`${LABEL}.bridge.trusted_host_interfaces`]: {
		good: {
			'': {},
			':': {},
			eth0: { trustedInterfaces: ['eth0'] },
			'eth0:wg-0:eth1.50': { trustedInterfaces: ['eth0', 'wg-0', 'eth1.50'] },
			':eth0::eth0:': { trustedInterfaces: ['eth0'] },
		},
		bad: ['eth0,eth1', 'a b"', 'a234567890123456', '*', 'é'],
		accepted: /1 to 15 letters, digits/,
	},
	[`${LABEL}.host_ipv4`]: {
		good: { '': {}, '192.0.2.1': { sourceAddresses: { 4: '192.0.2.1' } } },
		bad: ['2001:db8::1', '192.0.2.1/24', '0.0.0.0', 'eth0'],
		accepted: /must be an IPv4 address/,
	},
	[`${LABEL}.host_ipv6`]: {
		good: { '': {}, '2001:DB8::0:1': { sourceAddresses: { 6: '2001:db8::1' } } },
		bad: ['192.0.2.1', '::', '2001:db8::/64', 'fe80::1%eth0'],
		accepted: /must be an IPv6 address/,
	},
}

describe('the options of a network', () => {
	it('have defaults', () => {
		assert.deepEqual(parseOptions({}), DEFAULTS)
	})

	for (const [name, { good, bad, accepted }] of Object.entries(OPTIONS)) {
		it(`take ${name} with what is accepted, and name what is not`, () => {
			for (const [value, result] of Object.entries(good)) {
				assert.deepEqual(parseOptions({ [name]: value }), { ...DEFAULTS, ...result }, JSON.stringify(value))
			}
			for (const value of bad) {
				refused({ [name]: value }, accepted)
				refused({ [name]: value }, new RegExp(name.replaceAll('.', '\\.')))
				assert.throws(
					() => parseOptions({ [name]: value }),
					(error: Error) => {
						// Quoted where it could be taken for part of the sentence.
						return error.message.includes(value) || error.message.includes(JSON.stringify(value))
					},
				)
			}
		})
	}

	it('name the mode that an option belongs to', () => {
		const owners = {
			parent: 'macvlan',
			ipvlan_mode: 'ipvlan',
			backend: 'overlay',
			container: 'container',
			exclude: 'host',
		}
		for (const [name, owner] of Object.entries(owners)) {
			refused({ [name]: 'x' }, new RegExp(`option ${name} belongs to mode .*${owner}.*mode is bridge`))
		}
	})

	it('refuse the unknown, with the list of what there is, and ignore labels of Docker’s to come', () => {
		refused({ parnet: 'eth0' }, /option "parnet" is unknown; mode bridge has mode, mtu, .*host_binding_ipv4/)
		refused({ '': 'x' }, /""/)
		refused({ MTU: '1500' }, /"MTU" is unknown/)
		assert.deepEqual(parseOptions({ 'com.docker.network.of.the.future': 'x' }), DEFAULTS)
		refused({ 'com.example.label': 'x' }, /unknown/)
	})

	it('take both spellings of the MTU only where they agree', () => {
		assert.deepEqual(parseOptions({ mtu: '1400', [`${LABEL}.driver.mtu`]: '1400' }), { ...DEFAULTS, mtu: 1400 })
		assert.deepEqual(parseOptions({ mtu: '1400', [`${LABEL}.driver.mtu`]: '' }), { ...DEFAULTS, mtu: 1400 })
		refused(
			{ mtu: '1400', [`${LABEL}.driver.mtu`]: '1500' },
			/mtu="1400" and com\.docker\.network\.driver\.mtu="1500" differ/,
		)
	})

	it('name families only as the flags do', () => {
		const [four, six] = [`${LABEL}.enable_ipv4`, `${LABEL}.enable_ipv6`]
		const both = { 4: true, 6: true }
		checkFamilies({}, both)
		checkFamilies({ [four]: 'true', [six]: '1' }, both)
		checkFamilies({ [four]: 'T', [six]: '' }, { 4: true, 6: false })
		checkFamilies({ [four]: 'false', [six]: 'true' }, { 4: false, 6: true })
		assert.throws(
			() => checkFamilies({ [six]: 'true' }, { 4: true, 6: false }),
			/enable_ipv6="true" .* --ipv6, which is false/,
		)
		assert.throws(() => checkFamilies({ [six]: 'F' }, both), /enable_ipv6="false" .* --ipv6, which is true/)
		assert.throws(() => checkFamilies({ [four]: '0' }, both), /enable_ipv4="false" .* --ipv4, which is true/)
		assert.throws(() => checkFamilies({ [four]: 'maybe' }, both), /enable_ipv4="maybe" must be true or false/)
	})

	it('refuse the names that every object has', () => {
		for (const name of ['constructor', 'toString', 'hasOwnProperty', '__proto__']) {
			refused(JSON.parse(`{"${name}":"x"}`), new RegExp(`option "${name}" is unknown`))
		}
	})

	it('are parsed or refused in one line, whatever is given', () => {
		const names = [...Object.keys(OPTIONS), 'parent']
		const hostile = ['a\nb', '"; flush ruleset', '}', '\0', '../../etc', '$(reboot)', '%00', '1\n', 'eth0\n']
		const value = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.constantFrom(...hostile))
		const name = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...names) }, { weight: 1, arbitrary: value })
		fc.assert(
			fc.property(fc.dictionary(name, value, { maxKeys: 3 }), (raw) => {
				try {
					const { interfacePrefix, bridgeName = 'x', trustedInterfaces } = parseBridge(raw)
					for (const text of [interfacePrefix, bridgeName, ...trustedInterfaces]) assert.match(text, /^[\w.-]{1,15}$/)
				} catch (error) {
					assert.ok(error instanceof WeftError, String(error))
					assert.ok(
						Array.from(error.message).every((character) => character >= ' '),
						error.message,
					)
				}
			}),
			{ numRuns: 2000 },
		)
	})
})

describe('options of a macvlan network', () => {
	const macvlan = { mode: 'macvlan', interfacePrefix: 'eth', macvlanMode: 'bridge', hostAccess: false }

	it('have defaults, and are taken as given', () => {
		assert.deepEqual(parseOptions({ mode: 'macvlan' }), macvlan)
		assert.deepEqual(parseOptions({ mode: 'macvlan', parent: '', macvlan_mode: '' }), macvlan)
		for (const macvlanMode of ['bridge', 'private', 'vepa', 'passthru']) {
			const raw = {
				mode: 'macvlan',
				parent: 'eth0.50',
				macvlan_mode: macvlanMode,
				mtu: '1400',
				[`${LABEL}.bridge.name`]: 'x',
			}
			assert.deepEqual(parseOptions(raw), { ...macvlan, macvlanMode, parent: 'eth0.50', mtu: 1400 })
		}
		assert.deepEqual(parseOptions({ mode: 'macvlan', host_access: '1' }), { ...macvlan, hostAccess: true })
		const prefix = { mode: 'macvlan', [`${LABEL}.container_iface_prefix`]: 'lan' }
		assert.deepEqual(parseOptions(prefix), { ...macvlan, interfacePrefix: 'lan' })
	})

	it('are refused with the value and what is accepted', () => {
		refused(
			{ mode: 'macvlan', macvlan_mode: 'Bridge' },
			/macvlan_mode="Bridge" must be one of bridge, private, vepa, passthru/,
		)
		refused({ mode: 'macvlan', parent: 'eth0;reboot' }, /parent="eth0;reboot" is not a link name/)
		refused(
			{ mode: 'macvlan', ipvlan_mode: 'l2' },
			/option ipvlan_mode belongs to mode ipvlan; this network's mode is macvlan/,
		)
		refused({ mode: 'macvlan', antispoof: 'true' }, /belongs to mode bridge/)
		refused({ mode: 'macvlan', host_access: 'yes' }, /host_access="yes" must be true or false/)
		refused(
			{ mode: 'macvlan', vlan: '5' },
			/option "vlan" is unknown; mode macvlan has mode, parent, macvlan_mode, mtu/,
		)
	})
})

describe('options of an ipvlan network', () => {
	const ipvlan = { mode: 'ipvlan', interfacePrefix: 'eth', ipvlanMode: 'l2', ipvlanFlag: 'bridge', hostAccess: false }

	it('have defaults, and are taken as given', () => {
		assert.deepEqual(parseOptions({ mode: 'ipvlan' }), ipvlan)
		for (const ipvlanMode of ['l2', 'l3', 'l3s']) {
			for (const ipvlanFlag of ['bridge', 'private', 'vepa']) {
				const raw = { mode: 'ipvlan', parent: 'eth0', ipvlan_mode: ipvlanMode, ipvlan_flag: ipvlanFlag, mtu: '1400' }
				assert.deepEqual(parseOptions(raw), { ...ipvlan, ipvlanMode, ipvlanFlag, parent: 'eth0', mtu: 1400 })
			}
		}
	})

	it('are refused with the value and what is accepted', () => {
		refused({ mode: 'ipvlan', ipvlan_mode: 'L2' }, /ipvlan_mode="L2" must be one of l2, l3, l3s/)
		refused({ mode: 'ipvlan', ipvlan_flag: 'passthru' }, /ipvlan_flag="passthru" must be one of bridge, private, vepa/)
		refused({ mode: 'ipvlan', macvlan_mode: 'bridge' }, /macvlan_mode belongs to mode macvlan; this network's mode is/)
	})
})

describe('options of a host network', () => {
	const { hostBinding: _none, ...bridged } = { ...DEFAULTS, hostBinding: undefined }
	const host = { ...bridged, mode: 'host', exclude: [] }

	it('have defaults, and are taken as given', () => {
		assert.deepEqual(parseOptions({ mode: 'host' }), host)
		assert.deepEqual(parseOptions({ mode: 'host', ports: '', exclude: '' }), host)
		const raw = { mode: 'host', ports: '80,443/tcp,5000-5010/udp', exclude: '1-65535/sctp', mtu: '1400' }
		const ports = [
			{ first: 80, last: 80 },
			{ first: 443, last: 443, protocol: 'tcp' },
			{ first: 5000, last: 5010, protocol: 'udp' },
		]
		const exclude = [{ first: 1, last: 65535, protocol: 'sctp' }]
		assert.deepEqual(parseOptions(raw), { ...host, ports, exclude, mtu: 1400 })
	})

	it('are those of a container network, which has its owner as well', () => {
		const raw = { mode: 'container', container: 'web-1', ports: '80', exclude: '' }
		assert.deepEqual(parseOptions(raw), {
			...host,
			mode: 'container',
			container: 'web-1',
			ports: [{ first: 80, last: 80 }],
		})
		refused({ mode: 'container' }, /^mode container needs -o container=NAME, the container whose addresses/)
		refused({ mode: 'container', container: '' }, /^mode container needs -o container=NAME/)
		for (const bad of ['/web', 'web x', '-web', 'wéb', 'a'.repeat(256)]) {
			refused({ mode: 'container', container: bad }, /^container=".*" must be the name or id of a container: letters/)
		}
		refused({ mode: 'host', container: 'web' }, /container belongs to mode container; this network's mode is host/)
	})

	it('are refused with the part that is wrong and what is accepted', () => {
		const bad = [
			'0',
			'65536',
			'80-79',
			'80-',
			'-80',
			'80,',
			',',
			' 80',
			'80/TCP',
			'80/icmp',
			'80/',
			'http',
			'1e2',
			'+1',
		]
		for (const value of bad) {
			for (const name of ['ports', 'exclude']) {
				refused(
					{ mode: 'host', [name]: value },
					new RegExp(`^${name}=.* must be a list of ports from 1 to 65535 such as`),
				)
			}
		}
		refused({ mode: 'host', ports: '80,x,81' }, /ports="80,x,81" must be .*; "x" is none$/)
		refused({ mode: 'host', parent: 'eth0' }, /parent belongs to mode macvlan and ipvlan; this network's mode is host/)
		refused({ mode: 'host', antispoof: 'false' }, /antispoof belongs to mode bridge/)
		refused({ mode: 'host', port: '80' }, /option "port" is unknown; mode host has mode, mtu, .*, ports, exclude/)
	})
})

describe('options as they are shown', () => {
	const asked: readonly Raw[] = [
		{},
		{ mode: 'none' },
		{ mode: 'host', ports: '80,443/tcp,5000-5010/udp', exclude: '5005', mtu: '1400' },
		{ mode: 'macvlan', parent: 'eth0.50', macvlan_mode: 'vepa', host_access: 'false', mtu: '1400' },
		{ mode: 'ipvlan', ipvlan_mode: 'l3s', ipvlan_flag: 'private', [`${LABEL}.container_iface_prefix`]: 'lan' },
		{
			mtu: '1400',
			antispoof: 'false',
			[`${LABEL}.bridge.name`]: 'brook',
			[`${LABEL}.bridge.enable_icc`]: 'false',
			[`${LABEL}.bridge.enable_ip_masquerade`]: 'false',
			[`${LABEL}.bridge.host_binding_ipv4`]: '127.0.0.1',
			[`${LABEL}.bridge.gateway_mode_ipv4`]: 'routed',
			[`${LABEL}.bridge.gateway_mode_ipv6`]: 'nat-unprotected',
			[`${LABEL}.bridge.inhibit_ipv4`]: 'true',
			[`${LABEL}.bridge.trusted_host_interfaces`]: 'eth0:eth1',
			[`${LABEL}.host_ipv4`]: '203.0.113.1',
			[`${LABEL}.host_ipv6`]: '2001:db8::1',
		},
	]

	it('are those that make the same network, with each one that was given', () => {
		for (const raw of asked) {
			const options = parseOptions(raw)
			const written = formatOptions(options)
			assert.deepEqual(parseOptions(written), options)
			assert.deepEqual({ ...written, ...raw }, written)
		}
	})
})
