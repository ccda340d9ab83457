/** Which container owns a network, and why it may not. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Network } from '../../src/model/network.ts'
import { parseOptions } from '../../src/network/options.ts'
import { type Container, standingOf } from '../../src/network/owner-choice.ts'

const ID = 'abcd'.repeat(16)

function container(more: Partial<Container> = {}): Container {
	return { id: ID, name: 'web', running: true, networkMode: 'default', networks: [], ...more }
}

function network(id: string, raw: Record<string, string>): Network {
	const options = parseOptions(raw)
	const made = { id, bridge: 'weft0', mtu: 1500, internal: false, ipv4: [], ipv6: [], settled: true, options }
	return made as Network
}

function whyOf(wanted: string, containers: readonly Container[], networks: readonly Network[] = []) {
	const { state, why } = standingOf(wanted, containers, networks)
	return `${state}: ${why}`
}

describe('the owner of a network', () => {
	it('is found by its name, its id, or what only its id begins with', () => {
		const other = container({ id: `${'abcd'.repeat(3)}e`.padEnd(64, '0'), name: 'db' })
		for (const wanted of ['web', ID, 'abcdabcdabcda'])
			assert.match(whyOf(wanted, [other, container()]), /^running: container web /)
		const called = container({ id: '1'.repeat(64), name: 'abcdabcdabcd' })
		assert.match(whyOf('abcdabcdabcd', [container(), called]), /^running: container abcdabcdabcd /)
		for (const wanted of ['we', 'abcdabcdabcd', 'WEB']) {
			assert.equal(whyOf(wanted, [other, container()]), `missing: there is no container "${wanted}" on this host`)
		}
	})

	it('is none whose id only happens to begin with its name', () => {
		const stranger = container({ id: 'db'.padEnd(64, '0'), name: 'stranger' })
		for (const wanted of ['db', 'db000000000'])
			assert.equal(whyOf(wanted, [stranger]), `missing: there is no container "${wanted}" on this host`)
		assert.match(whyOf('db0000000000', [stranger]), /^running: container stranger /)
	})

	it('is waited for while it does not run', () => {
		assert.equal(whyOf('web', [container({ running: false })]), 'stopped: container web is not running')
	})

	it('is none that has the network of somebody else', () => {
		assert.match(
			whyOf('web', [container({ networkMode: 'host' })]),
			/^unfit: container web has the network of this host/,
		)
		const side = container({ id: '1'.repeat(64), name: 'side', networkMode: `container:${ID}` })
		assert.match(
			whyOf('side', [side, container()]),
			/^unfit: container side has .* another container .*name that one, web$/,
		)
		assert.match(whyOf('side', [side]), /name that one$/)
	})

	it('is none that shares a network itself, and so none of a circle', () => {
		const networks = [
			network('1'.repeat(64), { mode: 'bridge' }),
			network('2'.repeat(64), { mode: 'host' }),
			network('3'.repeat(64), { mode: 'container', container: 'side' }),
		]
		const on = (...numbers: string[]) =>
			whyOf('web', [container({ networks: numbers.map((n) => n.repeat(64)) })], networks)
		assert.match(on('1', '9'), /^running: /)
		assert.equal(on('1', '2'), 'unfit: container web is itself on network 222222222222 of mode host')
		assert.match(
			on('3'),
			/^unfit: container web is itself on network 333333333333 of mode container, .* container side$/,
		)
	})
})
