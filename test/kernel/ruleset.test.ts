/** No text reaches a rule that is not what it should be: each part of an element is checked where it is rendered. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isCode, WeftError } from '../../src/errors.ts'
import { ACCEPT_MARK, DOCKERS_MARK } from '../../src/kernel/inet-table.ts'
import type { Element } from '../../src/kernel/resource.ts'
import { readListing, renderElement, renderElements, renderTables, SETS } from '../../src/kernel/ruleset.ts'
import { TUNNELS } from '../../src/model/tunnels.ts'
import { expectGolden } from '../support/golden.ts'

/** A part of each type that is good. */
const GOOD: Readonly<Record<string, string>> = {
	ifname: 'weft0a1b2c3d4e5',
	nf_proto: 'ipv6',
	ipv4_addr: '10.0.0.2',
	ipv6_addr: 'fd00::2',
	ipv4_prefix: '10.0.0.0/20',
	ipv6_prefix: 'fd00::/64',
	inet_proto: 'tcp',
	inet_service: '8080',
	ether_addr: '02:42:0a:00:00:02',
	'@th,64,128': 'fd00::2',
	verdict: 'goto held',
}
/** Where it is not written as it is given. */
const WRITTEN: Readonly<Record<string, string>> = { '@th,64,128': '0xfd000000000000000000000000000002' }

/** Parts that are bad for every type; links may be named as the second lot is. */
const HOSTILE = [
	'',
	' ',
	'"',
	'weft0"',
	'weft0" drop; add rule inet weft forward accept; "',
	'weft0\n',
	'weft0\nflush ruleset\n',
	'10.0.0.2; flush ruleset',
	'10.0.0.2 }\nflush ruleset\nadd element inet weft bridges { ',
	'10.0.0.2, 10.0.0.3',
	'10.0.0.0/33',
	'10.0.0.0/8; flush ruleset',
	'10.0.0.2-10.0.0.9',
	'fd00::2 . tcp',
	'}',
	'{',
	'*',
	'@bridges',
	'$x',
	'# x',
	'\\',
	'\0',
	'weft*',
	'tcp, udp',
	'٣',
	'02:42:0a:00:00:02; flush ruleset',
	'01:80:c2:00:00:0e',
	'02:42:0a:00:00',
	'goto held; drop',
	'goto held }',
	'jump held',
]
const ODD = [
	'fd00::/129',
	'0.0.0.0/0',
	'::/0',
	'accept',
	'80-90',
	'1e3',
	'0x50',
	'080',
	'-1',
	'65536',
	'TCP',
	'icmp',
	'inet',
	'010.0.0.1',
	'1.2.3',
	'256.0.0.1',
]

const ALL_SETS = Object.entries(SETS)

function good(set: string): Element {
	const { key, value } = SETS[set] ?? { key: [] }
	const parts = (types: readonly string[]) => types.map((type) => GOOD[type] ?? '')
	return value === undefined
		? { kind: 'element', set, key: parts(key) }
		: { kind: 'element', set, key: parts(key), value: parts(value) }
}

/** The element with one of its parts, of key or value, put in. */
function spoilt(set: string, at: number, text: string): Element {
	const { key, value, ...rest } = good(set)
	const parts = [...key, ...(value ?? [])].with(at, text)
	const [first, second] = [parts.slice(0, key.length), parts.slice(key.length)]
	return value === undefined ? { ...rest, key: first } : { ...rest, key: first, value: second }
}

/** Every place where text can come in. */
const PLACES = ALL_SETS.flatMap(([set, { key, value = [] }]) =>
	[...key, ...value].map((type, at) => ({ set, at, type, inKey: at < key.length })),
)

describe('an element', () => {
	it('renders as one line for its set', () => {
		assert.equal(
			renderElements('add', [good('bridges'), good('publish4'), { ...good('bridges'), key: ['weft1'] }]),
			'add element inet weft bridges { "weft0a1b2c3d4e5", "weft1" }\n' +
				'add element inet weft publish4 { 10.0.0.2 . tcp . 8080 : 10.0.0.2 . 8080 }\n',
		)
		assert.equal(
			renderElements('delete', [good('publish4')]),
			'delete element inet weft publish4 { 10.0.0.2 . tcp . 8080 }\n',
		)
		assert.equal(renderElements('add', []), '')
	})

	for (const { set, at, type } of PLACES) {
		it(`of ${set} takes a good ${type} at ${at}, and nothing hostile`, () => {
			assert.ok(renderElements('add', [good(set)]).includes(WRITTEN[type] ?? GOOD[type] ?? ''))
			for (const text of type === 'ifname' ? HOSTILE : [...HOSTILE, ...ODD]) {
				assert.throws(() => renderElements('add', [spoilt(set, at, text)]), WeftError, JSON.stringify(text))
			}
		})
	}

	it('renders only what is safe, whatever the text', () => {
		const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.constantFrom(...HOSTILE), fc.ipV4(), fc.ipV6())
		fc.assert(
			fc.property(fc.constantFrom(...PLACES), text, (place, hostile) => {
				const element = spoilt(place.set, place.at, hostile)
				try {
					// One line, one pair of braces, and between them nothing that could end or continue them.
					assert.match(renderElements('add', [element]), /^add element \w+ weft \w+ \{ [\w.:/" -]+ \}\n$/)
				} catch (error) {
					assert.ok(error instanceof WeftError, String(error))
				}
			}),
			{ numRuns: 3000 },
		)
	})

	it('is refused with too few parts, too many, or for a set that is not there', () => {
		const system = (error: unknown) => isCode(error, 'system')
		assert.throws(() => renderElements('add', [{ kind: 'element', set: 'bridges', key: [] }]), system)
		assert.throws(() => renderElements('add', [{ kind: 'element', set: 'bridges', key: ['a', 'b'] }]), system)
		assert.throws(() => renderElements('add', [{ kind: 'element', set: 'publish4_any', key: ['tcp', '80'] }]), system)
		for (const set of ['nobody', 'bridges { } ; flush ruleset']) {
			assert.throws(() => renderElements('add', [{ kind: 'element', set, key: ['weft0'] }]), WeftError, set)
		}
	})

	it('is of a network only where its set has networks, each spelt as nft lists it', () => {
		const across = (set: string, pool: string): Element => ({ kind: 'element', set, key: ['weft-vxlan', pool] })
		for (const [set, given, written] of [
			['across4', '10.0.0.7/20', '10.0.0.0/20'],
			['across4', '10.0.0.7/32', '10.0.0.7'],
			['across6', 'FD00::7/64', 'fd00::/64'],
		] as const) {
			assert.equal(renderElement(across(set, given)), `"weft-vxlan" . ${written}`)
		}
		assert.throws(() => renderElement(spoilt('endpoints4', 1, '10.0.0.0/20')), WeftError)
		assert.throws(() => renderElement(across('across4', 'fd00::/64')), WeftError)
	})

	it('spells an address in one way only', () => {
		const spelled = spoilt('endpoints6', 1, 'FD00:0:0::0002')
		assert.match(renderElements('add', [spelled]), /fd00::2/)
	})
})

describe('the table', () => {
	it('is this', () => {
		expectGolden('table.nft', renderTables([]))
	})

	it('has the same rules whatever its elements', () => {
		const [empty, full] = [renderTables([]), renderTables(ALL_SETS.map(([set]) => good(set)))]
		assert.ok(full.startsWith(empty))
		assert.equal(
			full.slice(empty.length),
			renderElements(
				'add',
				ALL_SETS.map(([set]) => good(set)),
			),
		)
	})

	it('marks with a bit, and another for what comes from Docker’s bridges, which are taken off again', () => {
		const bits = [ACCEPT_MARK, DOCKERS_MARK, TUNNELS.vxlan.mark, TUNNELS.wireguard.mark]
		for (const bit of bits) assert.equal(bit & (bit - 1), 0)
		assert.equal(new Set(bits).size, bits.length)
		const table = renderTables([])
		assert.match(table, /iifname @docker_bridges meta mark set meta mark \| 0x30000000 accept/)
		assert.match(table, /meta mark set meta mark & 0xc3ffffff \| 0x20000000 accept/)
		assert.match(table, /meta mark & 0x20000000 != 0 meta mark set meta mark & 0xc3ffffff/)
	})
})

describe('a listing', () => {
	const listing = (elements: string): string => {
		const head = '\tmap publish4_any {\n\t\ttype inet_proto . inet_service : ipv4_addr . inet_service\n'
		const all = elements === '' ? '' : `\t\telements = { ${elements} }\n`
		return `table inet weft {\n${head}${all}\t}\n}\n`
	}
	const ports = (['tcp', 'udp', 'sctp'] as const).map((protocol, i): Element => {
		return { kind: 'element', set: 'publish4_any', key: [protocol, '6'], value: [`10.0.0.${i + 2}`, '17'] }
	})
	const wanted = new Set(ports.map((each) => `publish4_any ${renderElement(each)}`))

	it('has elements as they are rendered', () => {
		const text = listing('tcp . 6 : 10.0.0.2 . 17,\n\t\t\t     udp . 6 : 10.0.0.3 . 17, sctp . 6 : 10.0.0.4 . 17')
		assert.deepEqual(readListing(text).elements, wanted)
	})

	it('has the same chains whatever elements there are', () => {
		assert.equal(readListing(listing('tcp . 6 : 10.0.0.2 . 17')).chains, readListing(listing('')).chains)
	})

	it('has them so, too, where nft does not know the names of protocols', () => {
		const text = listing('6 . 6 : 10.0.0.2 . 17, 17 . 6 : 10.0.0.3 . 17, 132 . 6 : 10.0.0.4 . 17')
		assert.deepEqual(readListing(text).elements, wanted)
	})
})
