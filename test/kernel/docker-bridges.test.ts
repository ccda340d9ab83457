/** Docker's bridges by their names, and following them as they come and go. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dockerBridges, followDockerBridges } from '../../src/kernel/docker-bridges.ts'
import type { LinkInfo } from '../../src/kernel/netlink/link.ts'
import { FakeKernel } from '../support/fake-kernel.ts'

const NAME = 'br-0123456789ab'

function link(name: string, kind = 'bridge'): LinkInfo {
	return { index: 1, name, kind, mac: '', mtu: 1500, up: true, group: 0 }
}

function names(links: readonly LinkInfo[]): string[] {
	return dockerBridges(links).flatMap(({ key }) => key)
}

describe("Docker's bridges", () => {
	it('are docker0, docker_gwbridge and br- with twelve hexadecimal digits', () => {
		const own = ['docker0', 'docker_gwbridge', NAME]
		assert.deepEqual(names(own.map((name) => link(name))), own)
	})

	it('are no others, and no links of another kind', () => {
		const others = [
			'br0',
			'br-lan',
			'br-0123456789a',
			'br-0123456789abc',
			'br-0123456789AB',
			'docker1',
			'weft0',
			'virbr0',
		]
		assert.deepEqual(names(others.map((name) => link(name))), [])
		assert.deepEqual(names([link('docker0', 'veth')]), [])
		const { kind: _, ...hardware } = link('docker0')
		assert.deepEqual(names([hardware]), [])
	})
})

describe('who follows them', () => {
	const settle = () => new Promise((done) => setTimeout(done, 20))

	function follow(links: readonly LinkInfo[] = [], restored = Promise.resolve()) {
		const kernel = new FakeKernel()
		const warnings: string[] = []
		const listener = followDockerBridges(
			kernel,
			async () => links,
			restored,
			(_, message) => warnings.push(message),
		)
		return { kernel, listener, warnings }
	}

	it('keeps apart what comes, and forgets what goes', async () => {
		const { kernel, listener } = follow()
		listener.changed(link(NAME))
		listener.changed(link(NAME))
		listener.changed(link('br0'))
		await settle()
		assert.deepEqual(kernel.objects(), [`element docker_bridges ${NAME}`])
		listener.gone(link(NAME))
		await settle()
		assert.deepEqual(kernel.objects(), [])
	})

	it('does so in order, and not before everything is restored', async () => {
		let restored: () => void = () => undefined
		const { kernel, listener } = follow(
			[],
			new Promise((done) => {
				restored = done
			}),
		)
		listener.changed(link(NAME))
		listener.gone(link(NAME))
		listener.changed(link('docker0'))
		await settle()
		assert.deepEqual(kernel.objects(), [])
		restored()
		await settle()
		assert.deepEqual(kernel.objects(), ['element docker_bridges docker0'])
	})

	it('looks again where it has missed something, and goes on after a failure', async () => {
		const { kernel, listener, warnings } = follow([link(NAME)], Promise.reject(new Error('not restored')))
		kernel.before = () => {
			throw new Error('refused')
		}
		listener.changed(link('docker0'))
		await settle()
		assert.deepEqual([kernel.objects(), warnings.length], [[], 1])
		kernel.before = () => undefined
		listener.lost()
		await settle()
		assert.deepEqual(kernel.objects(), [`element docker_bridges ${NAME}`])
	})
})
