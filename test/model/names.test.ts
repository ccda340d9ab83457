/** Names of links: what the kernel, nft and /proc/sys take, the same each time, told apart from all others. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isCode } from '../../src/errors.ts'
import { parseIp, parseMac, toBytes } from '../../src/model/address.ts'
import {
	bridgeName,
	checkLinkName,
	freeName,
	isSpareName,
	LINK_NAME_LENGTH,
	linkName,
	macFor,
	peerName,
	spareName,
} from '../../src/model/names.ts'

const docker = fc.stringMatching(/^[0-9a-f]{64}$/)
const swarm = fc.stringMatching(/^[0-9a-z]{25}$/)
const id = fc.oneof(docker, swarm, fc.string())
const candidate = fc.nat(1000)

test("every name fits the kernel, says that it is weft's, and is the same each time", () => {
	fc.assert(
		fc.property(id, candidate, (of, n) => {
			assert.match(bridgeName(of, n), /^weft[0-9a-f]{11}$/)
			assert.match(linkName(of, n), /^wv[0-9a-f]{11}$/)
			assert.match(peerName(linkName(of, n)), /^wv[0-9a-f]{11}p$/)
			for (const name of [bridgeName(of, n), linkName(of, n), peerName(linkName(of, n))]) {
				assert.ok(Buffer.byteLength(name) <= LINK_NAME_LENGTH)
				assert.equal(checkLinkName(name, 'name'), name)
			}
			assert.deepEqual([bridgeName(of, n), linkName(of, n)], [bridgeName(of, n), linkName(of, n)])
		}),
	)
})

test('a spare name fits the kernel with its peer, and is no name of an endpoint', () => {
	fc.assert(
		fc.property(fc.uint8Array({ minLength: 5, maxLength: 5 }), id, candidate, (bytes, of, n) => {
			const name = spareName(bytes)
			assert.match(name, /^wvs[0-9a-f]{10}$/)
			assert.ok(isSpareName(name) && peerName(name).length <= LINK_NAME_LENGTH)
			for (const other of [linkName(of, n), peerName(name), bridgeName(of, n)]) assert.equal(isSpareName(other), false)
		}),
	)
})

// The expected digits are those of sha256sum.
test('the names of one run and of the next version are the same: links of running containers have them', () => {
	const network = '3f1b5e0c9a7d'.padEnd(64, '0')
	assert.equal(bridgeName(network), 'weft3f1b5e0c9a7')
	assert.equal(linkName(network), 'wv3f1b5e0c9a7')
	assert.equal(bridgeName(network, 1), 'weft26102fbd2db')
	assert.equal(bridgeName('x7dlqqi3gq1kvlzcvvm0h2z8p'), 'weft15d5e16c5a6')
	assert.equal(macFor('x'), '02:77:2d:71:16:42')
})

test('ids that start alike have different further candidates, and so have the candidates of one id', () => {
	const [one, other] = ['a'.repeat(64), 'a'.repeat(63).concat('b')]
	assert.equal(bridgeName(one), bridgeName(other))
	assert.notEqual(bridgeName(one, 1), bridgeName(other, 1))
	assert.equal(new Set(Array.from({ length: 1000 }, (_, n) => linkName(one, n))).size, 1000)
})

test('the first name that is not taken is used', () => {
	const all = [0, 1, 2, 3].map((n) => bridgeName('a'.repeat(64), n))
	const free = (taken: readonly string[]) =>
		freeName(
			(n) => bridgeName('a'.repeat(64), n),
			(name) => taken.includes(name),
		)
	for (let n = 0; n < 4; n++) assert.equal(free(all.slice(0, n)), all[n])
	assert.equal(free([all[1] ?? '']), all[0])
})

test('a link name of a user must be one for the kernel, nft and /proc/sys alike', () => {
	for (const name of ['br0', 'a', 'eth0.50', 'my-bridge_1', 'x'.repeat(15), '_', '0'])
		assert.equal(checkLinkName(name, 'o'), name)
	const kernel = ['', '.', '..', 'x'.repeat(16), 'a b', 'a/b', 'a:b', 'tab\t', 'ü', 'line\n', '\nline', 'nul\0']
	const others = ['-flag', '.hidden', 'eth%d', 'a*', '"', "'", '{', 'a;b', 'a,b', '$x', '@x', '!', 'x }; flush ruleset']
	for (const name of [...kernel, ...others]) {
		const refusal = (error: unknown) =>
			isCode(error, 'invalid') && !/\n/.test(error.message) && /^o=".*is not a link name/.test(error.message)
		assert.throws(() => checkLinkName(name, 'o'), refusal, JSON.stringify(name))
	}
})

test('a MAC is a locally administered unicast one, the same each time, and holds the IPv4 address where there is one', () => {
	fc.assert(
		fc.property(id, (of) => {
			const bytes = parseMac(macFor(of))
			assert.equal((bytes[0] ?? 0) & 3, 2)
			assert.equal(macFor(of), macFor(of))
		}),
	)
	assert.equal(macFor('x', toBytes(parseIp('10.210.0.255'))), '02:42:0a:d2:00:ff')
	assert.equal(macFor('x', toBytes(parseIp('10.210.0.2'))), macFor('y', toBytes(parseIp('10.210.0.2'))))
	assert.notEqual(macFor('x'), macFor('y'))
})
